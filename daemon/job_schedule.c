/* Which job starts when: recorded ones, oldest first, while there is a slot; of a plan only its first unfinished one.
 */
#include "job_table.h"

#include <stdlib.h>
#include <string.h>

/* ---- events of a migration ---- */

static void migration_changed(struct fy_migration *migration, const struct fy_migration_report *report, void *data)
{
    (void)migration;
    job_reported(data, report);
}

static void migration_ready(struct fy_migration *migration, void *data)
{
    (void)migration;
    group_ready(data);
}

static void migration_pinned(struct fy_migration *migration, const struct fy_error *err, void *data)
{
    (void)migration;
    group_pinned(data, err);
}

static void migration_given_up(struct fy_migration *migration, const struct fy_migration_report *report, void *data)
{
    (void)migration;
    group_given_up(data, report->error.message);
}

static void migration_ended(struct fy_migration *migration, const struct fy_migration_report *report, void *data)
{
    (void)migration;
    job_ended(data, report);
}

static const struct fy_migration_events migration_events = {
    .ready = migration_ready,
    .pinned = migration_pinned,
    .given_up = migration_given_up,
    .changed = migration_changed,
    .ended = migration_ended,
};

/* ---- starting ---- */

static void start(struct fy_job *job)
{
    const struct fy_jobs_options *options = &job->jobs->options;
    const Ferry__Control__Job *shown = job->record->job;
    struct fy_migration_options how = {.log_dir = shown->log_dir, .dry_run = shown->has_dry_run && shown->dry_run};
    struct fy_error err = FY_ERROR_INIT;
    (void)snprintf(how.job_id, sizeof(how.job_id), "%s", shown->id);
    if (job->group)
        (void)snprintf(how.group, sizeof(how.group), "%s", job->group->id);
    int started =
        job->task ? task_start(job, &how, &err)
                  : options->ops->start(options->host, &job->spec, &how, &migration_events, job, &job->migration, &err);
    if (started < 0) {
        job_end(job, FERRY__CONTROL__JOB_STATE__FAILED, "not touched", &err);
        return;
    }
    job->running = true;
    job->jobs->running++;
    if (job->group)
        job->group->started = true;
}

void take_up(struct fy_job *job)
{
    const struct fy_jobs_options *options = &job->jobs->options;
    struct fy_error err = FY_ERROR_INIT;
    fy_log_write(options->log, FY_LOG_WARNING, job->record->job->id, "%s: taken up after a restart, at %s",
                 job->record->job->workload, fy_stage_name(job->entry->stage));
    job->running = true;
    job->jobs->running++;
    int result = job->entry->is_source
                     ? options->ops->take_up(options->host, job->entry, group_goes_on(job->jobs, job->entry),
                                             job->record->job->log_dir, &migration_events, job, &job->migration, &err)
                     : incoming_take_up(job, &err);
    if (result == 0)
        return;
    job->running = false;
    job->jobs->running--;
    fy_log_error(options->log, job->record->job->id, "the job cannot be taken up: it stays as it is in the journal",
                 &err);
}

/* The first of its plan that has not ended, and those of its group. */
static bool is_its_turn(const struct fy_job *job)
{
    if (!job->plan)
        return true;
    const struct fy_jobs *jobs = job->jobs;
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->list[i]->plan == job->plan)
            return jobs->list[i] == job || (job->group && jobs->list[i]->group == job->group);
    }
    return false;
}

static struct fy_job *first_startable(const struct fy_jobs *jobs, bool of_started_groups)
{
    for (size_t i = 0; i < jobs->count; i++) {
        struct fy_job *job = jobs->list[i];
        bool of_started = job->group && job->group->started;
        if (job->recorded && !job->running && !fy_record_ended(job->record) && of_started == of_started_groups &&
            is_its_turn(job) && group_has_room(job))
            return job;
    }
    return NULL;
}

/* A group that has begun to start has its slots: nobody else gets one of them. */
static struct fy_job *next_to_start(const struct fy_jobs *jobs)
{
    if (jobs->stopping || jobs->running >= jobs->options.host->settings->max_jobs)
        return NULL;
    struct fy_job *job = first_startable(jobs, true);
    return job ? job : first_startable(jobs, false);
}

void schedule(struct fy_jobs *jobs)
{
    if (jobs->scheduling) /* a start that failed at once: the loop below goes on */
        return;
    struct fy_job *job;
    jobs->scheduling = true;
    while ((job = next_to_start(jobs)))
        start(job);
    jobs->scheduling = false;
}

/* ---- plans ---- */

static struct fy_job *queued_job_of(const struct fy_jobs *jobs, const struct plan_run *plan)
{
    for (size_t i = 0; i < jobs->count; i++) {
        struct fy_job *job = jobs->list[i];
        if (job->plan == plan && !job->running && !fy_record_ended(job->record))
            return job;
    }
    return NULL;
}

/* The plan is freed with its last job. */
static void cancel_rest(struct fy_jobs *jobs, const struct plan_run *plan)
{
    struct fy_error cause = FY_ERROR_INIT;
    fy_error_set(&cause, FY_E_CANCELLED, "not started: job %s of the same plan did not complete", plan->first_failed);
    fy_error_next(&cause, "see why with: ferry job show %s", plan->first_failed);
    for (size_t left = plan->unfinished; left > 0; left--) {
        struct fy_job *queued = queued_job_of(jobs, plan);
        if (!queued) /* what is left of it runs */
            return;
        job_end(queued, FERRY__CONTROL__JOB_STATE__CANCELLED, "not touched", &cause);
    }
}

void plan_job_ended(struct fy_job *job)
{
    struct plan_run *plan = job->plan;
    const Ferry__Control__Job *shown = job->record->job;
    job->plan = NULL;
    if (--plan->unfinished == 0) {
        free(plan);
        return;
    }
    /* A dry run answers for each of them, whatever the others say. */
    bool matters = shown->state != FERRY__CONTROL__JOB_STATE__COMPLETED && !shown->dry_run;
    if (!matters || plan->continue_on_failure || plan->failed)
        return;
    plan->failed = true;
    (void)snprintf(plan->first_failed, sizeof(plan->first_failed), "%s", shown->id);
    cancel_rest(job->jobs, plan);
}
