/* The inside of a session: one carrier with its lanes, two outboxes and an inbox.
 *
 *     session.c           the owner's side: life, sending, looks
 *     session_lane.c      lanes: dialing, loss, opening again, signs of life
 *     session_frame.c     what arrives: hello, joining, dispatch
 *     session_flow.c      what leaves: frames onto lanes, acknowledgements
 *     session_registry.c  which carrier a joining lane belongs to
 *
 * A carrier ends with carrier_end(): its links are told and let go, its timers closed, and `closed` is the last thing
 * that happens to it. */
#ifndef FERRY_TRANSPORT_SESSION_INTERNAL_H
#define FERRY_TRANSPORT_SESSION_INTERNAL_H

#include "inbox.h"
#include "outbox.h"
#include <ferry/transport/session.h>

#define FY_SESSION_TOKEN_BYTES 32u
/* The token of pings that ask for a sign of life; owners' own are smaller. */
#define FY_SESSION_ALIVE_TOKEN UINT64_MAX

enum fy_lane_state {
    FY_LANE_UNUSED,
    FY_LANE_PAUSING,  /* dialing side: waits to be dialed (again) */
    FY_LANE_DIALING,  /* the link opens */
    FY_LANE_GREETING, /* it is open; the other side's hello is due */
    FY_LANE_OPEN,
};

struct fy_lane {
    struct fy_carrier *carrier;
    uint8_t index;
    enum fy_lane_state state;
    struct fy_link *link;  /* in DIALING, GREETING and OPEN */
    uint64_t packets;      /* given to this link */
    uint64_t heard_bytes;  /* of the link at the last look */
    uint64_t silent_ms;    /* nothing was heard, as far as the loop ran */
    uint64_t heard_frames; /* at the last progress: a frame that was whole, or many bytes */
    uint64_t progress_bytes;
    uint64_t slow_ms;  /* since then */
    uint64_t state_ms; /* spent in this state, as far as the loop ran */
    uint64_t pause_ms; /* PAUSING: this long */
    unsigned failures; /* in a row */
    bool asked;        /* for a sign of life, in this silence */
};

struct fy_carrier {
    struct fy_session *session; /* NULL: nobody hears of it any more */
    struct fy_session_options options;
    struct fy_dialer dialer; /* dial NULL: accepted */
    bool greeted;
    bool ending;
    bool interrupted; /* greeted, and no lane is open */
    bool paused;
    bool finishing;
    bool congested;
    uint64_t silence_ms;        /* since the last lane was lost, as far as the loop ran */
    uint64_t finish_ms;         /* left for finishing */
    struct fy_error error;      /* why it ends */
    struct fy_error lane_error; /* why a lane was lost last */

    struct fy_session_registry *registry; /* it is listed there */
    struct fy_carrier *registry_next;
    uint8_t token[FY_SESSION_TOKEN_BYTES];
    char **peer_features;
    size_t peer_feature_count;

    struct fy_lane lanes[FY_SESSION_MAX_LANES];
    unsigned wanted_lanes;
    int control_lane;   /* index; -1: none is open */
    unsigned next_lane; /* data: where to look for room first */
    struct fy_outbox control;
    struct fy_outbox data;
    struct fy_inbox inbox;
    size_t owed_bytes; /* taken or kept, and not acknowledged yet */
    unsigned owed_frames;
    uint64_t received_again_bytes;

    struct fy_stream stream; /* of data frames */

    uv_timer_t tick;
    uv_timer_t ack;
    uv_timer_t pace; /* until data may leave again */
    unsigned open_timers;
    struct fy_session_stats past; /* of links that are gone */
};

/* session.c */
struct fy_carrier *carrier_new(struct fy_session *session, struct fy_error *err);
/* Says goodbye (a Failure, or a Bye) and ends; `err` NULL: in order. */
void carrier_end(struct fy_carrier *carrier, const struct fy_error *err);
/* As carrier_end() without a word to the peer, who has gone or has said goodbye itself. */
void carrier_end_silently(struct fy_carrier *carrier, const struct fy_error *err);
void carrier_acknowledged(struct fy_carrier *carrier);

/* session_lane.c */
extern const struct fy_link_events fy_lane_events;
int lane_dial(struct fy_lane *lane, struct fy_error *err);
/* The link is this lane's from now on. */
void lane_attach(struct fy_lane *lane, struct fy_link *link, enum fy_lane_state state);
/* The lane has a hello from the other side and may carry frames. */
void lane_open(struct fy_lane *lane);
/* Drops the lane's link and goes on without it, for the time being. */
void lane_lose(struct fy_lane *lane, const struct fy_error *why);
/* The other side opens this lane again, and so knows that its link is dead: another takes its place at once. */
void lane_replace(struct fy_lane *lane);
/* Lets a link go that is nobody's any more: with what is queued if `timeout_ms`, else at once. */
void lane_let_go(struct fy_lane *lane, uint64_t timeout_ms);
void carrier_open_lanes(struct fy_carrier *carrier);
void carrier_tick(uv_timer_t *timer);

/* session_frame.c */
void lane_frame(struct fy_link *link, const struct fy_frame *raw, void *data);
void lane_say_hello(struct fy_lane *lane, bool join);

/* session_flow.c */
/* Puts whatever waits on lanes that have room. */
void carrier_pump(struct fy_carrier *carrier);
void carrier_send_ack(struct fy_carrier *carrier);
void carrier_fill_ack(const struct fy_carrier *carrier, Ferry__Peer__Ack *ack, uint64_t ranges[2 * FY_INBOX_RANGES]);
int carrier_take_ack(struct fy_carrier *carrier, const Ferry__Peer__Ack *ack, struct fy_error *err);
/* Something was taken or kept that the peer has to be told of, soon. */
void carrier_owes(struct fy_carrier *carrier, size_t bytes);
void carrier_ack_due(uv_timer_t *timer);
/* A frame of the session itself, outside of the numbers; lost with the lane. */
void lane_send(struct fy_lane *lane, const Ferry__Peer__Frame *frame);

/* session_registry.c */
void registry_add(struct fy_session_registry *registry, struct fy_carrier *carrier);
void registry_remove(struct fy_carrier *carrier);
/* NULL: no session has this token. */
struct fy_carrier *registry_find(const struct fy_session_registry *registry, const ProtobufCBinaryData *token);

/* session_text.c */
int session_copy_features(struct fy_carrier *carrier, const Ferry__Peer__Hello *hello, struct fy_error *err);
bool session_has_own_feature(const struct fy_carrier *carrier, const char *feature);
const struct fy_protocol *session_protocol(const struct fy_carrier *carrier);

#endif
