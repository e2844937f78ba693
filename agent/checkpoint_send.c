/* Copying a checkpoint to a peer.
 *
 *     connect, greet --> offer(ID) --> HAVE ............................. done with it
 *                          ^           NEEDS_PARENT --> offer(parent), and then this one again
 *                          |           WANT --> chunks --> end --> DONE .. done with it
 *                          +---- the one that needed it
 */
#include "checkpoint_op.h"
#include "migrate_peer.h"

#include <ferry/agent/checkpoint_copy.h>
#include <ferry/base/cleanup.h>
#include <ferry/checkpoint/copy.h>
#include <string.h>

#define BATCH 4u /* chunks read at once */
#define LEVELS_MAX 1000u

struct sending {
    struct fy_checkpoint_op op;
    char peer[FY_PEER_NAME_SIZE];
    struct fy_session session;
    uv_timer_t deadline;
    bool session_open, working, over;
    char (*ids)[FY_CHECKPOINT_ID_SIZE]; /* the last is being copied, the first is the one that was wanted */
    size_t level_count;
    struct fy_checkpoint_copy_source *source;
    uint8_t *wanted;
    uint64_t count, next;
    bool end_sent;
    uv_work_t pool;
    struct {
        uint64_t index;
        uint8_t *data;
        size_t size;
    } batch[BATCH];
    size_t batch_count;
    struct fy_error work_err, err;
};

static struct sending *of(struct fy_checkpoint_op *op)
{
    return fy_container_of(op, struct sending, op);
}

static void offer(struct sending *sending);
static void pump(struct sending *sending);

/* ---- the end ---- */

static void timer_closed(uv_handle_t *handle)
{
    struct sending *sending = fy_container_of((uv_timer_t *)handle, struct sending, deadline);
    if (sending->op.cancelled)
        fy_error_set(&sending->err, FY_E_CANCELLED, "cancelled; what has arrived at %s is not sent again",
                     sending->peer);
    checkpoint_op_end(&sending->op, fy_error_is_set(&sending->err) ? &sending->err : NULL);
}

static void try_end(struct sending *sending)
{
    if (!sending->over || sending->session_open || sending->working)
        return;
    sending->over = false; /* once */
    uv_close((uv_handle_t *)&sending->deadline, timer_closed);
}

static void finish(struct sending *sending, const struct fy_error *why)
{
    fy_error_propagate(&sending->err, why);
    if (sending->over)
        return;
    sending->over = true;
    if (sending->session_open)
        fy_session_close(&sending->session);
    try_end(sending);
}

static void late(uv_timer_t *timer)
{
    struct sending *sending = fy_container_of(timer, struct sending, deadline);
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_TIMEOUT, "%s did not answer in time", sending->peer);
    fy_error_next(&err, "look at ferryd's log on %s", sending->peer);
    finish(sending, &err);
}

static void expect_answer(struct sending *sending)
{
    (void)uv_timer_start(&sending->deadline, late, sending->op.options.host->settings->timeouts.dump_ms, 0);
}

/* ---- one checkpoint ---- */

static int send_frame(struct sending *sending, const Ferry__Peer__Frame *frame, const void *body, size_t size)
{
    struct fy_error err = FY_ERROR_INIT;
    uint8_t *copy = size ? malloc(size) : NULL;
    if (size && !copy) {
        fy_error_set(&err, FY_E_NOMEM, "no memory for a frame");
    } else {
        if (size)
            memcpy(copy, body, size);
        if (fy_session_send(&sending->session, frame, copy, size, &err) == 0)
            return 0;
    }
    finish(sending, &err);
    return -1;
}

