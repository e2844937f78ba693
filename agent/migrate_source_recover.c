/* RECOVER: the tasks here are gone by the decision, and the destination says for certain that it never will run them.
 * The image set is still here, so the workload is restored from it. */
#include "migrate_source.h"
#include "punch.h"

#include <ferry/agent/address.h>

static void restored(struct fy_migration *migration, bool runs, const struct fy_error *err)
{
    if (!runs && err)
        fy_error_wrap(&migration->report.error, "restoring it here failed too (%.300s)", err->message);
    fy_source_restored(&migration->core, runs, err);
}

static void restore_done(struct fy_restore *restore, enum fy_workload_state state, pid_t root_pid,
                         const struct fy_error *err, void *data)
{
    (void)restore;
    struct fy_migration *migration = data;
    migration->restore = NULL;
    migration->report.root_pid = root_pid;
    if (!migration->address_returns)
        restored(migration, state == FY_WORKLOAD_RUNNING, err);
    else if (err)
        migration->restore_error = *err;
}

static void address_back(const struct fy_error *err, void *data)
{
    struct fy_migration *migration = data;
    migration->address_returns = false;
    if (err)
        fy_error_wrap(&migration->report.error, "the service address did not come back (%.300s)", err->message);
    if (!migration->restore) { /* it has failed meanwhile */
        restored(migration, false, &migration->restore_error);
        return;
    }
    if (!err)
        fy_address_announce(migration->host, migration->options.job_id, migration->spec.addresses,
                            migration->spec.address_count);
    fy_restore_decide(migration->restore, FY_DECIDE_RUN);
}

static void held(struct fy_restore *restore, void *data)
{
    (void)restore;
    struct fy_migration *migration = data;
    struct fy_error err = FY_ERROR_INIT;
    migration->address_returns = true;
    if (fy_address_go(migration->host, migration->options.job_id, migration->spec.addresses,
                      migration->spec.address_count, address_back, migration, &err) < 0)
        address_back(&err, migration);
}

static void staged(const struct fy_error *err, void *data)
{
    static const struct fy_restore_events events = {.held = held, .done = restore_done};
    struct fy_migration *migration = data;
    struct fy_restore_request request = {
        .spec = &migration->spec,
        .job_id = migration->options.job_id,
        .images_dir = migration->images_dir,
        .work_dir = migration->options.log_dir,
        .bundle = migration->facts.bundle,
    };
    struct fy_error failure = FY_ERROR_INIT;
    if (err)
        restored(migration, false, err);
    else if (fy_restore_start(migration->host, &request, &events, migration, &migration->restore, &failure) < 0)
        restored(migration, false, &failure);
}

void fy_migration_restore(void *ctx)
{
    struct fy_migration *migration = ctx;
    struct fy_error err = FY_ERROR_INIT;
    if (fy_address_stage(migration->host, migration->options.job_id, migration->spec.addresses,
                         migration->spec.address_count, staged, migration, &err) < 0)
        staged(&err, migration);
}

bool fy_migration_can_recover(void *ctx)
{
    const struct fy_migration *migration = ctx;
    return fy_punch_is_whole(migration->images_dir);
}
