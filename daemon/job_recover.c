/* What becomes of a job that was unfinished when the last ferryd ended. A queued one has touched nothing. Of a running
 * one it is not known here how far it got beyond its last recorded phase, so it is called failed and says where to
 * look. Its image set goes, unless it may be the last copy: the source's, once it was decided to switch over. */
#include "job_table.h"

#include <ferry/base/fs.h>
#include <stdio.h>

static struct fy_record *never_started(const struct fy_record *record, struct fy_error *err)
{
    struct fy_error cause = FY_ERROR_INIT;
    fy_error_set(&cause, FY_E_INTERRUPTED, "ferryd was restarted before the migration began");
    fy_error_next(&cause, "start it again: ferry migrate %s --to %s", record->job->workload, record->job->peer);
    return fy_record_after_end(record, FERRY__CONTROL__JOB_STATE__CANCELLED, "not touched", &cause, err);
}

static void advise(const Ferry__Control__Job *job, const char *directory, bool kept, struct fy_error *cause)
{
    const char *logs = job->log_dir ? job->log_dir : "no directory";
    if (kept)
        fy_error_next(cause,
                      "see at %s whether %s runs; if it does not, its image set is kept in %s; the logs are in %s",
                      job->peer, job->workload, directory, logs);
    else
        fy_error_next(cause,
                      "see on this host and at %s where %s runs before you start it anywhere; the logs are in %s",
                      job->peer, job->workload, logs);
}

struct fy_record *recover_record(const struct fy_record *record, const char *run_dir, struct fy_error *err)
{
    const Ferry__Control__Job *job = record->job;
    if (job->has_kind && job->kind != FERRY__CONTROL__JOB_KIND__MIGRATION)
        return task_interrupted(record, run_dir, err);
    bool is_source = job->role == FERRY__CONTROL__JOB_ROLE__SOURCE;
    if (job->state == FERRY__CONTROL__JOB_STATE__QUEUED)
        return never_started(record, err);
    char directory[4096];
    (void)snprintf(directory, sizeof directory, "%s/jobs/%s", run_dir, job->id);
    bool keep = is_source && job->state == FERRY__CONTROL__JOB_STATE__DEVICE;
    if (!keep)
        (void)fy_fs_remove_tree(directory, NULL);
    const char *phase = fy_job_phase_name(job);
    struct fy_error cause = FY_ERROR_INIT;
    fy_error_set(&cause, FY_E_INTERRUPTED, "ferryd was restarted in state %s, phase %s", fy_job_state_name(job->state),
                 phase ? phase : "none");
    advise(job, directory, keep, &cause);
    return fy_record_after_end(record, FERRY__CONTROL__JOB_STATE__FAILED,
                               is_source ? "not known: here or at the destination" : "not known: here or at the source",
                               &cause, err);
}