static void send_offer(struct sending *sending)
{
    size_t size;
    const uint8_t *record = fy_checkpoint_copy_record(sending->source, &size);
    Ferry__Peer__CopyOffer message = FERRY__PEER__COPY_OFFER__INIT;
    Ferry__Peer__CopyRecord piece = FERRY__PEER__COPY_RECORD__INIT;
    message.id = sending->ids[sending->level_count - 1];
    message.parent = (char *)(uintptr_t)fy_checkpoint_copy_parent(sending->source);
    message.record_bytes = size;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(copy_offer, FERRY__PEER__FRAME__KIND_COPY_OFFER, &message);
    Ferry__Peer__Frame record_frame = FY_PEER_FRAME(copy_record, FERRY__PEER__FRAME__KIND_COPY_RECORD, &piece);
    if (send_frame(sending, &frame, NULL, 0) < 0)
        return;
    for (size_t at = 0, part; at < size; at += part) {
        part = size - at < FY_STORED_CHUNK_BYTES ? size - at : FY_STORED_CHUNK_BYTES;
        if (send_frame(sending, &record_frame, record + at, part) < 0)
            return;
    }
    expect_answer(sending);
}

static void opened(uv_work_t *work, int status)
{
    struct sending *sending = fy_container_of(work, struct sending, pool);
    (void)status;
    sending->working = false;
    if (sending->over)
        try_end(sending);
    else if (fy_error_is_set(&sending->work_err))
        finish(sending, &sending->work_err);
    else
        send_offer(sending);
}

static void open_source(uv_work_t *work)
{
    struct sending *sending = fy_container_of(work, struct sending, pool);
    (void)fy_checkpoint_copy_open(sending->op.options.store, sending->ids[sending->level_count - 1], &sending->source,
                                  &sending->work_err);
}

static void forget_source(struct sending *sending)
{
    fy_checkpoint_copy_close(fy_take(sending->source));
    free(fy_take(sending->wanted));
    sending->count = sending->next = 0;
    sending->end_sent = false;
}

static void queue(struct sending *sending, uv_work_cb work, uv_after_work_cb after)
{
    struct fy_error err = FY_ERROR_INIT;
    sending->working = uv_queue_work(sending->op.options.host->loop, &sending->pool, work, after) == 0;
    if (sending->working)
        return;
    fy_error_set(&err, FY_E_NOMEM, "the thread pool takes no work");
    finish(sending, &err);
}

static void offer(struct sending *sending)
{
    forget_source(sending);
    queue(sending, open_source, opened);
}

static int push(struct sending *sending, const char *id, struct fy_error *err)
{
    if (sending->level_count == LEVELS_MAX)
        return fy_error_set(err, FY_E_LIMIT, "the chain of checkpoint %s is too long", sending->ids[0]);
    char(*ids)[FY_CHECKPOINT_ID_SIZE] = reallocarray(sending->ids, sending->level_count + 1, sizeof *ids);
    if (!ids)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a chain of checkpoints");
    sending->ids = ids;
    (void)snprintf(ids[sending->level_count++], sizeof *ids, "%s", id);
    return 0;
}

static void done_with_it(struct sending *sending)
{
    if (--sending->level_count == 0)
        finish(sending, NULL);
    else
        offer(sending);
}

static void needs_parent(struct sending *sending)
{
    struct fy_error err = FY_ERROR_INIT;
    const char *parent = fy_checkpoint_copy_parent(sending->source);
    if (!parent)
        fy_error_set(&err, FY_E_PROTOCOL, "%s asks for what checkpoint %s does not need", sending->peer,
                     sending->ids[sending->level_count - 1]);
    if (!parent || push(sending, parent, &err) < 0)
        finish(sending, &err);
    else
        offer(sending);
}

/* ---- chunks ---- */

static bool is_wanted(const struct sending *sending, uint64_t index)
{
    return sending->wanted[index / 8] & 1u << index % 8;
}

static void read_batch(uv_work_t *work)
{
    struct sending *sending = fy_container_of(work, struct sending, pool);
    for (size_t i = 0; i < sending->batch_count; i++) {
        if (fy_checkpoint_copy_read(sending->source, sending->batch[i].index, sending->batch[i].data,
                                    &sending->batch[i].size, &sending->work_err) < 0)
            return;
    }
}

