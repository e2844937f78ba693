/* Workloads that move together: all are prepared, then all are decided upon in one transaction of the store, so that a
 * crash finds the decision for all of them or for none. All are made to stand still before one is killed, so that a
 * crash after it finds all of them whole, or none to be taken back. Until then one that is given up takes all with it.
 * After it each goes its own way to its end. */
#include "job_table.h"

#include <ferry/base/cleanup.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int group_join(struct fy_job *job, const struct fy_job *before, struct fy_error *err)
{
    if (!job->spec.group[0])
        return 0;
    if (before && before->group && strcmp(before->spec.group, job->spec.group) == 0)
        job->group = before->group;
    else if ((job->group = calloc(1, sizeof(*job->group))))
        (void)snprintf(job->group->id, sizeof(job->group->id), "%s", job->record->job->id);
    if (!job->group)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a group of jobs");
    job->group->core.members++;
    return 0;
}

void group_leave(struct fy_job *job)
{
    struct group_run *group = job->group;
    job->group = NULL;
    if (!group)
        return;
    group->core.ready -= job->ready;
    if (--group->core.members == 0)
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
    return jobs->running + job->group->core.members <= limit && all_are_recorded(jobs, job->group);
}

/* ---- together ---- */

static void decide(struct fy_jobs *jobs, struct group_run *group)
{
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
    if (fy_group_ready(&group->core))
        decide(job->jobs, group);
}

static void strike(struct fy_jobs *jobs, const struct group_run *group)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->list[i]->group == group)
            jobs->options.ops->conclude(jobs->list[i]->migration, NULL);
}

void group_pinned(struct fy_job *job, const struct fy_error *err)
{
    struct group_run *group = job->group;
    struct fy_error why_not = FY_ERROR_INIT;
    fy_error_propagate(&why_not, err);
    if (!err && (!group || group->core.failed))
        fy_error_set(&why_not, FY_E_CANCELLED, "another workload of the same group was given up");
    if (fy_error_is_set(&why_not))
        job->jobs->options.ops->conclude(job->migration, &why_not);
    else if (fy_group_pinned(&group->core))
        strike(job->jobs, group);
}

bool group_goes_on(const struct fy_jobs *jobs, const struct fy_journal_entry *entry)
{
    const struct fy_jobs_options *options = &jobs->options;
    struct fy_migration_trace ours, other;
    size_t count = 0;
    FY_AUTO_FREE struct fy_group_evidence *evidence = calloc(jobs->entry_count, sizeof(*evidence));
    options->ops->look_back(options->host, entry, &ours);
    for (size_t i = 0; evidence && ours.group[0] && i < jobs->entry_count; i++) {
        options->ops->look_back(options->host, &jobs->entries[i], &other);
        if (strcmp(other.group, ours.group) == 0)
            evidence[count++] = other.evidence;
    }
    return count > 0 && fy_group_goes_on(evidence, count);
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

/* Behind the decision a cancel does nothing, and it is concluded. */
static void tell(struct fy_job *other, const char *why)
{
    const struct fy_migration_ops *ops = other->jobs->options.ops;
    struct fy_error cause = FY_ERROR_INIT;
    bool is_decided = other->group->core.decided;
    other->told = true;
    fy_error_set(&cause, FY_E_CANCELLED, "%s", why);
    if (!other->running)
        job_end(other, FERRY__CONTROL__JOB_STATE__CANCELLED, "not touched", &cause);
    else if (is_decided)
        ops->conclude(other->migration, &cause);
    else
        (void)ops->cancel(other->migration, why, NULL);
}

void group_given_up(struct fy_job *job, const char *why)
{
    struct fy_jobs *jobs = job->jobs;
    struct group_run *group = job->group;
    char text[FY_ERROR_MESSAGE_SIZE];
    if (!group || !fy_group_given_up(&group->core))
        return;
    group->core.members++; /* ours, so that it is there until all are told */
    (void)snprintf(text, sizeof(text), "%s of the same group was given up (job %s): %.600s", job->record->job->workload,
                   job->record->job->id, why);
    job->told = true;
    for (struct fy_job *other; (other = next_to_tell(jobs, group));)
        tell(other, text);
    if (--group->core.members == 0)
        free(group);
}
