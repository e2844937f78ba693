/* RECOVER: the tasks here are gone by the decision, and the destination says for certain that it has lost its copy. The
 * image set is still here, so the workload is restored from it. */
#include "migrate_source.h"

#include <ferry/agent/address.h>

static void give_up(struct fy_migration *migration, const struct fy_error *err)
{
    if (err && err->message[0])
        fy_error_wrap(&migration->report.error, "restoring it here failed too (%.300s)", err->message);
    migration->keep_images = true;
    migration->report.workload_state = "safe in its image set at the source, runs nowhere";
    fy_error_next(&migration->report.error, "the image set is kept in %s; restore it by hand when the cause is mended",
                  migration->images_dir);
    fy_source_enter(migration, FY_SOURCE_END);
    fy_source_try_end(migration);
}

static void restored(struct fy_restore *restore, enum fy_workload_state state, pid_t root_pid,
                     const struct fy_error *err, void *data)
{
    (void)restore;
    struct fy_migration *migration = data;
    migration->restore = NULL;
    if (state != FY_WORKLOAD_RUNNING)
        give_up(migration, err);
    else {
        migration->report.root_pid = root_pid;
        migration->report.workload_state = "runs at the source, restored there";
        fy_source_enter(migration, FY_SOURCE_END);
        fy_source_try_end(migration);
    }
}

static void address_back(const struct fy_error *err, void *data)
{
    struct fy_migration *migration = data;
    migration->pending--;
    if (err)
        fy_error_wrap(&migration->report.error, "the service address did not come back (%.300s)", err->message);
    if (migration->restore)
        fy_restore_decide(migration->restore, FY_DECIDE_RUN);
    else
        fy_source_try_end(migration); /* the restore has failed meanwhile */
}

static void held(struct fy_restore *restore, void *data)
{
    (void)restore;
    struct fy_migration *migration = data;
    struct fy_error err = FY_ERROR_INIT;
    migration->pending++;
    if (fy_address_go(migration->host, migration->options.job_id, migration->spec.addresses,
                      migration->spec.address_count, address_back, migration, &err) < 0)
        address_back(&err, migration);
}

static void staged(const struct fy_error *err, void *data)
{
    static const struct fy_restore_events events = {.held = held, .done = restored};
    struct fy_migration *migration = data;
    migration->pending--;
    struct fy_restore_request request = {
        .spec = &migration->spec,
        .job_id = migration->options.job_id,
        .images_dir = migration->images_dir,
        .work_dir = migration->options.log_dir,
        .bundle = migration->facts.bundle,
    };
    struct fy_error failure = FY_ERROR_INIT;
    if (err)
        give_up(migration, err);
    else if (fy_restore_start(migration->host, &request, &events, migration, &migration->restore, &failure) < 0)
        give_up(migration, &failure);
}

void fy_source_recover(struct fy_migration *migration, const struct fy_error *why)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_error_propagate(&migration->report.error, why);
    fy_source_enter(migration, FY_SOURCE_RECOVER);
    migration->pending++;
    if (fy_address_stage(migration->host, migration->options.job_id, migration->spec.addresses,
                         migration->spec.address_count, staged, migration, &err) < 0)
        staged(&err, migration);
}
