/* The destination's side of a migration, with its hands: what the machine of ferry/agent/switchover_destination.h
 * decides is carried out here, and what happens is told to it.
 *
 * _offer: GREET, ASK, and words about other jobs. _restore: RECEIVE … RUN. _end: DISCARD, END. _hooks. */
#ifndef FERRY_AGENT_MIGRATE_DESTINATION_H
#define FERRY_AGENT_MIGRATE_DESTINATION_H

#include "hook.h"
#include "job_directory.h"
#include "migrate_journal.h"
#include "migrate_peer.h"
#include "migrate_report.h"
#include "receive_set.h"

#include <ferry/agent/migrate.h>
#include <ferry/agent/switchover_destination.h>
#include <ferry/transport/session.h>

struct fy_receiver {
    const struct fy_host *host;
    const struct fy_receiver_events *events;
    void *data;

    struct fy_destination core;
    struct fy_migration_report report;
    struct fy_report_clock clock;
    bool has_job; /* the daemon was told of it by `offered` and accepted */

    Ferry__Peer__Offer *offer; /* our copy */
    struct fy_migration_spec spec;
    struct fy_migration_options options; /* log_dir is ours */
    char *job_dir;
    char *images_dir;
    char *kept_dir;       /* on disk: where it is, or would be, with `durable`; NULL without */
    uint64_t space_bytes; /* that the preflight has granted */

    struct fy_session session;
    struct fy_receive_set *receive; /* while it exists */
    struct fy_restore *restore;     /* while it exists */
    uv_work_t work;
    struct fy_error work_error;

    struct fy_hook_point hooks;
    bool finish_wanted; /* as soon as the hooks that run have ended */

    uv_timer_t deadline;
    uv_timer_t tick;
    uv_timer_t pause; /* before the next attempt */

    struct fy_session inquiry; /* our own link to the source, while it is asked */
    uv_timer_t inquiry_timer;
    enum fy_saying answer;
    uint64_t answer_epoch;

    enum fy_stage restarted_from;
    enum fy_stage writing; /* on its way into the journal */
    unsigned open_timers;
    unsigned ticks;

    bool staging;         /* addresses are on their way here */
    bool announcing;      /* COMMIT came: the address is on its way to the public; a restore's end waits for it */
    bool staged;          /* addresses are up behind their guard */
    bool restage;         /* the addresses may be here from an attempt before */
    bool drop_wanted;     /* while `staging` */
    struct fy_error lost; /* what ended the restore while `announcing` */
    bool was_cancelled;
    uint32_t kept_chunks;
    uint64_t acknowledged_bytes;
    uint64_t phase_start_ns; /* of CHECK, RESTORE and RUN, for what is told to the source */
    uint64_t check_us;
};

/* What both ways of starting share: the struct; then its handles; then the machine. */
struct fy_receiver *fy_receiver_new(const struct fy_host *host, const struct fy_receiver_events *events, void *data,
                                    struct fy_error *err);
void fy_receiver_open(struct fy_receiver *receiver);
void fy_receiver_restart(struct fy_receiver *receiver, uint64_t epoch, enum fy_stage stage);
/* The struct alone: its handles are closed, or were never opened. */
void fy_receiver_free(struct fy_receiver *receiver);

/* Names the place on disk, if the offer wants one. */
int fy_receiver_name_kept(struct fy_receiver *receiver, struct fy_error *err);

void fy_receiver_changed(struct fy_receiver *receiver);
void fy_receiver_expect(struct fy_receiver *receiver, const char *what, uint64_t timeout_ms);
void fy_receiver_acknowledge(struct fy_receiver *receiver);

/* What fills fy_destination_ops; `ctx` is the receiver. */
void fy_receiver_preflight(void *ctx);
void fy_receiver_receive(void *ctx);
void fy_receiver_receive_stop(void *ctx);
void fy_receiver_check(void *ctx);
void fy_receiver_restore(void *ctx);
void fy_receiver_run(void *ctx);
void fy_receiver_drop(void *ctx);
void fy_receiver_unstage(void *ctx);
bool fy_receiver_has_set(void *ctx);
void fy_receiver_settle(void *ctx);
void fy_receiver_say(void *ctx, enum fy_saying saying);
void fy_receiver_hang_up(void *ctx, const struct fy_error *why);
void fy_receiver_farewell(void *ctx);
void fy_receiver_ask(void *ctx, unsigned attempt);
void fy_receiver_ask_stop(void *ctx);
void fy_receiver_retry_later(void *ctx, unsigned attempt);
void fy_receiver_journal(void *ctx, enum fy_stage stage);
void fy_receiver_finish(void *ctx);
/* So that a restart finds what to remove, however far it got. Nobody waits for it. */
void fy_receiver_note_begun(struct fy_receiver *receiver);

/* _hooks. `then` may come at once. */
void fy_receiver_run_hooks(struct fy_receiver *receiver, enum fy_hook_stage stage,
                           void (*then)(void *receiver, const struct fy_error *err));
void fy_receiver_held(struct fy_receiver *receiver);
/* Harmless at any time. */
void fy_receiver_finish_if_wanted(struct fy_receiver *receiver);

/* What the source says beside the words of the decision. */
void fy_receiver_offered(struct fy_receiver *receiver, const Ferry__Peer__Offer *offer);
void fy_receiver_resolve(struct fy_receiver *receiver, const Ferry__Peer__Resolve *resolve);
void fy_receiver_query(struct fy_receiver *receiver, const Ferry__Peer__Query *query);

#endif