static void batch_read(uv_work_t *work, int status)
{
    struct sending *sending = fy_container_of(work, struct sending, pool);
    (void)status;
    sending->working = false;
    if (sending->over) {
        try_end(sending);
        return;
    }
    if (fy_error_is_set(&sending->work_err)) {
        finish(sending, &sending->work_err);
        return;
    }
    for (size_t i = 0; i < sending->batch_count; i++) {
        Ferry__Peer__CopyChunk message = FERRY__PEER__COPY_CHUNK__INIT;
        message.index = sending->batch[i].index;
        Ferry__Peer__Frame frame = FY_PEER_FRAME(copy_chunk, FERRY__PEER__FRAME__KIND_COPY_CHUNK, &message);
        if (send_frame(sending, &frame, sending->batch[i].data, sending->batch[i].size) < 0)
            return;
        atomic_fetch_add(&sending->op.progress.done_bytes, sending->batch[i].size);
    }
    pump(sending);
}

static void send_end(struct sending *sending)
{
    Ferry__Peer__CopyEnd message = FERRY__PEER__COPY_END__INIT;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(copy_end, FERRY__PEER__FRAME__KIND_COPY_END, &message);
    sending->end_sent = true;
    if (send_frame(sending, &frame, NULL, 0) == 0)
        expect_answer(sending);
}

/* Reads and sends more, as far as the link takes it. */
static void pump(struct sending *sending)
{
    if (sending->over || sending->working || !sending->wanted || sending->end_sent ||
        fy_session_congested(&sending->session))
        return;
    sending->batch_count = 0;
    while (sending->next < sending->count && sending->batch_count < BATCH) {
        if (is_wanted(sending, sending->next))
            sending->batch[sending->batch_count++].index = sending->next;
        sending->next++;
    }
    if (sending->batch_count)
        queue(sending, read_batch, batch_read);
    else
        send_end(sending);
}

static void take_wanted(struct sending *sending, const Ferry__Peer__CopyAnswer *answer, const uint8_t *body,
                        size_t body_bytes)
{
    struct fy_error err = FY_ERROR_INIT;
    uint64_t count = fy_checkpoint_copy_count(sending->source), bytes = 0;
    if (answer->chunks != count || body_bytes != count / 8 + 1)
        fy_error_set(&err, FY_E_PROTOCOL, "%s wants chunks of another checkpoint", sending->peer);
    else if (!(sending->wanted = malloc(body_bytes)))
        fy_error_set(&err, FY_E_NOMEM, "no memory for a list of chunks");
    if (fy_error_is_set(&err)) {
        finish(sending, &err);
        return;
    }
    memcpy(sending->wanted, body, body_bytes);
    sending->count = count;
    for (uint64_t i = 0; i < count; i++)
        bytes += is_wanted(sending, i) ? FY_STORED_CHUNK_BYTES : 0;
    uint64_t most = fy_checkpoint_copy_bytes(sending->source);
    atomic_fetch_add(&sending->op.progress.total_bytes, bytes < most ? bytes : most);
    checkpoint_op_phase(&sending->op, "transfer", NULL);
    pump(sending);
}

/* ---- what the peer says ---- */

static void greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    struct sending *sending = fy_container_of(session, struct sending, session);
    (void)hello;
    (void)uv_timer_stop(&sending->deadline);
    if (!sending->over)
        offer(sending);
}

static void answered(struct sending *sending, const Ferry__Peer__CopyAnswer *answer, const uint8_t *body,
                     size_t body_bytes)
{
    (void)uv_timer_stop(&sending->deadline);
    if (answer->state == FERRY__PEER__COPY_STATE__HAVE)
        done_with_it(sending);
    else if (answer->state == FERRY__PEER__COPY_STATE__NEEDS_PARENT)
        needs_parent(sending);
    else
        take_wanted(sending, answer, body, body_bytes);
}

