/* The source's side of a migration, with its hands: what the machine of ferry/agent/switchover_source.h decides is
 * carried out here, and what happens is told to it.
 *
 * One file per stretch of the way: _setup (INSPECT … OFFER), _transfer (DUMP … SEND), _switchover (the link, the words
 * of the decision, the journal), _recover (RECOVER), _end (END), _hooks. Everything that is started comes home to the
 * machine exactly once, which alone knows whether it still matters. */
#ifndef FERRY_AGENT_MIGRATE_SOURCE_H
#define FERRY_AGENT_MIGRATE_SOURCE_H

#include "hook.h"
#include "migrate_journal.h"
#include "migrate_peer.h"
#include "migrate_report.h"
#include "open_files.h"
#include "send_set.h"

#include <ferry/agent/migrate.h>
#include <ferry/agent/switchover_source.h>
#include <ferry/transport/session.h>

struct fy_migration {
    const struct fy_host *host;
    struct fy_migration_spec spec;
    struct fy_migration_options options; /* log_dir is our copy */
    const struct fy_migration_events *events;
    void *data;
    const struct fy_peer_settings *peer;

    struct fy_source core;
    struct fy_migration_report report;
    struct fy_report_clock clock;

    struct fy_workload_facts facts;
    struct fy_open_files files;   /* until the offer has been sent */
    struct fy_process root;       /* the workload's, as it was inspected */
    Ferry__Peer__Offer *offer;    /* as it was made; NULL before */
    uint64_t epoch;               /* of a migration that was taken up */
    enum fy_stage restarted_from; /* NONE: begun by this ferryd */
    enum fy_stage writing;        /* on its way into the journal */
    int criu_version;
    char *job_dir;    /* RUN_DIR/jobs/ID */
    char *images_dir; /* below it */

    struct fy_session session;
    struct fy_dump *dump;       /* while it exists */
    struct fy_send_set *send;   /* while it exists */
    struct fy_restore *restore; /* while it exists: in RECOVER */
    uv_work_t work;             /* check of the set, removal of directories */
    struct fy_error work_error; /* what the work found */
    bool address_returns;       /* in RECOVER: on its way back; the restore's end waits for it */
    struct fy_error restore_error;

    struct fy_hook_point hooks;
    bool accepted;      /* by the destination: from here on an end without a commit is an abort for the hooks */
    bool finish_wanted; /* as soon as the hooks that run have ended */

    uv_timer_t deadline; /* of the current wait */
    uv_timer_t hold;     /* how long the workload may stay frozen */
    uv_timer_t tick;     /* progress, ten times a second */
    uv_timer_t redial;   /* the very start; how long lanes may be due; then: pause before the next attempt */
    unsigned open_timers;

    bool lanes_are_due; /* in OFFER: it has been accepted, and further lanes open */
    bool was_cancelled;
    bool shows_unreachable; /* report.error says only why the destination is not reached, until it is */
};

/* What both ways of starting share: the struct; then its handles and session. */
struct fy_migration *fy_migration_new(const struct fy_host *host, const struct fy_migration_spec *spec,
                                      const struct fy_migration_options *options,
                                      const struct fy_migration_events *events, void *data, struct fy_error *err);
void fy_migration_open(struct fy_migration *migration);
/* There is no link, or none any more. */
void fy_migration_unreachable(struct fy_migration *migration, const struct fy_error *err);
/* Tells the owner. */
void fy_migration_changed(struct fy_migration *migration);
/* (Re)arms the deadline of the current wait; 0 disarms. `what` (static) is what is waited for. */
void fy_migration_expect(struct fy_migration *migration, const char *what, uint64_t timeout_ms);
/* The struct alone: its handles are closed, or were never opened. */
void fy_migration_free(struct fy_migration *migration);

/* What fills fy_source_ops; `ctx` is the migration. */
void fy_migration_inspect(void *ctx);
void fy_migration_offer(void *ctx);
void fy_migration_dump(void *ctx);
void fy_migration_pin(void *ctx);
void fy_migration_kill(void *ctx);
void fy_migration_resume(void *ctx);
void fy_migration_check(void *ctx);
void fy_migration_send(void *ctx);
void fy_migration_send_complete(void *ctx);
void fy_migration_send_stop(void *ctx);
void fy_migration_ready(void *ctx);
void fy_migration_dial(void *ctx);
void fy_migration_hang_up(void *ctx, const struct fy_error *why);
void fy_migration_farewell(void *ctx);
void fy_migration_say(void *ctx, enum fy_saying saying, const struct fy_error *why);
void fy_migration_retry_later(void *ctx, unsigned attempt);
void fy_migration_journal(void *ctx, enum fy_stage stage);
void fy_migration_withdraw(void *ctx);
bool fy_migration_can_recover(void *ctx);
void fy_migration_restore(void *ctx);
void fy_migration_settle(void *ctx, enum fy_source_settling settling);
void fy_migration_finish(void *ctx);

/* _hooks. `then` may come at once. */
void fy_migration_run_hooks(struct fy_migration *migration, enum fy_hook_stage stage,
                            void (*then)(void *migration, const struct fy_error *err));
/* What the hooks of a stage may take on both sides. */
uint64_t fy_migration_hooks_ms(const struct fy_migration *migration, enum fy_hook_stage stage);
void fy_migration_prepare(struct fy_migration *migration);
void fy_migration_say_prepare(struct fy_migration *migration);
/* Harmless at any time. */
void fy_migration_finish_if_wanted(struct fy_migration *migration);

/* What the destination says beside the words of the decision. */
void fy_migration_answer(struct fy_migration *migration, const Ferry__Peer__Answer *answer);
void fy_migration_received(struct fy_migration *migration, const Ferry__Peer__Received *received);
/* Each lane that was asked for has opened, or could not be opened at first. */
void fy_migration_lanes_known(struct fy_migration *migration);

#endif
