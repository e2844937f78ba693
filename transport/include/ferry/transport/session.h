/* A conversation with a peer agent that outlives its links: the hello of both sides, then frames, each of which arrives
 * exactly once although the links that carry it come and go.
 *
 *     owner A                    session          up to 8 lanes (links)          session        owner B
 *     fy_session_send()       -> control, kept -> one lane, in order          -> each once   -> frame
 *     fy_session_send_data()  -> data, kept    -> whichever lane has room     -> each once   -> data
 *                                forgotten    <- acknowledged (frame: when taken; data: fy_session_data_kept())
 *
 * The dialing side opens lanes and opens lost ones again; the accepting side waits for them. While no lane is left both
 * wait for `link_timeout_ms`; only then, or when the peer closes or breaks the protocol, does the session end. It is
 * embedded in its owner, who hears of everything through the event table; after `closed` the session touches nothing
 * any more and the owner may free it. All on the loop's thread. */
#ifndef FERRY_TRANSPORT_SESSION_H
#define FERRY_TRANSPORT_SESSION_H

#include <ferry/base/error.h>
#include <ferry/peer.pb-c.h>
#include <ferry/transport/link.h>
#include <ferry/transport/shaper.h>
#include <ferry/transport/ssh.h>
#include <stdbool.h>

#define FY_PROTOCOL_MAJOR 1u
#define FY_PROTOCOL_MINOR 1u
#define FY_SESSION_MAX_LANES 8u
/* For whoever was told no number. Stock libssh2 encrypts with one core a connection, and two connections fill the usual
 * window of a distant sshd twice; more were no faster where it was measured. */
#define FY_SESSION_DEFAULT_LANES 2u

/* What one ferry can do and another may not yet: told in the hello, used only if both sides have it. */
#define FY_FEATURE_LANES "lanes" /* more than one link a session */
#define FY_FEATURE_PROBE "probe" /* takes bytes for measuring */

struct fy_session;
struct fy_carrier;

/* The sessions of a process that accept further lanes. */
struct fy_session_registry;
struct fy_session_registry *fy_session_registry_new(struct fy_error *err);
/* After the last session has closed. NULL is legal. */
void fy_session_registry_free(struct fy_session_registry *registry);

struct fy_session_events {
    /* Both sides have said hello and can talk; `hello` is the peer's, valid during the call. Once. */
    void (*greeted)(struct fy_session *session, const Ferry__Peer__Hello *hello);
    /* A frame of fy_session_send(), in the order of sending; the answer to fy_session_ping(). Valid during the call. */
    void (*frame)(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body, size_t body_bytes);
    /* A frame of fy_session_send_data(), in any order, also before or after control frames that were sent earlier. The
     * owner keeps what is in it (fy_frame_take_body() of `raw`) and then calls fy_session_data_kept() with its number,
     * at once or later: until then it counts against the peer's credits. May be NULL for an owner that takes none: data
     * then breaks the protocol. */
    void (*data)(struct fy_session *session, uint64_t number, const Ferry__Peer__Frame *frame,
                 const struct fy_frame *raw);
    /* fy_session_congested() has become false. */
    void (*drained)(struct fy_session *session);
    /* May be NULL: the peer has acknowledged something. */
    void (*acknowledged)(struct fy_session *session);
    /* May be NULL: the last lane was lost (`why`), or there is one again (NULL). Owners stop their deadlines meanwhile:
     * the session has one of its own. */
    void (*interrupted)(struct fy_session *session, const struct fy_error *why);
    /* May be NULL: fy_session_lanes_are_due() has become false, or is still false after another lane was lost or found
     * again. */
    void (*lanes_known)(struct fy_session *session);
    /* Exactly once, never from within a call. `err` says why, also when the peer closed; NULL only after
     * fy_session_close()/_finish(), or when the link turned out to be a lane of another session. */
    void (*closed)(struct fy_session *session, const struct fy_error *err);
};

/* Which protocol a side speaks; tests play older and newer peers with it. */
struct fy_protocol {
    uint32_t major;
    uint32_t minor;
    const char *const *features;
    size_t feature_count;
};

struct fy_session_options {
    uv_loop_t *loop;
    const char *own_name;                 /* borrowed */
    struct fy_session_registry *registry; /* borrowed; NULL: sessions that were accepted take no further lanes */
    uint64_t link_timeout_ms;
    uint64_t bytes_per_second;          /* limit for data frames; 0: none */
    struct fy_shaper *shaper;           /* borrowed: the limit that it shares with others; NULL: none */
    const struct fy_protocol *protocol; /* NULL: ours */
};

