/* Serving a peer: copies that arrive are written by the thread pool, one step at a time, with few waiting; a restore is
 * handed to the daemon. Nothing of the peer is believed (ferry/checkpoint/copy.h). */
#include <ferry/agent/checkpoint_copy.h>

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <ferry/checkpoint/copy.h>
#include <string.h>

#define FAREWELL_MS 2000u
#define WAITING_MAX 8u /* steps; then the link is paused */
#define WAITING_FEW 2u

enum step_kind { STEP_BEGIN, STEP_CHUNK, STEP_FINISH };

struct step {
    struct step *next;
    enum step_kind kind;
    uint64_t index; /* CHUNK */
    size_t size;
    uint8_t data[];
};

struct fy_checkpoint_server {
    struct fy_checkpoint_server *next;
    const struct fy_host *host;
    struct fy_checkpoint_service *service;
    struct fy_session session;
    char peer[FY_PEER_NAME_SIZE];
    bool session_open, working, restoring, arriving;
    bool listing;    /* the copy, by the service */
    bool finished;   /* the last step was the copy's last one */
    uv_timer_t idle; /* the peer owes the next frame */
    /* The copy that is arriving. */
    char id[FY_CHECKPOINT_ID_SIZE], parent[FY_CHECKPOINT_ID_SIZE];
    uint8_t *record;
    size_t record_bytes, record_filled;
    struct fy_checkpoint_copy *copy;
    struct step *first, *last, *current;
    size_t waiting;
    bool paused;
    uv_work_t work;
    enum fy_copy_answer answer;
    uint8_t *wanted;
    uint64_t count;
    struct fy_error err;
};

static void next_step(struct fy_checkpoint_server *server);

/* ---- the end ---- */

/* As the service's `arrived`. */
static bool forget_copy(struct fy_checkpoint_server *server, fy_checkpoint_listed_cb listed)
{
    fy_checkpoint_copy_free(fy_take(server->copy));
    free(fy_take(server->record));
    free(fy_take(server->wanted));
    server->record_bytes = server->record_filled = 0;
    if (!server->arriving)
        return false;
    server->arriving = false;
    return server->service->arrived(server->id, server->parent[0] ? server->parent : NULL, listed, server,
                                    server->service->data);
}

static void timer_closed(uv_handle_t *handle)
{
    struct fy_checkpoint_server *server = fy_container_of((uv_timer_t *)handle, struct fy_checkpoint_server, idle);
    struct fy_checkpoint_server **at = &server->service->servers;
    while (*at != server)
        at = &(*at)->next;
    *at = server->next;
    (void)forget_copy(server, NULL);
    while (server->first) {
        struct step *gone = server->first;
        server->first = gone->next;
        free(gone);
    }
    free(server);
}

static void try_end(struct fy_checkpoint_server *server)
{
    bool at_work = server->session_open || server->working || server->restoring || server->listing;
    if (!at_work && !uv_is_closing((uv_handle_t *)&server->idle))
        uv_close((uv_handle_t *)&server->idle, timer_closed);
}

static void fail(struct fy_checkpoint_server *server, const struct fy_error *err)
{
    if (server->session_open)
        fy_session_fail(&server->session, err);
}

static void closed(struct fy_session *session, const struct fy_error *err)
{
    struct fy_checkpoint_server *server = fy_container_of(session, struct fy_checkpoint_server, session);
    (void)err; /* what has arrived stays; the peer knows how far it came */
    server->session_open = false;
    (void)uv_timer_stop(&server->idle);
    try_end(server);
}

static void idle_passed(uv_timer_t *timer)
{
    struct fy_checkpoint_server *server = fy_container_of(timer, struct fy_checkpoint_server, idle);
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_TIMEOUT, "the peer owes the next part of a checkpoint");
    fail(server, &err);
}

static void expect(struct fy_checkpoint_server *server)
{
    if (server->session_open)
        (void)uv_timer_start(&server->idle, idle_passed, 2 * server->host->settings->timeouts.link_ms, 0);
}

/* ---- steps ---- */

static void reply(struct fy_checkpoint_server *server, const Ferry__Peer__Frame *frame, uint8_t *body, size_t size)
{
    struct fy_error err = FY_ERROR_INIT;
    if (!server->session_open)
        free(body);
    else if (fy_session_send(&server->session, frame, body, size, &err) < 0)
        fail(server, &err);
}

static void reply_answer(struct fy_checkpoint_server *server)
{
    static const Ferry__Peer__CopyState states[] = {
        [FY_COPY_HAVE] = FERRY__PEER__COPY_STATE__HAVE,
        [FY_COPY_NEEDS_PARENT] = FERRY__PEER__COPY_STATE__NEEDS_PARENT,
        [FY_COPY_WANT] = FERRY__PEER__COPY_STATE__WANT,
    };
    Ferry__Peer__CopyAnswer message = FERRY__PEER__COPY_ANSWER__INIT;
    bool wants = server->answer == FY_COPY_WANT;
    message.state = states[server->answer];
    message.has_chunks = wants;
    message.chunks = server->count;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(copy_answer, FERRY__PEER__FRAME__KIND_COPY_ANSWER, &message);
    size_t size = wants ? (size_t)(server->count / 8) + 1 : 0;
    reply(server, &frame, fy_take(server->wanted), size);
}

