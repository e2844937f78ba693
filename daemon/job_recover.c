/* What becomes of a job that was unfinished when the last ferryd ended. The journal says what is to be done, if
 * anything is; a job that is not in it has frozen and restored nothing. DONE in it is the end, whatever the record
 * says. */
#include "job_table.h"

#include <ferry/base/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fy_record *never_started(const struct fy_record *record, struct fy_error *err)
{
    struct fy_error cause = FY_ERROR_INIT;
    fy_error_set(&cause, FY_E_INTERRUPTED, "ferryd was restarted before the migration began");
    fy_error_next(&cause, "start it again: ferry migrate %s --to %s", record->job->workload, record->job->peer);
    return fy_record_after_end(record, FERRY__CONTROL__JOB_STATE__CANCELLED, "not touched", &cause, err);
}

static struct fy_record *completed(const struct fy_record *record, struct fy_error *err)
{
    bool is_source = record->job->role == FERRY__CONTROL__JOB_ROLE__SOURCE;
    return fy_record_after_end(record, FERRY__CONTROL__JOB_STATE__COMPLETED,
                               is_source ? "runs at the destination" : "runs here", NULL, err);
}

struct fy_record *recover_record(const struct fy_record *record, const struct fy_journal_entry *entry,
                                 const char *run_dir, struct fy_error *err)
{
    const Ferry__Control__Job *job = record->job;
    if (job->has_kind && job->kind != FERRY__CONTROL__JOB_KIND__MIGRATION)
        return task_interrupted(record, run_dir, err);
    bool is_source = job->role == FERRY__CONTROL__JOB_ROLE__SOURCE;
    char directory[4096];
    if (job->state == FERRY__CONTROL__JOB_STATE__QUEUED)
        return never_started(record, err);
    (void)snprintf(directory, sizeof directory, "%s/jobs/%s", run_dir, job->id);
    (void)fy_fs_remove_tree(directory, NULL);
    if (entry && entry->stage == FY_STAGE_DONE)
        return completed(record, err);
    const char *phase = fy_job_phase_name(job);
    struct fy_error cause = FY_ERROR_INIT;
    fy_error_set(&cause, FY_E_INTERRUPTED, "ferryd was restarted in state %s, phase %s", fy_job_state_name(job->state),
                 phase ? phase : "none");
    fy_error_next(&cause, "nothing was touched: start it again; the logs are in %s",
                  job->log_dir ? job->log_dir : "no directory");
    return fy_record_after_end(record, FERRY__CONTROL__JOB_STATE__FAILED,
                               is_source ? "runs at the source" : "at the source", &cause, err);
}

/* ---- the journal ---- */

static int keep_entry(const struct fy_journal_entry *entry, void *data, struct fy_error *err)
{
    struct fy_jobs *jobs = data;
    struct fy_journal_entry *grown = reallocarray(jobs->entries, jobs->entry_count + 1, sizeof(*grown));
    uint8_t *details = malloc(entry->details_bytes ? entry->details_bytes : 1);
    if (grown)
        jobs->entries = grown;
    if (!grown || !details) {
        free(details);
        return fy_error_set(err, FY_E_NOMEM, "no memory for the journal");
    }
    memcpy(details, entry->details, entry->details_bytes);
    jobs->entries[jobs->entry_count] = *entry;
    jobs->entries[jobs->entry_count++].details = details;
    return 0;
}

int entries_load(struct fy_jobs *jobs, struct fy_error *err)
{
    return fy_store_load_journal(jobs->options.store, keep_entry, jobs, err);
}

void entries_free(struct fy_jobs *jobs)
{
    for (size_t i = 0; i < jobs->entry_count; i++)
        free(jobs->entries[i].details);
    free(jobs->entries);
}

struct fy_journal_entry *entries_find(const struct fy_jobs *jobs, const char *id)
{
    for (size_t i = 0; i < jobs->entry_count; i++)
        if (strcmp(jobs->entries[i].job, id) == 0)
            return &jobs->entries[i];
    return NULL;
}