struct fy_session {
    struct fy_carrier *carrier; /* NULL before it starts and after it has closed */
    struct fy_session_options options;
    const struct fy_session_events *events;
    bool greeted;
};

void fy_session_init(struct fy_session *session, const struct fy_session_options *options,
                     const struct fy_session_events *events);

/* How a session opens links. */
struct fy_dialer {
    /* Starts opening a link, as fy_local_connect() and fy_ssh_connect() do. */
    int (*dial)(uv_loop_t *loop, void *data, const struct fy_link_events *events, void *events_data,
                struct fy_link **link, struct fy_error *err);
    void (*done)(void *data); /* may be NULL; called when no link will be dialed any more, also when connecting fails */
    void *data;
};

/* Starts a session by dialing. On failure no event fires. The first link must come to a hello, else the session closes
 * with what went wrong; links that are lost later are opened again. */
int fy_session_connect(struct fy_session *session, const struct fy_dialer *dialer, struct fy_error *err);
/* The same over SSH; the options are copied. */
int fy_session_connect_ssh(struct fy_session *session, const struct fy_ssh_options *options, struct fy_error *err);
/* Starts a session on a link that was accepted, which is taken over in any case. */
int fy_session_accept(struct fy_session *session, struct fy_link *link, struct fy_error *err);
/* Takes lanes, greeting and unfinished business over from another session, whose owner hears nothing more of it. An
 * older carrier of `session` is dropped. */
void fy_session_adopt(struct fy_session *session, struct fy_session *from);
/* Between fy_session_connect()/_accept() and `closed`. */
bool fy_session_is_open(const struct fy_session *session);
/* No lane is open, though there was one: it may come back. */
bool fy_session_is_interrupted(const struct fy_session *session);
/* Dialing side: has so many lanes from now on, if the peer can (1 to 8). One that cannot be opened is done
 * without, and tried again now and then. */
void fy_session_set_lanes(struct fy_session *session, unsigned lanes);
/* A lane has been dialed for the first time, and it is not known yet whether it opens. How long that takes the link's
 * own deadlines say. */
bool fy_session_lanes_are_due(const struct fy_session *session);
/* Changes the session's own limit for data frames, from now on; 0: none. */
void fy_session_set_rate(struct fy_session *session, uint64_t bytes_per_second);
/* Both sides have it. False before the hello. */
bool fy_session_has_feature(const struct fy_session *session, const char *feature);

/* Sends one frame; `body` (malloc'ed or NULL) is taken over. FY_E_UNREACHABLE when the session is not open; FY_E_LIMIT
 * when too much waits for the peer: senders stop at fy_session_congested(). */
int fy_session_send(struct fy_session *session, const Ferry__Peer__Frame *frame, uint8_t *body, size_t body_bytes,
                    struct fy_error *err);
int fy_session_send_data(struct fy_session *session, const Ferry__Peer__Frame *frame, uint8_t *body, size_t body_bytes,
                         struct fy_error *err);
/* As much is held for the peer (not sent, or not acknowledged) as should be: stop until `drained`. */
bool fy_session_congested(const struct fy_session *session);
/* The data frame of that number is safely kept. Unknown numbers, and those of an earlier session, do nothing. */
void fy_session_data_kept(struct fy_session *session, uint64_t number);
/* The peer's session answers with Pong of this token, which comes as a frame. Lost with its lane. */
int fy_session_ping(struct fy_session *session, uint64_t token, struct fy_error *err);
/* Stops and resumes delivery of frames on all lanes. */
void fy_session_pause(struct fy_session *session);
void fy_session_resume(struct fy_session *session);

/* Closes because of `err`, which the peer is told and which is what `closed` will report. */
void fy_session_fail(struct fy_session *session, const struct fy_error *err);
/* Closes in order, without waiting for what is not acknowledged. */
void fy_session_close(struct fy_session *session);
/* Closes when the peer has acknowledged everything, or after the timeout. */
void fy_session_finish(struct fy_session *session, uint64_t timeout_ms);

struct fy_session_stats {
    uint64_t bytes_sent; /* on the wire of all lanes, before encryption */
    uint64_t bytes_received;
    uint64_t frames_sent;
    uint64_t frames_received;
    uint64_t bytes_sent_again;     /* of bytes_sent: what went over a lane that was lost before it was acknowledged */
    uint64_t bytes_received_again; /* had already */
    uint64_t bytes_held;           /* not acknowledged */
    uint32_t lanes;                /* open now */
    uint32_t lanes_lost;           /* so far */
};
void fy_session_get_stats(const struct fy_session *session, struct fy_session_stats *stats);
/* For people; "" when no lane is open. Valid until the next event. */
const char *fy_session_describe(const struct fy_session *session);

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