static void reply_done(struct fy_checkpoint_server *server)
{
    Ferry__Peer__CopyDone message = FERRY__PEER__COPY_DONE__INIT;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(copy_done, FERRY__PEER__FRAME__KIND_COPY_DONE, &message);
    reply(server, &frame, NULL, 0);
}

static void tell(struct fy_checkpoint_server *server)
{
    if (server->finished)
        reply_done(server);
    else
        reply_answer(server);
}

static void listed(void *data)
{
    struct fy_checkpoint_server *server = data;
    server->listing = false;
    tell(server);
    try_end(server);
}

/* Whoever hears that it is here finds it here. */
static void list_copy(struct fy_checkpoint_server *server)
{
    if (forget_copy(server, listed))
        server->listing = true;
    else
        tell(server);
}

/* In the thread pool. */
static void do_step(uv_work_t *work)
{
    struct fy_checkpoint_server *server = fy_container_of(work, struct fy_checkpoint_server, work);
    const struct step *step = server->current;
    switch (step->kind) {
    case STEP_BEGIN:
        (void)fy_checkpoint_copy_begin(server->service->store, server->id, server->record, server->record_bytes,
                                       &server->answer, &server->wanted, &server->count, &server->copy, &server->err);
        break;
    case STEP_CHUNK:
        (void)fy_checkpoint_copy_chunk(server->copy, step->index, step->data, step->size, &server->err);
        break;
    case STEP_FINISH:
        (void)fy_checkpoint_copy_finish(server->copy, server->peer, &server->err);
        break;
    }
}

static void step_done(uv_work_t *work, int status)
{
    struct fy_checkpoint_server *server = fy_container_of(work, struct fy_checkpoint_server, work);
    struct step *step = fy_take(server->current);
    (void)status;
    server->working = false;
    server->finished = step->kind == STEP_FINISH;
    if (fy_error_is_set(&server->err))
        fail(server, &server->err);
    else if (step->kind == STEP_BEGIN && server->answer == FY_COPY_WANT)
        reply_answer(server);
    else if (step->kind != STEP_CHUNK)
        list_copy(server);
    free(step);
    if (server->session_open && !fy_error_is_set(&server->err))
        next_step(server);
    try_end(server);
}

static void next_step(struct fy_checkpoint_server *server)
{
    struct fy_error err = FY_ERROR_INIT;
    if (server->working || !server->first)
        return;
    server->current = server->first;
    server->first = server->current->next;
    server->waiting--;
    if (server->paused && server->waiting <= WAITING_FEW) {
        server->paused = false;
        fy_session_resume(&server->session);
    }
    server->working = uv_queue_work(server->host->loop, &server->work, do_step, step_done) == 0;
    if (server->working)
        return;
    free(fy_take(server->current));
    fy_error_set(&err, FY_E_NOMEM, "the thread pool takes no work");
    fail(server, &err);
}

static int add_step(struct fy_checkpoint_server *server, enum step_kind kind, uint64_t index, const uint8_t *data,
                    size_t size, struct fy_error *err)
{
    struct step *step = malloc(sizeof *step + size);
    if (!step)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a part of a checkpoint");
    *step = (struct step){.kind = kind, .index = index, .size = size};
    if (size)
        memcpy(step->data, data, size);
    if (server->first)
        server->last->next = step;
    else
        server->first = step;
    server->last = step;
    server->waiting++;
    if (server->waiting >= WAITING_MAX && !server->paused) {
        server->paused = true;
        fy_session_pause(&server->session);
    }
    next_step(server);
    return 0;
}

/* ---- what the peer says ---- */

static int take_offer(struct fy_checkpoint_server *server, const Ferry__Peer__CopyOffer *offer, struct fy_error *err)
{
    if (server->arriving || server->listing)
        return fy_error_set(err, FY_E_PROTOCOL, "another checkpoint was offered before the first one was complete");
    if (!fy_checkpoint_id_is_valid(offer->id) || (offer->parent && !fy_checkpoint_id_is_valid(offer->parent)))
        return fy_error_set(err, FY_E_PROTOCOL, "what was offered cannot be the id of a checkpoint");
    if (offer->record_bytes == 0 || offer->record_bytes > FY_COPY_RECORD_LIMIT)
        return fy_error_set(err, FY_E_LIMIT, "the record of checkpoint %s has %llu bytes", offer->id,
                            (unsigned long long)offer->record_bytes);
    if (server->service->arriving(offer->id, offer->parent, server->peer, err, server->service->data) < 0)
        return -1;
    server->arriving = true;
    (void)snprintf(server->id, sizeof server->id, "%s", offer->id);
    (void)snprintf(server->parent, sizeof server->parent, "%s", offer->parent ? offer->parent : "");
    server->record_bytes = (size_t)offer->record_bytes;
    server->record = malloc(server->record_bytes);
    return server->record ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for a checkpoint's record");
}