static void frame_arrived(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                          size_t body_bytes)
{
    struct sending *sending = fy_container_of(session, struct sending, session);
    struct fy_error err = FY_ERROR_INIT;
    bool waits = sending->source && !sending->working && !sending->over;
    if (sending->over)
        return;
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_COPY_ANSWER && waits && !sending->wanted) {
        answered(sending, frame->copy_answer, body, body_bytes);
    } else if (frame->kind_case == FERRY__PEER__FRAME__KIND_COPY_DONE && waits && sending->end_sent) {
        (void)uv_timer_stop(&sending->deadline);
        done_with_it(sending);
    } else {
        fy_error_set(&err, FY_E_PROTOCOL, "%s sent a frame of kind %d out of order", sending->peer,
                     (int)frame->kind_case);
        finish(sending, &err);
    }
}

static void drained(struct fy_session *session)
{
    pump(fy_container_of(session, struct sending, session));
}

static void closed(struct fy_session *session, const struct fy_error *err)
{
    struct sending *sending = fy_container_of(session, struct sending, session);
    struct fy_error lost = FY_ERROR_INIT;
    sending->session_open = false;
    if (!sending->over) {
        fy_error_propagate(&lost, err);
        fy_error_set(&lost, FY_E_UNREACHABLE, "the link to %s was closed", sending->peer);
        finish(sending, &lost);
    }
    try_end(sending);
}

/* ---- start ---- */

static int connect_peer(struct sending *sending, struct fy_error *err)
{
    static const struct fy_session_events events = {
        .greeted = greeted, .frame = frame_arrived, .drained = drained, .closed = closed};
    const struct fy_host *host = sending->op.options.host;
    const struct fy_peer_settings *peer = NULL;
    for (size_t i = 0; i < BATCH; i++) {
        if (!(sending->batch[i].data = malloc(FY_STORED_CHUNK_BYTES)))
            return fy_error_set(err, FY_E_NOMEM, "no memory for sending a checkpoint");
    }
    if (fy_migrate_find_peer(host, sending->peer, &peer, err) < 0)
        return -1;
    fy_migrate_session_init(host, &sending->session, &events);
    return fy_migrate_connect(host, peer, &sending->session, err);
}

static void begin(struct fy_checkpoint_op *op)
{
    struct sending *sending = of(op);
    struct fy_error err = FY_ERROR_INIT;
    (void)uv_timer_init(op->options.host->loop, &sending->deadline);
    checkpoint_op_phase(op, "connect", NULL);
    sending->session_open = connect_peer(sending, &err) == 0;
    if (sending->session_open)
        expect_answer(sending);
    else
        finish(sending, &err);
}

static int cancel(struct fy_checkpoint_op *op, struct fy_error *err)
{
    struct sending *sending = of(op);
    struct fy_error cancelled = FY_ERROR_INIT;
    (void)err;
    fy_error_set(&cancelled, FY_E_CANCELLED, "cancelled; what has arrived at %s is not sent again", sending->peer);
    if (sending->session_open)
        finish(sending, &cancelled);
    return 0;
}

static void done(struct fy_checkpoint_op *op)
{
    struct sending *sending = of(op);
    forget_source(sending);
    for (size_t i = 0; i < BATCH; i++)
        free(sending->batch[i].data);
    free(sending->ids);
}

static const struct fy_checkpoint_kind send_kind = {
    .size = sizeof(struct sending),
    .begin = begin,
    .cancel = cancel,
    .done = done,
};

int fy_checkpoint_replicate_start(const struct fy_checkpoint_op_options *options, const char *id, const char *peer,
                                  struct fy_checkpoint_op **op, struct fy_error *err)
{
    if (checkpoint_op_new(&send_kind, options, NULL, op, err) < 0)
        return -1;
    struct sending *sending = of(*op);
    (void)snprintf(sending->peer, sizeof sending->peer, "%s", peer);
    (void)snprintf((*op)->report.peer, sizeof(*op)->report.peer, "%s", peer);
    sending->ids = calloc(1, sizeof *sending->ids);
    if (sending->ids)
        (void)snprintf(sending->ids[sending->level_count++], sizeof *sending->ids, "%s", id);
    return 0;
}
