/* See talk.h. */
#include "talk.h"
#include <ferry/base/cleanup.h>
#include <stdlib.h>
#include <string.h>

static struct talker *of(struct fy_session *session)
{
    return fy_container_of(session, struct talker, session);
}

int talker_say(struct talker *talker, uint64_t number)
{
    Ferry__Peer__Received received = FERRY__PEER__RECEIVED__INIT;
    received.bytes = number;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(received, FERRY__PEER__FRAME__KIND_RECEIVED, &received);
    return fy_session_send(&talker->session, &frame, NULL, 0, NULL);
}

static int send_data(struct talker *talker)
{
    Ferry__Peer__Chunk chunk = FERRY__PEER__CHUNK__INIT;
    chunk.offset = talker->sent;
    chunk.name = (char *)"pages-1.img";
    chunk.raw_bytes = (uint32_t)talker->body_bytes;
    uint8_t *body = malloc(talker->body_bytes ? talker->body_bytes : 1);
    fill_random(&talker->seed, body, talker->body_bytes);
    talker->sent_hash += hash_bytes(HASH_START ^ talker->sent, body, talker->body_bytes);
    Ferry__Peer__Frame frame = FY_PEER_FRAME(chunk, FERRY__PEER__FRAME__KIND_CHUNK, &chunk);
    return fy_session_send_data(&talker->session, &frame, body, talker->body_bytes, NULL);
}

void talker_pour(struct talker *talker)
{
    if (talker->seed == 0)
        talker->seed = 88172645463325252u;
    while (talker->sent < talker->to_send && !fy_session_congested(&talker->session)) {
        if (send_data(talker))
            return;
        talker->sent++;
        if (talker->control_every && talker->sent % talker->control_every == 0 &&
            talker_say(talker, ++talker->sent_control))
            return;
    }
}

void talker_keep(struct talker *talker)
{
    for (size_t i = 0; i < talker->waiting_count; i++)
        fy_session_data_kept(&talker->session, talker->waiting[i]);
    talker->waiting_count = 0;
}

static void on_greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    of(session)->greeted++;
    of(session)->peer_minor = hello->minor;
}

static void on_frame(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                     size_t body_bytes)
{
    (void)body;
    (void)body_bytes;
    struct talker *talker = of(session);
    bool in_order =
        frame->kind_case == FERRY__PEER__FRAME__KIND_RECEIVED && frame->received->bytes == talker->control + 1;
    talker->out_of_order = talker->out_of_order || !in_order || talker->closed;
    talker->control++;
}

static void on_data(struct fy_session *session, uint64_t number, const Ferry__Peer__Frame *frame,
                    const struct fy_frame *raw)
{
    struct talker *talker = of(session);
    uint64_t which = frame->kind_case == FERRY__PEER__FRAME__KIND_CHUNK ? frame->chunk->offset : TALK_MAX_DATA;
    if (which >= TALK_MAX_DATA || talker->had[which])
        talker->twice++;
    else
        talker->had[which] = 1;
    talker->data++;
    talker->data_hash += hash_bytes(HASH_START ^ which, raw->body, raw->body_bytes);
    if (talker->keeps)
        fy_session_data_kept(session, number);
    else if (talker->waiting_count < TALK_MAX_DATA)
        talker->waiting[talker->waiting_count++] = number;
}

static void on_drained(struct fy_session *session)
{
    talker_pour(of(session));
}

static void on_interrupted(struct fy_session *session, const struct fy_error *why)
{
    if (why)
        of(session)->interrupted++;
    else
        of(session)->resumed++;
}

static void on_lanes_known(struct fy_session *session)
{
    struct fy_session_stats stats;
    fy_session_get_stats(session, &stats);
    of(session)->lanes_known++;
    of(session)->lanes_when_known = stats.lanes;
}

static void on_closed(struct fy_session *session, const struct fy_error *err)
{
    struct talker *talker = of(session);
    talker->closed++;
    if (err)
        talker->error = *err;
}

