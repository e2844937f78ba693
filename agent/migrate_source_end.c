/* ROLLBACK and END: nothing is left behind, and the owner is told exactly once. */
#include "migrate_source.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

#define FAREWELL_MS 2000u
/* How long the destination is told again that it should discard, after the link was lost in the restore. */
#define MAX_ABORT_REDIALS 12u

void fy_source_free(struct fy_migration *migration)
{
    free(migration->options.log_dir);
    free(migration->job_dir);
    free(migration->images_dir);
    free(migration);
}

static void timer_closed(uv_handle_t *handle)
{
    struct fy_migration *migration = handle->data;
    if (--migration->open_timers > 0)
        return;
    struct fy_migration_report *report = &migration->report;
    migration->events->ended(migration, report, migration->data);
    fy_source_free(migration);
}

static void close_timers(struct fy_migration *migration)
{
    uv_timer_t *timers[] = {&migration->deadline, &migration->hold, &migration->tick, &migration->redial};
    for (size_t i = 0; i < FY_ARRAY_SIZE(timers); i++) {
        timers[i]->data = migration;
        uv_close((uv_handle_t *)timers[i], timer_closed);
    }
}

static enum fy_migration_state final_state(const struct fy_migration *migration)
{
    if (migration->runs_there || !fy_error_is_set(&migration->report.error))
        return FY_MIGRATION_COMPLETED;
    return migration->was_cancelled ? FY_MIGRATION_CANCELLED : FY_MIGRATION_FAILED;
}

static void cleaned(uv_work_t *work, int status)
{
    (void)status;
    struct fy_migration *migration = fy_container_of(work, struct fy_migration, work);
    fy_report_phase(&migration->report, &migration->clock, NULL);
    migration->report.state = final_state(migration);
    close_timers(migration);
}

static void clean(uv_work_t *work)
{
    struct fy_migration *migration = fy_container_of(work, struct fy_migration, work);
    /* What cannot be removed lies in memory-backed storage of our own; ferryd's start removes it. */
    if (!migration->keep_images)
        (void)fy_fs_remove_tree(migration->job_dir, NULL);
}

static bool peer_must_still_hear(const struct fy_migration *migration)
{
    return migration->phase == FY_SOURCE_ROLLBACK && migration->prepare_sent && !migration->peer_knows_end;
}

/* The link is down, and the destination may hold a prepared copy. */
static bool redial_for_abort(struct fy_migration *migration)
{
    if (!peer_must_still_hear(migration))
        return false;
    if (migration->redials < MAX_ABORT_REDIALS) {
        if (!uv_is_active((uv_handle_t *)&migration->redial))
            fy_source_redial(migration);
        return true;
    }
    fy_error_next(
        &migration->report.error,
        "the workload runs on here; %s could not be told and may keep a frozen copy of job %s, which never runs",
        migration->spec.peer, migration->options.job_id);
    return false;
}

void fy_source_try_end(struct fy_migration *migration)
{
    if (migration->dump || migration->send || migration->restore || migration->pending > 0)
        return;
    if (migration->phase == FY_SOURCE_ROLLBACK) {
        bool waiting = migration->session.link ? !migration->peer_knows_end : redial_for_abort(migration);
        if (waiting)
            return;
        fy_source_enter(migration, FY_SOURCE_END);
    }
    if (migration->session.link) { /* `closed` comes back here */
        if (migration->session.greeted)
            fy_session_finish(&migration->session, FAREWELL_MS);
        else
            fy_session_close(&migration->session);
        return;
    }
    migration->pending++; /* for good: what follows happens once */
    if (uv_queue_work(migration->host->loop, &migration->work, clean, cleaned) != 0)
        cleaned(&migration->work, 0);
}

static bool offer_was_made(enum fy_source_phase phase)
{
    return phase >= FY_SOURCE_OFFER;
}

void fy_source_rollback(struct fy_migration *migration)
{
    enum fy_source_phase from = migration->phase;
    fy_source_enter(migration, FY_SOURCE_ROLLBACK);
    if (migration->dump)
        fy_dump_decide(migration->dump, FY_DECIDE_RESUME);
    if (migration->send)
        fy_send_set_stop(migration->send);
    if (!offer_was_made(from))
        migration->peer_knows_end = true;
    if (!migration->peer_knows_end && migration->session.link) {
        struct fy_error err = FY_ERROR_INIT;
        if (fy_migrate_send_abort(&migration->session, &migration->report.error, &err) < 0)
            fy_session_fail(&migration->session, &err);
        fy_source_expect(migration, "the destination to discard", migration->host->settings->timeouts.link_ms);
    }
    fy_source_try_end(migration);
}
