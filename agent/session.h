/* A conversation with a peer agent over a link: the hello of both sides, then typed frames.
 *
 * A session owns its link. It is embedded in its owner, who hears of everything through the event table; after
 * `closed` the session touches nothing any more and the owner may free it. */
#ifndef FERRY_AGENT_SESSION_H
#define FERRY_AGENT_SESSION_H

#include <ferry/base/error.h>
#include <ferry/peer.pb-c.h>
#include <ferry/transport/link.h>
#include <stdbool.h>

#define FY_PROTOCOL_MAJOR 1u
#define FY_PROTOCOL_MINOR 0u

struct fy_session;

struct fy_session_events {
    /* Both sides have said hello and can talk; `hello` is the peer's, valid during the call. */
    void (*greeted)(struct fy_session *session, const Ferry__Peer__Hello *hello);
    /* Any later frame; a Ping is answered and a Failure is reported by `closed` without asking. Valid during the call.
     */
    void (*frame)(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body, size_t body_bytes);
    void (*drained)(struct fy_session *session);
    /* Exactly once. `err` says why, also when the peer closed; NULL only after fy_session_close()/_finish(). */
    void (*closed)(struct fy_session *session, const struct fy_error *err);
};

struct fy_session {
    struct fy_link *link; /* NULL before it starts and after it has closed */
    const struct fy_session_events *events;
    const char *own_name; /* borrowed */
    bool greeted;
    struct fy_error failure; /* why we closed it ourselves */
};

void fy_session_init(struct fy_session *session, const char *own_name, const struct fy_session_events *events);
/* The table and data to give to the call that creates the link; then fy_session_attach(). */
extern const struct fy_link_events fy_session_link_events;
/* `open`: the link is open already (it was accepted, or comes from another session that is given up). */
void fy_session_attach(struct fy_session *session, struct fy_link *link, bool open);
/* Takes link and greeting over from another session, whose owner hears nothing more of it. */
void fy_session_adopt(struct fy_session *session, struct fy_session *from);

/* Sends one frame; `body` (malloc'ed or NULL) is taken over. Without a link: FY_E_UNREACHABLE. */
int fy_session_send(struct fy_session *session, const Ferry__Peer__Frame *frame, uint8_t *body, size_t body_bytes,
                    struct fy_error *err);
/* Closes because of `err`, which is what `closed` will report. */
void fy_session_fail(struct fy_session *session, const struct fy_error *err);
void fy_session_close(struct fy_session *session);
void fy_session_finish(struct fy_session *session, uint64_t timeout_ms);

/* A frame that holds only one message: FY_PEER_FRAME(prepare, …KIND_PREPARE, &message). */
#define FY_PEER_FRAME(member, kind_value, message)                                                                     \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&ferry__peer__frame__descriptor), .kind_case = (kind_value),                   \
        .member = (message)                                                                                            \
    }

/* Failure <-> error: what a peer said is marked as such and made printable. */
void fy_session_fill_failure(Ferry__Peer__Failure *failure, const struct fy_error *err);
void fy_session_failure_to_error(const Ferry__Peer__Failure *failure, const char *peer, struct fy_error *err);

#endif
