/* The receiving half of a link: bytes are put together to frames in one bounded buffer per link, and large bodies in a
 * buffer of their own, which whoever takes the frame can keep:
 *
 *     prefix, head, small body, what follows -> data          the rest of a large body -> body
 *
 * The memory for it grows with what has really arrived, not with what a frame announces: one body a link has a buffer,
 * and that is not touched before its bytes come. While a frame is incomplete, only as much room is offered as it still
 * lacks, so that large frames end where the bytes end and nothing has to be moved. */
#include "frame_internal.h"
#include "link_internal.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/spare.h>
#include <stdlib.h>
#include <string.h>

/* Smallest room for reading. */
#define ROOM_BYTES (64u * 1024u)
/* Bodies of that size and more have a buffer of their own. */
#define LARGE_BODY_BYTES (64u * 1024u)
/* Offered where a frame begins: what comes of a large body with its prefix has to be copied. */
#define FIRST_BYTES (16u * 1024u)
#define CAPACITY_LIMIT_BYTES (FY_FRAME_PREFIX_BYTES + FY_FRAME_MAX_HEAD_BYTES + LARGE_BODY_BYTES + ROOM_BYTES)
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

static void drop_body(struct fy_link_input *input)
{
    fy_spare_give(fy_take(input->body));
    input->body_end = input->body_bytes = 0;
}

static void drop_all(struct fy_link_input *input)
{
    drop_body(input);
    input->start = input->end = 0;
}

/* Of the frame that begins `data`, with its head; false as long as the prefix is not whole, or when it is refused. */
static bool known_lengths(const struct fy_link_input *input, struct fy_frame_lengths *lengths)
{
    return input->end > input->start &&
           fy_frame_read_lengths(input->data + input->start, input->end - input->start, lengths, NULL) > 0;
}

/* When a frame's head is whole, its body large and not: moves what there is of it into a buffer of its own. False when
 * there is no memory. */
static bool begin_body(struct fy_link_input *input)
{
    struct fy_frame_lengths lengths;
    if (!known_lengths(input, &lengths) || lengths.body_bytes < LARGE_BODY_BYTES)
        return true;
    size_t body_at = input->start + FY_FRAME_PREFIX_BYTES + lengths.head_bytes;
    if (input->end < body_at || input->end - body_at >= lengths.body_bytes)
        return true;
    input->body = fy_spare_take(lengths.body_bytes);
    if (!input->body)
        return false;
    input->body_bytes = lengths.body_bytes;
    input->body_end = input->end - body_at;
    memcpy(input->body, input->data + body_at, input->body_end);
    input->end = body_at;
    return true;
}

/* How much to read for the frame that begins `data`, as far as that can be told. */
static size_t wanted_bytes(const struct fy_link_input *input)
{
    struct fy_frame_lengths lengths;
    size_t have = input->end - input->start;
    if (!known_lengths(input, &lengths))
        return FIRST_BYTES;
    size_t total = (size_t)FY_FRAME_PREFIX_BYTES + lengths.head_bytes + lengths.body_bytes;
    size_t lacking = total > have ? total - have : 0;
    return lacking < FIRST_BYTES ? FIRST_BYTES : lacking;
}

uint8_t *fy_link_input_space(struct fy_link *link, size_t *size)
{
    struct fy_link_input *input = &link->input;
    if (input->start == input->end)
        input->start = input->end = 0;
    if (!input->body && !begin_body(input))
        return NULL;
    if (input->body) {
        *size = input->body_bytes - input->body_end;
        return input->body + input->body_end;
    }
    if (!make_room(input))
        return NULL;
    size_t wanted = wanted_bytes(input);
    size_t room = input->capacity - input->end;
    *size = wanted < room ? wanted : room;
    return input->data + input->end;
}

void fy_link_input_commit(struct fy_link *link, size_t size)
{
    link->stats.bytes_received += size;
    if (link->input.body)
        link->input.body_end += size;
    else
        link->input.end += size;
    fy_link_deliver(link);
}

static bool may_deliver(const struct fy_link *link)
{
    return link->state == FY_LINK_OPEN && !link->paused;
}

/* The first frame, as fy_frame_parse(); the result is how much of `data` it takes. */
static ptrdiff_t find_frame(struct fy_link_input *input, struct fy_frame *frame, struct fy_error *err)
{
    const uint8_t *data = input->data + input->start;
    size_t size = input->end - input->start;
    if (!input->body)
        return fy_frame_parse(data, size, frame, err);
    if (input->body_end < input->body_bytes)
        return 0;
    *frame = (struct fy_frame){
        .head = data + FY_FRAME_PREFIX_BYTES,
        .head_bytes = size - FY_FRAME_PREFIX_BYTES,
        .body = input->body,
        .body_bytes = input->body_bytes,
        .body_buffer = &input->body,
    };
    return (ptrdiff_t)size;
}

/* Delivers one frame. False when there is no complete one, or when the link failed over it. */
static bool deliver_one(struct fy_link *link)
{
    struct fy_link_input *input = &link->input;
    struct fy_frame frame;
    struct fy_error err = FY_ERROR_INIT;
    if (input->start == input->end)
        return false;
    ptrdiff_t taken = find_frame(input, &frame, &err);
    if (taken < 0) {
        (void)fy_error_wrap(&err, "%s", link->name);
        (void)fy_error_next(&err, "see that both sides run ferry of the same major version");
        if (link->events.garbled)
            link->events.garbled(link, &err, link->data);
        if (link->state == FY_LINK_OPEN)
            fy_link_fail(link, &err);
    }
    if (taken <= 0)
        return false;
    link->stats.frames_received++;
    link->events.frame(link, &frame, link->data);
    input->start += (size_t)taken;
    drop_body(input);
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
        drop_all(&link->input);
    if (backlog)
        fy_link_wake(link);
    settle_reading(link, backlog);
    if (link->input_ended && !backlog && !(link->state == FY_LINK_OPEN && link->paused))
        fy_link_conclude(link);
}

void fy_link_input_done(struct fy_link *link)
{
    drop_body(&link->input);
    free(link->input.data);
    link->input = (struct fy_link_input){0};
}
