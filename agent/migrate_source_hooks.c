/* The hooks of the source. Each stage stands in front of what the machine wants done next; a rollback ends what runs.
 *
 *     BEGIN ─ pre-dump ─> DUMP ─ held ─ post-dump ─> CHECK ─> SEND ─ pre-restore ─> PREPARE ─> READY ─ post-restore ─>
 *     DECIDE … END ─ post-commit or post-abort ─> gone */
#include "migrate_source.h"

void fy_migration_run_hooks(struct fy_migration *migration, enum fy_hook_stage stage,
                            void (*then)(void *migration, const struct fy_error *err))
{
    const struct fy_error *failure = &migration->report.error;
    const struct fy_hook_facts facts = {
        .spec = &migration->spec,
        .side = FY_HOOK_SOURCE,
        .job_id = migration->options.job_id,
        .peer = migration->spec.peer,
        .job_dir = migration->job_dir,
        .images_dir = migration->images_dir,
        .log_dir = migration->options.log_dir,
        .root_pid = migration->facts.root_pid,
        .failure = stage == FY_HOOK_POST_ABORT && fy_error_is_set(failure) ? failure : NULL,
    };
    fy_hook_point_run(&migration->hooks, migration->host, &facts, stage, then, migration);
}

uint64_t fy_migration_hooks_ms(const struct fy_migration *migration, enum fy_hook_stage stage)
{
    return fy_hooks_deadline_ms(&migration->spec, FY_HOOK_SOURCE, stage) +
           fy_hooks_deadline_ms(&migration->spec, FY_HOOK_DESTINATION, stage);
}

static void prepare_hooks_done(void *data, const struct fy_error *err)
{
    struct fy_migration *migration = data;
    if (err)
        (void)fy_source_fail(&migration->core, err);
    else if (migration->core.phase == FY_SOURCE_SEND || migration->core.phase == FY_SOURCE_PREPARE)
        fy_migration_say_prepare(migration);
    fy_migration_finish_if_wanted(migration);
}

void fy_migration_prepare(struct fy_migration *migration)
{
    fy_migration_run_hooks(migration, FY_HOOK_PRE_RESTORE, prepare_hooks_done);
}

static void ready_hooks_done(void *data, const struct fy_error *err)
{
    struct fy_migration *migration = data;
    if (err)
        (void)fy_source_fail(&migration->core, err);
    else if (migration->core.phase == FY_SOURCE_READY && migration->events->ready)
        migration->events->ready(migration, migration->data);
    else
        fy_migration_go(migration);
    fy_migration_finish_if_wanted(migration);
}

void fy_migration_go(struct fy_migration *migration)
{
    if (migration->core.phase == FY_SOURCE_READY)
        fy_source_go(&migration->core);
}

void fy_migration_ready(void *ctx)
{
    fy_migration_run_hooks(ctx, FY_HOOK_POST_RESTORE, ready_hooks_done);
}
