/* Jobs that are no migrations: they share the table, its slots and its fence, and do what their task does. */
#include "job_table.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/fs.h>
#include <string.h>

/* ---- accepting ---- */

static struct fy_record *task_record(struct fy_jobs *jobs, const struct fy_job_request *request, struct fy_error *err)
{
    char id[FY_JOB_ID_SIZE];
    FY_AUTO_FREE char *log_dir = NULL;
    Ferry__Control__Job job = FERRY__CONTROL__JOB__INIT;
    if (table_new_id(jobs, id, err) < 0 || fy_store_make_log_dir(jobs->options.store, id, &log_dir, err) < 0)
        return NULL;
    job.id = id;
    job.role = FERRY__CONTROL__JOB_ROLE__SOURCE;
    job.state = FERRY__CONTROL__JOB_STATE__QUEUED;
    job.workload = (char *)request->workload;
    job.peer = (char *)(request->peer ? request->peer : "");
    job.mode = "";
    job.created_us = fy_clock_wall_us();
    job.log_dir = log_dir;
    job.has_kind = 1;
    job.kind = request->kind;
    job.checkpoint = (char *)request->checkpoint;
    return fy_record_new(&job, err);
}

int fy_jobs_submit(struct fy_jobs *jobs, const struct fy_job_request *request, struct fy_record **record,
                   struct fy_error *err)
{
    if (check_workload(jobs, request->workload, err) < 0 || check_room(jobs, 1, err) < 0)
        return -1;
    struct fy_record *first = task_record(jobs, request, err);
    struct fy_job *job = first ? table_add(jobs, first, err) : NULL;
    if (!job)
        return -1;
    job->task_ops = request->ops;
    job->task = request->task;
    *record = fy_record_ref(job->record);
    record_first(job);
    return 0;
}

/* ---- its life ---- */

int task_start(struct fy_job *job, const struct fy_migration_options *options, struct fy_error *err)
{
    return job->task_ops->start(job->task, job, options, err);
}

int task_cancel(struct fy_job *job, const char *why, struct fy_error *err)
{
    return job->task_ops->cancel(job->task, why, err);
}

void task_free(struct fy_job *job)
{
    if (job->task)
        job->task_ops->free(fy_take(job->task));
}

void fy_jobs_task_changed(struct fy_job *job, const struct fy_migration_report *report)
{
    job_reported(job, report);
}

void fy_jobs_task_ended(struct fy_job *job, const struct fy_migration_report *report)
{
    job_ended(job, report);
}

/* ---- after a restart ---- */

/* What was being written has been swept; a workload that was held runs on, because what nobody decides is undone. */
static const char *where_it_is(const Ferry__Control__Job *job)
{
    switch (job->kind) {
    case FERRY__CONTROL__JOB_KIND__CHECKPOINT:
        return "runs here, unless its checkpoint is listed and it was to be stopped";
    case FERRY__CONTROL__JOB_KIND__RESTORE:
        return "not known: it may have been restored";
    default:
        return "not touched";
    }
}

struct fy_record *task_interrupted(const struct fy_record *record, const char *run_dir, struct fy_error *err)
{
    const Ferry__Control__Job *job = record->job;
    struct fy_error cause = FY_ERROR_INIT;
    char directory[4096];
    (void)snprintf(directory, sizeof directory, "%s/jobs/%s", run_dir, job->id);
    (void)fy_fs_remove_tree(directory, NULL);
    fy_error_set(&cause, FY_E_INTERRUPTED, "ferryd was restarted in the middle of it");
    fy_error_next(&cause, "nothing half-done is left in the store (see: ferry checkpoint list); start it again");
    return fy_record_after_end(record, FERRY__CONTROL__JOB_STATE__FAILED, where_it_is(job), &cause, err);
}
