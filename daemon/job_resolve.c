/* The one case in which a person decides: the other host is gone, and what this one holds depends on it. */
#include "job_table.h"

static bool is_source(const struct fy_job *job)
{
    return job->record->job->role == FERRY__CONTROL__JOB_ROLE__SOURCE;
}

/* In the words of what would be true if the operator is wrong. */
static int say_stakes(const struct fy_job *job, bool commit, struct fy_error *err)
{
    const Ferry__Control__Job *shown = job->record->job;
    const char *peer = shown->peer;
    if (is_source(job) && commit)
        fy_error_set(err, FY_E_USAGE,
                     "--commit ends the job here as done: %s is no longer told to run %s. If it does not run there, it "
                     "runs nowhere",
                     peer, shown->workload);
    else if (is_source(job))
        fy_error_set(err, FY_E_USAGE,
                     "--abort brings %s back here, or lets it run on. If %s ever runs its copy, it runs twice",
                     shown->workload, peer);
    else if (commit)
        fy_error_set(err, FY_E_USAGE,
                     "--commit lets %s run here. If it still runs at %s, or is started there again, it runs twice",
                     shown->workload, peer);
    else
        fy_error_set(err, FY_E_USAGE,
                     "--abort removes the copy here and its image set. If %s has committed, it was the only one", peer);
    return fy_error_next(err, "make sure of %s first; then confirm with --yes", peer);
}

/* In the source's dialing, or the destination's asking, stands whether the other one answers: the machine refuses while
 * there is a link. */
int fy_jobs_resolve(struct fy_jobs *jobs, const char *id, bool commit, bool confirmed, struct fy_error *err)
{
    const struct fy_migration_ops *ops = jobs->options.ops;
    struct fy_job *job = table_find(jobs, id);
    if (!job)
        return fy_error_set(err, FY_E_NOT_FOUND, "no job is called %s", id);
    if (fy_record_ended(job->record) || !job->running) {
        fy_error_set(err, FY_E_BUSY, "job %s does not run: %s", id, fy_job_state_name(job->record->job->state));
        return fy_error_next(err, "see: ferry job show %s", id);
    }
    if (!confirmed)
        return say_stakes(job, commit, err);
    fy_log_write(jobs->options.log, FY_LOG_WARNING, id, "an operator decides: %s", commit ? "commit" : "abort");
    return job->receiving ? ops->receive_decide(job->receiver, commit, err) : ops->resolve(job->migration, commit, err);
}
