/* The source's side of a migration: the coordinator.
 *
 *     INSPECT  is the workload here, which CRIU, is the service address ours?
 *     CONNECT  SSH to the peer's agent, hello
 *     OFFER    the destination answers item by item             (a dry run ends here)
 *     DUMP     CRIU freezes and writes, then is held at post-dump; downtime starts; pages are sent as they are written
 *     CHECK    the image set is verified, but for the content of pages; the rest of it is sent meanwhile
 *     SEND     until all of it is acknowledged
 *     PREPARE  the destination restores and holds
 *     ---- the decision: until here every failure ends in ROLLBACK and the workload runs on ----
 *     KILL     CRIU is released to kill the tasks here
 *     WITHDRAW the service address leaves this host
 *     COMMIT   the destination lets them run; a lost link is opened again until it has heard so; downtime ends
 *     RECOVER  the destination lost its copy after the decision: restored here from the image set
 *     ROLLBACK the dump is vetoed, the destination told to discard
 *     END      directories and timers go
 *
 * One file per stretch of the way: _setup (INSPECT … OFFER), _transfer (DUMP … SEND), _switchover (PREPARE … COMMIT),
 * _recover (RECOVER), _end (ROLLBACK, END). Callbacks that come home after the phase has moved on only count themselves
 * out. */
#ifndef FERRY_AGENT_MIGRATE_SOURCE_H
#define FERRY_AGENT_MIGRATE_SOURCE_H

#include "migrate_peer.h"
#include "migrate_report.h"
#include "send_set.h"
#include "session.h"

#include <ferry/agent/migrate.h>

enum fy_source_phase {
    FY_SOURCE_INSPECT,
    FY_SOURCE_CONNECT,
    FY_SOURCE_OFFER,
    FY_SOURCE_DUMP,
    FY_SOURCE_CHECK,
    FY_SOURCE_SEND,
    FY_SOURCE_PREPARE,
    FY_SOURCE_KILL,
    FY_SOURCE_WITHDRAW,
    FY_SOURCE_COMMIT,
    FY_SOURCE_RECOVER,
    FY_SOURCE_ROLLBACK,
    FY_SOURCE_END,
};

struct fy_migration {
    const struct fy_host *host;
    struct fy_migration_spec spec;
    struct fy_migration_options options; /* log_dir is our copy */
    const struct fy_migration_events *events;
    void *data;
    const struct fy_peer_settings *peer;

    enum fy_source_phase phase;
    struct fy_migration_report report;
    struct fy_report_clock clock;

    struct fy_workload_facts facts;
    int criu_version;
    char *job_dir;    /* RUN_DIR/jobs/ID */
    char *images_dir; /* below it */

    struct fy_session session;
    struct fy_dump *dump;       /* while it exists */
    struct fy_send_set *send;   /* while it exists */
    struct fy_restore *restore; /* while it exists: in RECOVER */
    uv_work_t work;             /* check of the set, removal of directories */
    struct fy_error work_error; /* what the work found */
    unsigned pending;           /* callbacks still to come beside dump, send and session */

    uv_timer_t deadline; /* of the current wait */
    uv_timer_t hold;     /* how long the workload may stay frozen */
    uv_timer_t tick;     /* progress, ten times a second */
    uv_timer_t redial;   /* the very start; then: pause before the next attempt to deliver the decision */
    unsigned open_timers;
    unsigned redials;

    bool set_queued;     /* the whole image set is on its way */
    bool set_kept;       /* and has arrived */
    bool prepare_sent;   /* the destination may be holding a copy that waits for a decision */
    bool peer_knows_end; /* it has said Done or Aborted, or never accepted */
    bool keep_images;    /* the only copy left: never remove it */
    bool runs_there;     /* the destination has said Done */
    bool was_cancelled;
};

/* Moves on; asserts that the table of successors allows it. */
void fy_source_enter(struct fy_migration *migration, enum fy_source_phase phase);
/* Tells the owner. */
void fy_source_changed(struct fy_migration *migration);
/* (Re)arms the deadline of the current wait; 0 disarms. `what` (static) is what is waited for. */
void fy_source_expect(struct fy_migration *migration, const char *what, uint64_t timeout_ms);
/* The first failure before the tasks here are gone: rolls back. */
void fy_source_fail(struct fy_migration *migration, const struct fy_error *err);
/* Whether a callback that just came home has nothing left to do but this: end if it was the last. */
bool fy_source_is_over(struct fy_migration *migration);

void fy_source_setup_start(struct fy_migration *migration);
void fy_source_setup_greeted(struct fy_migration *migration);
void fy_source_setup_answer(struct fy_migration *migration, const Ferry__Peer__Answer *answer);
void fy_source_transfer_start(struct fy_migration *migration);
void fy_source_transfer_received(struct fy_migration *migration, const Ferry__Peer__Received *received);
void fy_source_prepare(struct fy_migration *migration);
void fy_source_decide(struct fy_migration *migration);
void fy_source_killed(struct fy_migration *migration);
void fy_source_completed(struct fy_migration *migration, const Ferry__Peer__Done *done);
/* The destination says for certain that it does not have the workload, and it is gone here. */
void fy_source_recover(struct fy_migration *migration, const struct fy_error *why);
/* The destination does not know the job: nobody can say where the workload is. Keeps the image set and ends. */
void fy_source_give_up(struct fy_migration *migration, const struct fy_error *why);
/* Opens a new link to deliver the decision (commit or abort) after the old one was lost. */
void fy_source_redial(struct fy_migration *migration);
void fy_source_rollback(struct fy_migration *migration);
/* Ends when nothing is outstanding any more. */
void fy_source_try_end(struct fy_migration *migration);
/* The struct alone: its handles are closed, or were never opened. */
void fy_source_free(struct fy_migration *migration);

#endif
