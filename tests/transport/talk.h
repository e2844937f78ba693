/* Two sessions that talk through a relay: one dials, one accepts. Each counts and checks what arrives. */
#ifndef TESTS_TRANSPORT_TALK_H
#define TESTS_TRANSPORT_TALK_H

#include "party.h"
#include "relay.h"
#include <ferry/transport/session.h>

#define TALK_MAX_DATA 8192u

struct talk;

struct talker {
    struct fy_session session;
    struct talk *talk;
    unsigned greeted;
    uint32_t peer_minor;
    unsigned closed;
    struct fy_error error; /* of `closed`; empty: NULL */
    unsigned interrupted;
    unsigned resumed;
    unsigned lanes_known;      /* times */
    uint32_t lanes_when_known; /* open then, the last time */

    uint64_t control; /* Received frames: they say 1, 2, 3, … */
    bool out_of_order;
    uint64_t data; /* Chunk frames; their offset is which one */
    uint8_t had[TALK_MAX_DATA];
    unsigned twice;
    uint64_t data_hash; /* sum of the hashes of all bodies */

    bool keeps; /* says at once that data is kept; else talker_keep() does */
    uint64_t waiting[TALK_MAX_DATA];
    size_t waiting_count;

    uint64_t to_send; /* data frames, poured as the session takes them, */
    uint64_t sent;
    size_t body_bytes;
    uint64_t control_every; /* with a control frame after so many; 0: none */
    uint64_t sent_control;
    uint64_t sent_hash;
    uint64_t seed;
};

struct talk {
    uv_loop_t loop;
    struct server server; /* only its directory and path */
    struct fy_listener *listener;
    struct fy_session_registry *registry;
    struct relay relay;
    struct talker dialer;
    struct talker acceptor;
    struct fy_session lanes[1024]; /* sessions that turned out to be lanes */
    unsigned lane_count;
    uint64_t link_timeout_ms;
    const struct fy_protocol *dialer_protocol; /* NULL: ours */
    const struct fy_protocol *acceptor_protocol;
};

/* Listens and relays; nothing is dialed yet. */
void talk_start(struct talk *talk, uint64_t link_timeout_ms);
/* Dials, and waits for both sides to have greeted or not. */
void talk_connect(struct talk *talk);
void talk_dial(struct talk *talk);
/* Closes whatever is open; true when the loop ends clean. */
bool talk_end(struct talk *talk);
/* Sends on as long as the session takes it. */
void talker_pour(struct talker *talker);
int talker_say(struct talker *talker, uint64_t number);
/* Says of all data that waits that it is kept. */
void talker_keep(struct talker *talker);

#endif
