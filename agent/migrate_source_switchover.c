/* PREPARE, the decision, KILL, WITHDRAW, COMMIT.
 *
 * From the moment fy_dump_decide(FY_DECIDE_KILL) has been called the migration only goes forward: the destination is
 * told, over a new link if the old one is lost, until it has answered. */
#include "migrate_source.h"

#include <ferry/agent/address.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>

#define FIRST_PAUSE_MS 250u
#define LONGEST_PAUSE_MS 5000u

void fy_source_prepare(struct fy_migration *migration)
{
    const struct fy_timeouts *timeouts = &migration->host->settings->timeouts;
    fy_source_enter(migration, FY_SOURCE_PREPARE);
    fy_source_expect(migration, "the destination to restore", timeouts->restore_ms + timeouts->link_ms);
}

void fy_source_decide(struct fy_migration *migration)
{
    (void)uv_timer_stop(&migration->hold);
    fy_source_enter(migration, FY_SOURCE_KILL);
    fy_dump_decide(migration->dump, FY_DECIDE_KILL);
}

static void commit(struct fy_migration *migration)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_source_enter(migration, FY_SOURCE_COMMIT);
    if (!migration->session.link) {
        fy_source_redial(migration);
        return;
    }
    if (fy_migrate_send_commit(&migration->session, &err) < 0)
        fy_session_fail(&migration->session, &err); /* `closed` will redial */
    else
        fy_source_expect(migration, "the destination to say DONE", migration->host->settings->timeouts.link_ms);
}

static void withdrawn(const struct fy_error *err, void *data)
{
    struct fy_migration *migration = data;
    migration->pending--;
    if (migration->peer_knows_end) { /* it lost its copy while ours was being killed */
        struct fy_error lost = migration->report.error;
        fy_source_recover(migration, &lost);
        return;
    }
    /* The tasks are gone and the destination waits: an address that would not go is told, and does not stop us. */
    if (err)
        fy_error_propagate(&migration->report.error, err);
    commit(migration);
}

void fy_source_killed(struct fy_migration *migration)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_source_enter(migration, FY_SOURCE_WITHDRAW);
    migration->pending++;
    if (fy_address_withdraw(migration->host, migration->options.job_id, migration->spec.addresses,
                            migration->spec.address_count, withdrawn, migration, &err) < 0)
        withdrawn(&err, migration);
}

void fy_source_completed(struct fy_migration *migration, const Ferry__Peer__Done *done)
{
    struct fy_migration_report *report = &migration->report;
    if (migration->clock.freeze_ns != 0)
        report->downtime_us = (fy_clock_monotonic_ns() - migration->clock.freeze_ns) / 1000;
    report->root_pid = (pid_t)done->root_pid;
    report->workload_state = "runs at the destination";
    migration->peer_knows_end = true;
    migration->runs_there = true;
    fy_source_enter(migration, FY_SOURCE_END);
    fy_source_try_end(migration);
}

void fy_source_give_up(struct fy_migration *migration, const struct fy_error *why)
{
    fy_error_propagate(&migration->report.error, why);
    fy_error_next(
        &migration->report.error,
        "look on %s whether the workload runs there; if it does not, its image set is kept in %s on this host",
        migration->spec.peer, migration->images_dir);
    migration->keep_images = true;
    migration->report.workload_state = "unknown: ask the destination";
    fy_source_enter(migration, FY_SOURCE_END);
    fy_source_try_end(migration);
}

/* ---- a lost link ---- */

static void dial_again(uv_timer_t *timer)
{
    struct fy_migration *migration = fy_container_of(timer, struct fy_migration, redial);
    struct fy_error err = FY_ERROR_INIT;
    if (migration->phase == FY_SOURCE_END)
        return;
    if (fy_migrate_connect(migration->host, migration->peer, &migration->session, &err) < 0)
        fy_source_redial(migration);
}

void fy_source_redial(struct fy_migration *migration)
{
    uint64_t pause_ms = FIRST_PAUSE_MS << (migration->redials < 8 ? migration->redials : 8);
    migration->redials++;
    if (pause_ms > LONGEST_PAUSE_MS)
        pause_ms = LONGEST_PAUSE_MS;
    fy_source_expect(migration, NULL, 0);
    (void)uv_timer_start(&migration->redial, dial_again, pause_ms, 0);
}
