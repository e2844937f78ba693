/* What all links have in common: their life, the send queue and its limits. Input is in link_input.c.
 *
 *     CONNECTING --> OPEN --------------------------+
 *         |           |                             |
 *         |     fy_link_finish()     queue empty    |
 *         +-----> FINISHING ----------> ENDING -----+--> CLOSING --> closed, freed
 *
 * A failed write does not end a link at once: the other side may have said why before it went, and that is still to be
 * read. It ends when the input ends, or after a short grace. */
#include "link_internal.h"
#include <assert.h>
#include <stdlib.h>

#define WRITE_FAILURE_GRACE_MS 2000u

static const bool successors[FY_LINK_STATE_COUNT][FY_LINK_STATE_COUNT] = {
    [FY_LINK_CONNECTING] = {[FY_LINK_OPEN] = true, [FY_LINK_FINISHING] = true, [FY_LINK_CLOSING] = true},
    [FY_LINK_OPEN] = {[FY_LINK_FINISHING] = true, [FY_LINK_CLOSING] = true},
    [FY_LINK_FINISHING] = {[FY_LINK_ENDING] = true, [FY_LINK_CLOSING] = true},
    [FY_LINK_ENDING] = {[FY_LINK_CLOSING] = true},
};

static void move(struct fy_link *link, enum fy_link_state next)
{
    assert(successors[link->state][next]);
    link->state = next;
}

/* --- birth and death ------------------------------------------------------------------------------------------- */

void fy_link_init(struct fy_link *link, uv_loop_t *loop, const struct fy_link_channel_ops *ops,
                  const struct fy_link_events *events, void *data)
{
    link->loop = loop;
    link->ops = ops;
    if (events)
        link->events = *events;
    link->data = data;
    link->high_water_bytes = FY_LINK_HIGH_WATER_BYTES;
    (void)uv_timer_init(loop, &link->deadline);
    (void)uv_idle_init(loop, &link->turn);
    link->deadline.data = link;
    link->turn.data = link;
    link->open_handles = 3; /* these two and the channel */
}

static void drop_queue(struct fy_link *link)
{
    while (link->queue_first)
        fy_chunk_free(fy_link_take(link));
}

static void on_handle_closed(struct fy_link *link)
{
    if (--link->open_handles > 0)
        return;
    drop_queue(link);
    fy_link_input_done(link);
    if (link->events.closed)
        link->events.closed(link, fy_error_is_set(&link->error) ? &link->error : NULL, link->data);
    link->ops->free(link);
}

static void on_uv_closed(uv_handle_t *handle)
{
    on_handle_closed(handle->data);
}

void fy_link_channel_closed(struct fy_link *link)
{
    on_handle_closed(link);
}

static void begin_close(struct fy_link *link)
{
    move(link, FY_LINK_CLOSING);
    uv_close((uv_handle_t *)&link->deadline, on_uv_closed);
    uv_close((uv_handle_t *)&link->turn, on_uv_closed);
    link->ops->close(link);
}

void fy_link_fail(struct fy_link *link, const struct fy_error *err)
{
    if (link->state == FY_LINK_CLOSING)
        return;
    fy_error_propagate(&link->error, err);
    begin_close(link);
}

void fy_link_close(struct fy_link *link)
{
    if (link->state != FY_LINK_CLOSING)
        begin_close(link);
}

void fy_link_set_events(struct fy_link *link, const struct fy_link_events *events, void *data)
{
    link->events = *events;
    link->data = data;
}

void fy_link_opened(struct fy_link *link, bool announce)
{
    if (link->state == FY_LINK_CLOSING)
        return;
    link->connected = true;
    if (link->state == FY_LINK_CONNECTING) {
        move(link, FY_LINK_OPEN);
        if (announce && link->events.opened)
            link->events.opened(link, link->data);
    }
    if (link->state == FY_LINK_CLOSING)
        return;
    if (link->queue_first)
        link->ops->kick(link);
    fy_link_wake(link);
}

/* --- sending --------------------------------------------------------------------------------------------------- */

void fy_chunk_free(struct fy_chunk *chunk)
{
    if (!chunk)
        return;
    fy_packet_unref(chunk->packet);
    free(chunk);
}

size_t fy_chunk_wire_bytes(const struct fy_chunk *chunk)
{
    return fy_packet_wire_bytes(chunk->packet);
}

static int check_sendable(const struct fy_link *link, struct fy_error *err)
{
    if ((link->state == FY_LINK_CONNECTING || link->state == FY_LINK_OPEN) && !link->output_dead)
        return 0;
    return fy_error_set(err, FY_E_UNREACHABLE, "%s: nothing can be sent any more", link->name);
}

static int append(struct fy_link *link, struct fy_chunk *chunk, struct fy_error *err)
{
    size_t cost = fy_chunk_wire_bytes(chunk) + FY_CHUNK_COST_BYTES;
    size_t limit = 2 * link->high_water_bytes;
    if (link->queued_bytes + cost > limit)
        return fy_error_set(err, FY_E_LIMIT, "%s: %zu bytes wait to be sent; the limit is %zu", link->name,
                            link->queued_bytes, limit);
    if (link->queue_last)
        link->queue_last->next = chunk;
    else
        link->queue_first = chunk;
    link->queue_last = chunk;
    link->queued_bytes += cost;
    link->congested = link->congested || link->queued_bytes > link->high_water_bytes;
    return 0;
}

