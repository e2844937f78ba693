/* Checkpoints between two hosts: copying one to a peer, restoring a peer's copy there, and serving a peer that does so.
 * The messages and their order are in proto/PROTOCOL.md. */
#ifndef FERRY_AGENT_CHECKPOINT_COPY_H
#define FERRY_AGENT_CHECKPOINT_COPY_H

#include <ferry/agent/checkpoint.h>
#include <ferry/transport/session.h>

/* Copies a checkpoint, and those it needs first, to a peer. What the peer has does not travel. */
int fy_checkpoint_replicate_start(const struct fy_checkpoint_op_options *options, const char *id, const char *peer,
                                  struct fy_checkpoint_op **op, struct fy_error *err);
/* Has the peer restore its copy. `as` NULL: under its own name. */
int fy_checkpoint_restore_on_start(const struct fy_checkpoint_op_options *options, const char *id, const char *peer,
                                   const char *as, enum fy_tcp_mode tcp, struct fy_checkpoint_op **op,
                                   struct fy_error *err);

/* ---- for peers ---- */

typedef void (*fy_checkpoint_restored_cb)(pid_t root_pid, const struct fy_error *err, void *data);

struct fy_checkpoint_server;

/* What the daemon decides about the checkpoints that peers send; in fy_host. */
typedef void (*fy_checkpoint_listed_cb)(void *data);

struct fy_checkpoint_service {
    const struct fy_checkpoint_store *store;
    /* One arrives: nobody may work on it, and those it needs stay. Undone by `arrived`. */
    int (*arriving)(const char *id, const char *parent, const char *peer, struct fy_error *err, void *data);
    /* It has come, or will not: the store is to be looked at again. `listed` (may be NULL) fires once that is done,
     * from the loop, if the result is true. */
    bool (*arrived)(const char *id, const char *parent, fy_checkpoint_listed_cb listed, void *listed_data, void *data);
    /* Restores; `done` fires once, from the loop. */
    int (*restore)(const char *id, const char *as, enum fy_tcp_mode tcp, fy_checkpoint_restored_cb done,
                   void *done_data, struct fy_error *err, void *data);
    void *data;
    struct fy_checkpoint_server *servers; /* those at work; the service begins with NULL */
};

/* Whether a first frame is for this. */
bool fy_checkpoint_is_served(const Ferry__Peer__Frame *frame);
/* Takes the session over (fy_session_adopt) and serves it, beginning with this frame. -1: it stays where it is. */
int fy_checkpoint_serve(const struct fy_host *host, struct fy_session *session, const char *peer,
                        const Ferry__Peer__Frame *frame, const uint8_t *body, size_t body_bytes, struct fy_error *err);
/* Ends what is being served; it is gone when the loop has nothing more of it. */
void fy_checkpoint_serve_stop(struct fy_checkpoint_service *service, const char *why);

#endif
