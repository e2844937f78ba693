/* The hello, and the passing of frames between a link and the owner of a conversation. */
#include "session.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <string.h>

/* How long a closing session may still try to deliver the reason to the peer. */
#define FAREWELL_MS 2000u

void fy_session_init(struct fy_session *session, const char *own_name, const struct fy_session_events *events)
{
    *session = (struct fy_session){.own_name = own_name, .events = events};
}

int fy_session_send(struct fy_session *session, const Ferry__Peer__Frame *frame, uint8_t *body, size_t body_bytes,
                    struct fy_error *err)
{
    if (!session->link) {
        free(body);
        return fy_error_set(err, FY_E_UNREACHABLE, "the link to the peer is down");
    }
    return fy_link_send(session->link, &frame->base, body, body_bytes, err);
}

static int send_hello(struct fy_session *session, struct fy_error *err)
{
    Ferry__Peer__Hello hello = FERRY__PEER__HELLO__INIT;
    hello.major = FY_PROTOCOL_MAJOR;
    hello.minor = FY_PROTOCOL_MINOR;
    hello.name = (char *)session->own_name;
    hello.version = (char *)FERRY_VERSION;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(hello, FERRY__PEER__FRAME__KIND_HELLO, &hello);
    return fy_session_send(session, &frame, NULL, 0, err);
}

void fy_session_fail(struct fy_session *session, const struct fy_error *err)
{
    if (!session->link)
        return;
    fy_error_propagate(&session->failure, err);
    Ferry__Peer__Failure failure = FERRY__PEER__FAILURE__INIT;
    fy_session_fill_failure(&failure, err);
    Ferry__Peer__Frame frame = FY_PEER_FRAME(failure, FERRY__PEER__FRAME__KIND_FAILURE, &failure);
    (void)fy_session_send(session, &frame, NULL, 0, NULL);
    fy_link_finish(session->link, FAREWELL_MS);
}

void fy_session_close(struct fy_session *session)
{
    if (session->link)
        fy_link_close(session->link);
}

void fy_session_finish(struct fy_session *session, uint64_t timeout_ms)
{
    if (session->link)
        fy_link_finish(session->link, timeout_ms);
}

static void link_opened(struct fy_link *link, void *data)
{
    (void)link;
    struct fy_session *session = data;
    struct fy_error err = FY_ERROR_INIT;
    if (send_hello(session, &err) < 0)
        fy_session_fail(session, &err);
}

static int check_hello(struct fy_session *session, const Ferry__Peer__Frame *frame, struct fy_error *err)
{
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_FAILURE) {
        fy_session_failure_to_error(frame->failure, "the peer", err);
        return -1;
    }
    if (frame->kind_case != FERRY__PEER__FRAME__KIND_HELLO)
        return fy_error_set(err, FY_E_PROTOCOL, "the peer's first frame is not a hello");
    const Ferry__Peer__Hello *hello = frame->hello;
    if (hello->major != FY_PROTOCOL_MAJOR) {
        fy_error_set(err, FY_E_PROTOCOL, "peer '%.64s' (ferry %.32s) speaks protocol %u.%u, this agent %u.%u",
                     hello->name, hello->version, hello->major, hello->minor, FY_PROTOCOL_MAJOR, FY_PROTOCOL_MINOR);
        return fy_error_next(err, "install the same ferry release on both hosts (here: %s)", FERRY_VERSION);
    }
    session->greeted = true;
    return 0;
}

static void answer_ping(struct fy_session *session, const Ferry__Peer__Ping *ping)
{
    Ferry__Peer__Pong pong = FERRY__PEER__PONG__INIT;
    pong.token = ping->token;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(pong, FERRY__PEER__FRAME__KIND_PONG, &pong);
    struct fy_error err = FY_ERROR_INIT;
    if (fy_session_send(session, &frame, NULL, 0, &err) < 0)
        fy_session_fail(session, &err);
}

static void dispatch(struct fy_session *session, const Ferry__Peer__Frame *frame, const struct fy_frame *raw)
{
    struct fy_error err = FY_ERROR_INIT;
    if (!session->greeted) {
        if (check_hello(session, frame, &err) < 0)
            fy_session_fail(session, &err);
        else
            session->events->greeted(session, frame->hello);
        return;
    }
    switch (frame->kind_case) {
    case FERRY__PEER__FRAME__KIND_PING:
        answer_ping(session, frame->ping);
        break;
    case FERRY__PEER__FRAME__KIND_FAILURE:
        fy_session_failure_to_error(frame->failure, "the peer", &session->failure);
        fy_link_close(session->link);
        break;
    case FERRY__PEER__FRAME__KIND__NOT_SET:
        fy_error_set(&err, FY_E_PROTOCOL, "the peer sent a frame of a kind this version does not know");
        fy_session_fail(session, &err);
        break;
    default:
        session->events->frame(session, frame, raw->body, raw->body_bytes);
    }
}

static void link_frame(struct fy_link *link, const struct fy_frame *raw, void *data)
{
    (void)link;
    struct fy_session *session = data;
    if (fy_error_is_set(&session->failure))
        return; /* we are closing: what still arrives no longer counts */
    struct fy_error err = FY_ERROR_INIT;
    ProtobufCMessage *message = fy_frame_unpack_head(raw, &ferry__peer__frame__descriptor, &err);
    if (!message) {
        fy_session_fail(session, &err);
        return;
    }
    dispatch(session, (const Ferry__Peer__Frame *)message, raw);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void link_drained(struct fy_link *link, void *data)
{
    (void)link;
    struct fy_session *session = data;
    session->events->drained(session);
}

static void link_closed(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    struct fy_session *session = data;
    session->link = NULL;
    session->greeted = false;
    struct fy_error failure = session->failure;
    fy_error_clear(&session->failure);
    session->events->closed(session, fy_error_is_set(&failure) ? &failure : err);
}

const struct fy_link_events fy_session_link_events = {
    .opened = link_opened,
    .frame = link_frame,
    .drained = link_drained,
    .closed = link_closed,
};

void fy_session_attach(struct fy_session *session, struct fy_link *link, bool open)
{
    session->link = link;
    if (open)
        link_opened(link, session);
}

void fy_session_adopt(struct fy_session *session, struct fy_session *from)
{
    session->link = fy_take(from->link);
    session->greeted = from->greeted;
    fy_link_set_events(session->link, &fy_session_link_events, session);
}

void fy_session_fill_failure(Ferry__Peer__Failure *failure, const struct fy_error *err)
{
    failure->code = (char *)fy_code_name(err->code);
    failure->message = (char *)err->message;
    failure->next = err->next[0] ? (char *)err->next : NULL;
}

void fy_session_failure_to_error(const Ferry__Peer__Failure *failure, const char *peer, struct fy_error *err)
{
    FY_AUTO_FREE char *message = fy_text_printable(failure->message, strnlen(failure->message, 800));
    FY_AUTO_FREE char *next = failure->next ? fy_text_printable(failure->next, strnlen(failure->next, 500)) : NULL;
    enum fy_code code = fy_code_from_name(failure->code);
    fy_error_set(err, code == FY_OK ? FY_E_REMOTE : code, "%s: %s", peer, message ? message : "(no memory for it)");
    if (next)
        fy_error_next(err, "%s", next);
}