static const struct fy_session_events talker_events = {
    .greeted = on_greeted,
    .frame = on_frame,
    .data = on_data,
    .drained = on_drained,
    .interrupted = on_interrupted,
    .lanes_known = on_lanes_known,
    .closed = on_closed,
};

/* A session beside the first: most turn out to be lanes. */
static void other_greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    (void)session;
    (void)hello;
}

static void other_frame(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                        size_t body_bytes)
{
    (void)session;
    (void)frame;
    (void)body;
    (void)body_bytes;
}

static void other_drained(struct fy_session *session)
{
    (void)session;
}

static void other_closed(struct fy_session *session, const struct fy_error *err)
{
    (void)session;
    (void)err;
}

/* Only the first link is a session of its own; the others are lanes, or come too late. */
static void on_accepted(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    static const struct fy_session_events other_events = {
        .greeted = other_greeted, .frame = other_frame, .drained = other_drained, .closed = other_closed};
    (void)uid;
    (void)pid;
    struct talk *talk = data;
    struct fy_session_options options = {
        .loop = &talk->loop,
        .own_name = "acceptor",
        .registry = talk->registry,
        .link_timeout_ms = talk->link_timeout_ms,
        .protocol = talk->acceptor_protocol,
    };
    bool first = !talk->acceptor.greeted && !fy_session_is_open(&talk->acceptor.session);
    struct fy_session *session = first ? &talk->acceptor.session : &talk->lanes[talk->lane_count];
    if (!first && talk->lane_count++ == FY_ARRAY_SIZE(talk->lanes))
        abort();
    fy_session_init(session, &options, first ? &talker_events : &other_events);
    if (fy_session_accept(session, link, NULL))
        abort();
}

static int dial(uv_loop_t *loop, void *data, const struct fy_link_events *events, void *events_data,
                struct fy_link **link, struct fy_error *err)
{
    const struct talk *talk = data;
    return fy_local_connect(loop, talk->relay.path, events, events_data, link, err);
}

void talk_start(struct talk *talk, uint64_t link_timeout_ms)
{
    char path[128];
    struct fy_error err = FY_ERROR_INIT;
    *talk = (struct talk){.link_timeout_ms = link_timeout_ms};
    ignore_sigpipe();
    talk->dialer.talk = talk->acceptor.talk = talk;
    talk->dialer.keeps = talk->acceptor.keeps = true;
    (void)uv_loop_init(&talk->loop);
    server_make_directory(&talk->server);
    talk->registry = fy_session_registry_new(NULL);
    struct fy_listener_options options = {
        .path = talk->server.path, .mode = 0600, .owner_uid = (uid_t)-1, .owner_gid = (gid_t)-1, .max_links = 32};
    if (fy_listener_start(&talk->loop, &options, on_accepted, talk, &talk->listener, &err))
        abort();
    (void)snprintf(path, sizeof(path), "%s/relay.sock", talk->server.directory);
    relay_start(&talk->relay, path, talk->server.path);
}

void talk_dial(struct talk *talk)
{
    struct fy_session_options options = {
        .loop = &talk->loop,
        .own_name = "dialer",
        .link_timeout_ms = talk->link_timeout_ms,
        .protocol = talk->dialer_protocol,
    };
    struct fy_dialer dialer = {.dial = dial, .data = talk};
    fy_session_init(&talk->dialer.session, &options, &talker_events);
    if (fy_session_connect(&talk->dialer.session, &dialer, NULL))
        abort();
}

void talk_connect(struct talk *talk)
{
    talk_dial(talk);
    unsigned *done = &talk->dialer.greeted;
    (void)run_until(&talk->loop, talk->dialer.closed ? &talk->dialer.closed : done);
}

bool talk_end(struct talk *talk)
{
    fy_session_close(&talk->dialer.session);
    fy_session_close(&talk->acceptor.session);
    for (unsigned i = 0; i < talk->lane_count; i++)
        fy_session_close(&talk->lanes[i]);
    fy_listener_close(talk->listener, NULL, NULL);
    bool clean = loop_ends_clean(&talk->loop);
    relay_stop(&talk->relay);
    fy_session_registry_free(talk->registry);
    server_remove_directory(&talk->server);
    return clean;
}
