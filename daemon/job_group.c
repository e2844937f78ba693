/* Workloads that move together: all are prepared, then all are decided upon in one transaction of the store, so that a
 * crash finds the decision for all of them or for none. Until then one that is given up takes all with it. After it
 * each goes its own way to its end. */
#include "job_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int group_join(struct fy_job *job, const struct fy_job *before, struct fy_error *err)
{
    if (!job->spec.group[0])
        return 0;
    if (before && before->group && strcmp(before->spec.group, job->spec.group) == 0)
        job->group = before->group;
    else
        job->group = calloc(1, sizeof(*job->group));
    if (!job->group)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a group of jobs");
    job->group->unfinished++;
    return 0;
}

void group_leave(struct fy_job *job)
{
    struct group_run *group = job->group;
    job->group = NULL;
    if (!group)
        return;
    group->ready -= job->ready;
    if (--group->unfinished == 0)
        free(group);
}

static bool all_are_recorded(const struct fy_jobs *jobs, const struct group_run *group)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->list[i]->group == group && !jobs->list[i]->recorded)
            return false;
    return true;
}

bool group_has_room(const struct fy_job *job)
{
    const struct fy_jobs *jobs = job->jobs;
    size_t limit = jobs->options.host->settings->max_jobs;
    if (!job->group || job->group->started)
        return jobs->running < limit;
    return jobs->running + job->group->unfinished <= limit && all_are_recorded(jobs, job->group);
}

/* ---- together ---- */

static void decide(struct fy_jobs *jobs, struct group_run *group)
{
    group->decided = true;
    fy_store_hold(jobs->options.store);
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->list[i]->group == group)
            jobs->options.ops->go(jobs->list[i]->migration);
    fy_store_release(jobs->options.store);
}

void group_ready(struct fy_job *job)
{
    struct group_run *group = job->group;
    if (!group) {
        job->jobs->options.ops->go(job->migration);
        return;
    }
    job->ready = true;
    group->ready++;
    if (group->ready == group->unfinished && !group->failed)
        decide(job->jobs, group);
}

/* Another one that has not been told yet. What is told changes the list. */
static struct fy_job *next_to_tell(const struct fy_jobs *jobs, const struct group_run *group)
{
    for (size_t i = 0; i < jobs->count; i++) {
        struct fy_job *job = jobs->list[i];
        if (job->group == group && !job->told && !fy_record_ended(job->record))
            return job;
    }
    return NULL;
}

void group_given_up(struct fy_job *job, const char *why)
{
    struct fy_jobs *jobs = job->jobs;
    struct group_run *group = job->group;
    char text[FY_ERROR_MESSAGE_SIZE];
    if (!group || group->decided || group->failed)
        return;
    group->failed = true;
    group->unfinished++; /* ours, so that it is there until all are told */
    (void)snprintf(text, sizeof(text), "%s of the same group was given up (job %s): %.600s", job->record->job->workload,
                   job->record->job->id, why);
    job->told = true;
    for (struct fy_job *other; (other = next_to_tell(jobs, group));) {
        struct fy_error cause = FY_ERROR_INIT;
        other->told = true;
        fy_error_set(&cause, FY_E_CANCELLED, "%s", text);
        if (other->running)
            (void)jobs->options.ops->cancel(other->migration, text, NULL);
        else
            job_end(other, FERRY__CONTROL__JOB_STATE__CANCELLED, "not touched", &cause);
    }
    if (--group->unfinished == 0)
        free(group);
}
