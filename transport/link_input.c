/* The receiving half of a link: bytes are put together to frames in one bounded buffer per link.
 *
 * The buffer grows with what has really arrived, not with what a frame announces, up to the largest frame. While a
 * frame is incomplete, only as much room is offered as it still lacks, so that large frames end where the bytes end
 * and nothing has to be moved. */
#include "frame_internal.h"
#include "link_internal.h"
#include <stdlib.h>
#include <string.h>

/* Smallest room offered for reading. */
#define ROOM_BYTES (64u * 1024u)
#define CAPACITY_LIMIT_BYTES (FY_FRAME_PREFIX_BYTES + FY_FRAME_MAX_HEAD_BYTES + FY_FRAME_MAX_BODY_BYTES + ROOM_BYTES)
/* A flood of small frames must not hold up the other users of the loop. */
#define FRAMES_PER_TURN 256u

static void compact(struct fy_link_input *input)
{
    if (input->start == 0)
        return;
    memmove(input->data, input->data + input->start, input->end - input->start);
    input->end -= input->start;
    input->start = 0;
}

/* Makes room for ROOM_BYTES at least; false when there is no memory. */
static bool make_room(struct fy_link_input *input)
{
    if (input->capacity - input->end >= ROOM_BYTES)
        return true;
    compact(input);
    if (input->capacity - input->end >= ROOM_BYTES)
        return true;
    size_t capacity = input->capacity ? input->capacity * 2 : 2 * ROOM_BYTES;
    if (capacity > CAPACITY_LIMIT_BYTES)
        capacity = CAPACITY_LIMIT_BYTES;
    uint8_t *data = realloc(input->data, capacity);
    if (!data)
        return false;
    input->data = data;
    input->capacity = capacity;
    return true;
}

uint8_t *fy_link_input_space(struct fy_link *link, size_t *size)
{
    struct fy_link_input *input = &link->input;
    if (input->start == input->end)
        input->start = input->end = 0;
    if (!make_room(input))
        return NULL;
    size_t have = input->end - input->start;
    size_t wanted = fy_frame_wanted(input->data + input->start, have);
    size_t lacking = wanted > have ? wanted - have : 0;
    size_t room = input->capacity - input->end;
    if (lacking < ROOM_BYTES)
        lacking = ROOM_BYTES;
    *size = lacking < room ? lacking : room;
    return input->data + input->end;
}

void fy_link_input_commit(struct fy_link *link, size_t size)
{
    link->stats.bytes_received += size;
    link->input.end += size;
    fy_link_deliver(link);
}

static bool may_deliver(const struct fy_link *link)
{
    return link->state == FY_LINK_OPEN && !link->paused;
}

/* Delivers one frame. False when there is no complete one, or when the link failed over it. */
static bool deliver_one(struct fy_link *link)
{
    struct fy_link_input *input = &link->input;
    struct fy_frame frame;
    struct fy_error err = FY_ERROR_INIT;
    if (input->start == input->end)
        return false;
    ptrdiff_t total = fy_frame_parse(input->data + input->start, input->end - input->start, &frame, &err);
    if (total < 0) {
        (void)fy_error_wrap(&err, "%s", link->name);
        (void)fy_error_next(&err, "see that both sides run ferry of the same major version");
        if (link->events.garbled)
            link->events.garbled(link, &err, link->data);
        if (link->state == FY_LINK_OPEN)
            fy_link_fail(link, &err);
    }
    if (total <= 0)
        return false;
    link->stats.frames_received++;
    link->events.frame(link, &frame, link->data);
    input->start += (size_t)total;
    return true;
}

static void settle_reading(struct fy_link *link, bool backlog)
{
    bool wanted = link->connected && !link->input_ended && !backlog && link->state != FY_LINK_CLOSING &&
                  (link->state != FY_LINK_OPEN || !link->paused);
    if (wanted == link->reading)
        return;
    link->reading = wanted;
    link->ops->set_reading(link, wanted);
}

void fy_link_deliver(struct fy_link *link)
{
    bool backlog = false;
    unsigned delivered = 0;
    while (may_deliver(link)) {
        if (delivered++ == FRAMES_PER_TURN) {
            backlog = true;
            break;
        }
        if (!deliver_one(link))
            break;
    }
    if (link->state == FY_LINK_CLOSING)
        return;
    if (link->state == FY_LINK_FINISHING || link->state == FY_LINK_ENDING)
        link->input.start = link->input.end = 0;
    if (backlog)
        fy_link_wake(link);
    settle_reading(link, backlog);
    if (link->input_ended && !backlog && !(link->state == FY_LINK_OPEN && link->paused))
        fy_link_conclude(link);
}

void fy_link_input_done(struct fy_link *link)
{
    free(link->input.data);
    link->input = (struct fy_link_input){0};
}
