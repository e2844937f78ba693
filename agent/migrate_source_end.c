/* END: nothing is left behind, and the owner is told exactly once. */
#include "migrate_source.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

void fy_migration_free(struct fy_migration *migration)
{
    if (migration->offer)
        ferry__peer__offer__free_unpacked(migration->offer, NULL);
    fy_open_files_done(&migration->files);
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
    fy_migration_free(migration);
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
    if (migration->core.runs_there || !fy_error_is_set(&migration->report.error))
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
    if (!migration->core.keep_images)
        (void)fy_fs_remove_tree(migration->job_dir, NULL);
}

static void post_hooks_done(void *data, const struct fy_error *err)
{
    struct fy_migration *migration = data;
    if (err && fy_error_is_set(&migration->report.error))
        fy_error_wrap(&migration->report.error, "%.300s, and before that", err->message);
    fy_error_propagate(&migration->report.error, err); /* told, and it changes nothing */
    if (uv_queue_work(migration->host->loop, &migration->work, clean, cleaned) != 0)
        cleaned(&migration->work, 0);
}

void fy_migration_finish_if_wanted(struct fy_migration *migration)
{
    if (!migration->finish_wanted || migration->hooks.running)
        return;
    migration->finish_wanted = false;
    if (migration->accepted)
        fy_migration_run_hooks(migration, migration->core.runs_there ? FY_HOOK_POST_COMMIT : FY_HOOK_POST_ABORT,
                               post_hooks_done);
    else
        post_hooks_done(migration, NULL);
}

void fy_migration_finish(void *ctx)
{
    struct fy_migration *migration = ctx;
    migration->finish_wanted = true;
    fy_migration_finish_if_wanted(migration);
}
