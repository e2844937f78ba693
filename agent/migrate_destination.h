/* The destination's side of a migration.
 *
 *     GREET     hello, then an offer (or a decision for a job whose link was lost)
 *     ASK       preflight; answered item by item
 *     RECEIVE   the image set arrives
 *     CHECK     and is verified
 *     READY     waits for PREPARE
 *     RESTORE   service addresses staged behind their guard, CRIU restores
 *     PREPARED  held before its tasks may run: only the source decides now, over this link or a new one
 *     RUN       COMMIT came: the tasks run, the address is announced
 *     DISCARD   ABORT came, or something failed before PREPARED: nothing stays
 *     END
 *
 * _offer: GREET, ASK. _restore: RECEIVE … RUN. _end: DISCARD, END. */
#ifndef FERRY_AGENT_MIGRATE_DESTINATION_H
#define FERRY_AGENT_MIGRATE_DESTINATION_H

#include "migrate_peer.h"
#include "migrate_report.h"
#include "receive_set.h"
#include "session.h"

#include <ferry/agent/migrate.h>

enum fy_destination_phase {
    FY_DESTINATION_GREET,
    FY_DESTINATION_ASK,
    FY_DESTINATION_RECEIVE,
    FY_DESTINATION_CHECK,
    FY_DESTINATION_READY,
    FY_DESTINATION_RESTORE,
    FY_DESTINATION_PREPARED,
    FY_DESTINATION_RUN,
    FY_DESTINATION_DISCARD,
    FY_DESTINATION_END,
};

struct fy_receiver {
    const struct fy_host *host;
    const struct fy_receiver_events *events;
    void *data;

    enum fy_destination_phase phase;
    struct fy_migration_report report;
    struct fy_report_clock clock;
    bool has_job; /* the daemon was told of it by `offered` and accepted */

    Ferry__Peer__Offer *offer; /* our copy */
    struct fy_migration_spec spec;
    struct fy_migration_options options; /* log_dir is ours */
    char *job_dir;
    char *images_dir;

    struct fy_session session;
    struct fy_receive_set *receive; /* while it exists */
    struct fy_restore *restore;     /* while it exists */
    uv_work_t work;
    struct fy_error work_error;
    unsigned pending; /* callbacks still to come beside receive, restore and session */

    uv_timer_t deadline;
    uv_timer_t tick;
    unsigned open_timers;
    unsigned ticks;

    bool prepare_wanted; /* PREPARE came before the check was over */
    bool staged;         /* addresses are up behind their guard */
    bool was_cancelled;
    uint32_t kept_chunks;
    uint64_t acknowledged_bytes;
    uint64_t phase_start_ns; /* of CHECK, RESTORE and RUN, for what is told to the source */
    uint64_t check_us;
};

void fy_destination_enter(struct fy_receiver *receiver, enum fy_destination_phase phase);
void fy_destination_changed(struct fy_receiver *receiver);
void fy_destination_expect(struct fy_receiver *receiver, const char *what, uint64_t timeout_ms);
/* The first failure before COMMIT: discards, and tells the source why. */
void fy_destination_fail(struct fy_receiver *receiver, const struct fy_error *err);
/* A callback has come home to a receiver that is over; ends it if that was the last. */
bool fy_destination_is_over(struct fy_receiver *receiver);

void fy_destination_offered(struct fy_receiver *receiver, const Ferry__Peer__Offer *offer);
void fy_destination_resolve(struct fy_receiver *receiver, const Ferry__Peer__Resolve *resolve);
void fy_destination_receive_start(struct fy_receiver *receiver, uint64_t space_bytes);
void fy_destination_acknowledge(struct fy_receiver *receiver);
void fy_destination_prepare(struct fy_receiver *receiver);
void fy_destination_commit(struct fy_receiver *receiver);
void fy_destination_abort(struct fy_receiver *receiver, const struct fy_error *reason);
void fy_destination_discard(struct fy_receiver *receiver);
void fy_destination_end(struct fy_receiver *receiver);
void fy_destination_try_end(struct fy_receiver *receiver);

#endif