int fy_link_send_packet(struct fy_link *link, struct fy_packet *packet, struct fy_error *err)
{
    if (check_sendable(link, err))
        return -1;
    struct fy_chunk *chunk = calloc(1, sizeof(*chunk));
    if (!chunk)
        return fy_error_set(err, FY_E_NOMEM, "%s: no memory to send a frame", link->name);
    chunk->packet = fy_packet_ref(packet);
    if (append(link, chunk, err)) {
        fy_chunk_free(chunk);
        return -1;
    }
    if (link->connected)
        link->ops->kick(link);
    return 0;
}

int fy_link_send(struct fy_link *link, const ProtobufCMessage *head, uint8_t *body, size_t body_bytes,
                 struct fy_error *err)
{
    if (check_sendable(link, err)) {
        free(body);
        return -1;
    }
    struct fy_packet *packet = fy_packet_new(head, body, body_bytes, err);
    if (!packet)
        return -1;
    int result = fy_link_send_packet(link, packet, err);
    fy_packet_unref(packet);
    return result;
}

void fy_link_limit_queue(struct fy_link *link, size_t high_water_bytes)
{
    link->high_water_bytes = high_water_bytes;
}

bool fy_link_congested(const struct fy_link *link)
{
    return link->congested;
}

struct fy_chunk *fy_link_take(struct fy_link *link)
{
    struct fy_chunk *chunk = link->queue_first;
    if (!chunk)
        return NULL;
    link->queue_first = chunk->next;
    if (!link->queue_first)
        link->queue_last = NULL;
    chunk->next = NULL;
    return chunk;
}

static void end_if_drained(struct fy_link *link)
{
    if (link->state != FY_LINK_FINISHING || !link->connected || link->queued_bytes > 0)
        return;
    move(link, FY_LINK_ENDING);
    link->ops->finish(link);
}

void fy_link_sent(struct fy_link *link, const struct fy_sent *sent)
{
    link->stats.frames_sent += sent->frames;
    link->stats.bytes_sent += sent->wire_bytes;
    link->queued_bytes -= (size_t)sent->wire_bytes + (size_t)sent->frames * FY_CHUNK_COST_BYTES;
    if (link->congested && link->queued_bytes < link->high_water_bytes / 2) {
        link->congested = false;
        if (link->state == FY_LINK_OPEN && link->events.drained)
            link->events.drained(link, link->data);
    }
    end_if_drained(link);
}

static void on_turn(uv_idle_t *handle)
{
    struct fy_link *link = handle->data;
    (void)uv_idle_stop(handle);
    end_if_drained(link);
    fy_link_deliver(link);
}

void fy_link_wake(struct fy_link *link)
{
    (void)uv_idle_start(&link->turn, on_turn);
}

/* --- ends ------------------------------------------------------------------------------------------------------- */

static void on_grace_over(uv_timer_t *timer)
{
    struct fy_link *link = timer->data;
    fy_link_fail(link, &link->end_error);
}

void fy_link_output_failed(struct fy_link *link, const struct fy_error *err)
{
    if (link->state == FY_LINK_CLOSING || link->output_dead)
        return;
    link->output_dead = true;
    drop_queue(link);
    fy_error_propagate(&link->end_error, err);
    if (link->state == FY_LINK_OPEN)
        (void)uv_timer_start(&link->deadline, on_grace_over, WRITE_FAILURE_GRACE_MS, 0);
}

void fy_link_ended(struct fy_link *link, const struct fy_error *err)
{
    if (link->state == FY_LINK_CLOSING || link->input_ended)
        return;
    link->input_ended = true;
    fy_error_clear(&link->end_error);
    if (err)
        fy_error_propagate(&link->end_error, err);
    fy_link_deliver(link);
}

void fy_link_conclude(struct fy_link *link)
{
    bool in_order = !fy_error_is_set(&link->end_error);
    struct fy_error err = link->end_error;
    if (link->state == FY_LINK_ENDING && in_order) {
        begin_close(link);
        return;
    }
    if (in_order) {
        bool cut = link->input.end > link->input.start;
        (void)fy_error_set(&err, FY_E_UNREACHABLE, "%s: closed by the other side%s", link->name,
                           link->state == FY_LINK_FINISHING ? " before everything was sent"
                           : cut                            ? " in the middle of a frame"
                                                            : "");
    }
    fy_link_fail(link, &err);
}

static void on_finish_timeout(uv_timer_t *timer)
{
    struct fy_link *link = timer->data;
    struct fy_error err = FY_ERROR_INIT;
    (void)fy_error_set(&err, FY_E_TIMEOUT, "%s: the other side did not take the last %zu bytes in time", link->name,
                       link->queued_bytes);
    fy_link_fail(link, &err);
}

void fy_link_finish(struct fy_link *link, uint64_t timeout_ms)
{
    if (link->state != FY_LINK_CONNECTING && link->state != FY_LINK_OPEN)
        return;
    move(link, FY_LINK_FINISHING);
    (void)uv_timer_start(&link->deadline, on_finish_timeout, timeout_ms, 0);
    fy_link_wake(link);
}

/* --- flow and looks --------------------------------------------------------------------------------------------- */

void fy_link_pause(struct fy_link *link)
{
    link->paused = true;
}

void fy_link_resume(struct fy_link *link)
{
    link->paused = false;
    if (link->state != FY_LINK_CLOSING)
        fy_link_wake(link);
}

void fy_link_get_stats(const struct fy_link *link, struct fy_link_stats *stats)
{
    *stats = link->stats;
}

const char *fy_link_describe(const struct fy_link *link)
{
    return link->name;
}