static int take_record(struct fy_checkpoint_server *server, const uint8_t *body, size_t size, struct fy_error *err)
{
    if (!server->record || size == 0 || size > server->record_bytes - server->record_filled)
        return fy_error_set(err, FY_E_PROTOCOL, "more of a record than was said");
    memcpy(server->record + server->record_filled, body, size);
    server->record_filled += size;
    return server->record_filled == server->record_bytes ? add_step(server, STEP_BEGIN, 0, NULL, 0, err) : 0;
}

static void restored(pid_t root_pid, const struct fy_error *err, void *data)
{
    struct fy_checkpoint_server *server = data;
    Ferry__Peer__CopyRestored message = FERRY__PEER__COPY_RESTORED__INIT;
    server->restoring = false;
    message.root_pid = (uint32_t)root_pid;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(copy_restored, FERRY__PEER__FRAME__KIND_COPY_RESTORED, &message);
    if (err) {
        fail(server, err);
    } else {
        reply(server, &frame, NULL, 0);
        if (server->session_open)
            fy_session_finish(&server->session, FAREWELL_MS);
    }
    try_end(server);
}

static int take_restore(struct fy_checkpoint_server *server, const Ferry__Peer__CopyRestore *order,
                        struct fy_error *err)
{
    enum fy_tcp_mode tcp = FY_TCP_CLOSE;
    if (server->restoring || server->arriving || server->listing)
        return fy_error_set(err, FY_E_PROTOCOL, "a restore in the middle of something else");
    if (order->tcp && fy_tcp_mode_parse(order->tcp, &tcp, err) < 0)
        return -1;
    if (server->service->restore(order->id, order->as, tcp, restored, server, err, server->service->data) < 0)
        return -1;
    server->restoring = true;
    (void)uv_timer_stop(&server->idle);
    return 0;
}

static int take_frame(struct fy_checkpoint_server *server, const Ferry__Peer__Frame *frame, const uint8_t *body,
                      size_t size, struct fy_error *err)
{
    switch (frame->kind_case) {
    case FERRY__PEER__FRAME__KIND_COPY_OFFER:
        return take_offer(server, frame->copy_offer, err);
    case FERRY__PEER__FRAME__KIND_COPY_RECORD:
        return take_record(server, body, size, err);
    case FERRY__PEER__FRAME__KIND_COPY_CHUNK:
        if (!server->copy)
            break;
        return add_step(server, STEP_CHUNK, frame->copy_chunk->index, body, size, err);
    case FERRY__PEER__FRAME__KIND_COPY_END:
        if (!server->copy)
            break;
        return add_step(server, STEP_FINISH, 0, NULL, 0, err);
    case FERRY__PEER__FRAME__KIND_COPY_RESTORE:
        return take_restore(server, frame->copy_restore, err);
    default:
        break;
    }
    return fy_error_set(err, FY_E_PROTOCOL, "the peer sent a frame of kind %d out of order", (int)frame->kind_case);
}

static void frame_arrived(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                          size_t body_bytes)
{
    struct fy_checkpoint_server *server = fy_container_of(session, struct fy_checkpoint_server, session);
    struct fy_error err = FY_ERROR_INIT;
    expect(server);
    if (take_frame(server, frame, body, body_bytes, &err) < 0)
        fail(server, &err);
}

static void greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    (void)session;
    (void)hello; /* it was, before it was taken over */
}

static void drained(struct fy_session *session)
{
    (void)session; /* little is said here */
}

/* ---- start and stop ---- */

bool fy_checkpoint_is_served(const Ferry__Peer__Frame *frame)
{
    return frame->kind_case == FERRY__PEER__FRAME__KIND_COPY_OFFER ||
           frame->kind_case == FERRY__PEER__FRAME__KIND_COPY_RESTORE;
}

int fy_checkpoint_serve(const struct fy_host *host, struct fy_session *session, const char *peer,
                        const Ferry__Peer__Frame *frame, const uint8_t *body, size_t body_bytes, struct fy_error *err)
{
    static const struct fy_session_events events = {
        .greeted = greeted, .frame = frame_arrived, .drained = drained, .closed = closed};
    if (!host->checkpoints)
        return fy_error_set(err, FY_E_UNSUPPORTED, "this agent keeps no checkpoints");
    struct fy_checkpoint_server *server = calloc(1, sizeof *server);
    if (!server)
        return fy_error_set(err, FY_E_NOMEM, "no memory for serving a peer");
    server->host = host;
    server->service = host->checkpoints;
    server->next = server->service->servers;
    server->service->servers = server;
    server->session_open = true;
    (void)snprintf(server->peer, sizeof server->peer, "%s", peer);
    (void)uv_timer_init(host->loop, &server->idle);
    fy_session_init(&server->session, &session->options, &events);
    fy_session_adopt(&server->session, session);
    frame_arrived(&server->session, frame, body, body_bytes);
    return 0;
}

void fy_checkpoint_serve_stop(struct fy_checkpoint_service *service, const char *why)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_BUSY, "%s", why);
    for (struct fy_checkpoint_server *server = service->servers; server; server = server->next)
        fail(server, &err);
}
