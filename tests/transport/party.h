/* One end of a link in a test: counts what happens to it, checks the order of events, and can echo or swallow. */
#ifndef TESTS_TRANSPORT_PARTY_H
#define TESTS_TRANSPORT_PARTY_H

#include "head.pb-c.h"
#include <ferry/transport/local.h>

struct party {
    struct fy_link *link; /* NULL once closed */
    bool echo;            /* sends every frame back */
    unsigned opened;
    unsigned drained;
    unsigned closed;
    uint64_t frames;
    uint64_t body_bytes;
    uint64_t body_hash;   /* FNV-1a over all bodies in order */
    uint64_t last_number; /* of the last head */
    bool out_of_order;    /* numbers did not come as 1, 2, 3, … */
    bool failed;          /* closed with an error */
    struct fy_error error;

    /* Sends frames 1..to_send with bodies of body_size pseudo-random bytes as fast as the link takes them. */
    uint64_t to_send;
    uint64_t sent;
    size_t body_size;
    uint64_t seed;
    uint64_t sent_hash;

    void (*on_frame)(struct party *party); /* after the frame was counted */
};

extern const struct fy_link_events party_events;

/* As every program with links does. */
void ignore_sigpipe(void);

/* Sends one numbered frame; -1 with `err`. */
int party_send(struct party *party, uint64_t number, size_t body_size, struct fy_error *err);
/* Sends as much of to_send as the link takes; goes on by itself when it drains. */
void party_pour(struct party *party);

/* A listener whose connections become parties that echo or swallow. */
struct server {
    char directory[64];
    char path[96];
    struct fy_listener *listener;
    struct party parties[64];
    unsigned accepted;
    unsigned refused;
    struct fy_error refusal;
    bool echo;
    void (*on_accept)(struct server *server, struct party *party);
};

/* `max_links` 0: as many as there is room for. */
void server_start(struct server *server, uv_loop_t *loop, uint32_t max_links);
/* The two halves of it: a directory and path, and listening there with other options. */
void server_make_directory(struct server *server);
void server_listen(struct server *server, uv_loop_t *loop, const struct fy_listener_options *options);
void server_stop(struct server *server);
void server_remove_directory(struct server *server);

/* Runs the loop until *flag is not 0 (true), or minutes have passed (false): that only ends what hangs. */
bool run_until(uv_loop_t *loop, const unsigned *flag);
bool run_until_u64(uv_loop_t *loop, const uint64_t *value, uint64_t at_least);
/* Runs the loop for so long; for what must not happen. */
void run_for(uv_loop_t *loop, uint64_t duration_ms);
/* Runs until nothing is left, then closes the loop; false when that does not end or handles are left. */
bool loop_ends_clean(uv_loop_t *loop);

uint64_t hash_bytes(uint64_t hash, const uint8_t *data, size_t size);
#define HASH_START 0xcbf29ce484222325u
void fill_random(uint64_t *seed, uint8_t *data, size_t size);

#endif
