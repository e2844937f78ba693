/* The list of jobs, and what happens when a job has something new to say. */
#include "job_table.h"

#include <ferry/base/array.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define ID_TRIES 64

/* ---- the list ---- */

struct fy_job *table_find(const struct fy_jobs *jobs, const char *id)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (strcmp(jobs->list[i]->record->job->id, id) == 0)
            return jobs->list[i];
    }
    return NULL;
}

struct fy_job *table_holder(const struct fy_jobs *jobs, const char *workload)
{
    for (size_t i = 0; i < jobs->count; i++) {
        const struct fy_record *record = jobs->list[i]->record;
        if (!fy_record_ended(record) && strcmp(record->job->workload, workload) == 0)
            return jobs->list[i];
    }
    return NULL;
}

int table_new_id(const struct fy_jobs *jobs, char id[FY_JOB_ID_SIZE], struct fy_error *err)
{
    for (int i = 0; i < ID_TRIES; i++) {
        time_t now = (time_t)(fy_clock_wall_us() / 1000000);
        struct tm tm;
        char stamp[24];
        uint16_t random;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            break;
        if (!gmtime_r(&now, &tm) || strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm) == 0)
            break;
        (void)snprintf(id, FY_JOB_ID_SIZE, "m-%s-%04x", stamp, random);
        if (!table_find(jobs, id))
            return 0;
    }
    return fy_error_set(err, FY_E_INTERNAL, "no free job id was found in %d tries", ID_TRIES);
}

struct fy_job *table_add(struct fy_jobs *jobs, struct fy_record *record, struct fy_error *err)
{
    struct fy_job *job = calloc(1, sizeof(*job));
    if (!job || fy_array_room(&jobs->list, &jobs->capacity, jobs->count, sizeof(*jobs->list), "another job", err) < 0) {
        free(job);
        fy_record_unref(record);
        fy_error_set(err, FY_E_NOMEM, "no memory for another job");
        return NULL;
    }
    job->jobs = jobs;
    job->record = record;
    jobs->list[jobs->count++] = job;
    if (fy_record_ended(record))
        jobs->ended++;
    else
        jobs->unfinished++;
    return job;
}

static void remove_at(struct fy_jobs *jobs, size_t index)
{
    struct fy_job *job = jobs->list[index];
    struct fy_error err = FY_ERROR_INIT;
    if (fy_store_forget(jobs->options.store, job->record->job->id, &err) < 0)
        fy_log_error(jobs->options.log, job->record->job->id, "the job's record stays on disk", &err);
    jobs->count--;
    memmove(&jobs->list[index], &jobs->list[index + 1], (jobs->count - index) * sizeof(*jobs->list));
    jobs->ended--;
    fy_record_unref(job->record);
    free(job);
}

/* Forgets the oldest ended jobs. While stopping nothing is forgotten, so that the list keeps still. */
static void keep_few(struct fy_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count && jobs->ended > FY_JOBS_KEPT && !jobs->stopping;) {
        if (fy_record_ended(jobs->list[i]->record) && !jobs->list[i]->saving)
            remove_at(jobs, i);
        else
            i++;
    }
}

/* ---- what is logged ---- */

static void log_end(struct fy_log *log, const Ferry__Control__Job *job)
{
    const char *place = job->workload_state ? job->workload_state : "";
    if (job->failure) {
        enum fy_log_level level = job->state == FERRY__CONTROL__JOB_STATE__FAILED ? FY_LOG_ERROR : FY_LOG_INFO;
        fy_log_write(log, level, job->id, "%s: %s, %s: %s%s%s", job->workload, fy_job_state_name(job->state), place,
                     job->failure->message, job->failure->next ? "; next: " : "",
                     job->failure->next ? job->failure->next : "");
        return;
    }
    char total[FY_TEXT_SIZE], down[FY_TEXT_SIZE], bytes[FY_TEXT_SIZE];
    fy_text_duration(job->elapsed_us * 1000, total);
    fy_text_duration(job->downtime_us * 1000, down);
    fy_text_bytes(job->bytes_total, bytes);
    fy_log_write(log, FY_LOG_INFO, job->id, "%s: %s, %s: %s in %s, downtime %s", job->workload,
                 fy_job_state_name(job->state), place, bytes, total, down);
}

static void log_step(struct fy_log *log, const struct fy_record *before, const struct fy_record *after)
{
    const Ferry__Control__Job *job = after->job;
    if (fy_record_ended(after)) {
        log_end(log, job);
        return;
    }
    const char *phase = fy_job_phase_name(job);
    if (job->has_kind && job->kind != FERRY__CONTROL__JOB_KIND__MIGRATION) {
        fy_log_write(log, FY_LOG_DEBUG, job->id, "%s of %s: %s", fy_job_kind_name(job), job->workload,
                     phase ? phase : fy_job_state_name(job->state));
        return;
    }
    fy_log_write(log, before->job->state != job->state ? FY_LOG_INFO : FY_LOG_DEBUG, job->id, "%s %s %s: %s%s%s",
                 job->workload, job->role == FERRY__CONTROL__JOB_ROLE__SOURCE ? "to" : "from", job->peer,
                 fy_job_state_name(job->state), phase ? ", " : "", phase ? phase : "");
}

/* ---- a job goes on ---- */

static void after_end(struct fy_job *job)
{
    struct fy_jobs *jobs = job->jobs;
    jobs->unfinished--;
    jobs->ended++;
    if (job->running)
        jobs->running--;
    job->running = false;
    if (job->record->job->state != FERRY__CONTROL__JOB_STATE__COMPLETED)
        group_given_up(job, job->record->job->failure ? job->record->job->failure->message : "it has ended");
    group_leave(job);
    task_free(job);
    if (job->plan)
        plan_job_ended(job);
    keep_few(jobs); /* may free the job */
    schedule(jobs);
    check_idle(jobs);
}

/* Gives the job its next record (taken over): logs and saves steps, tells the watchers. */
static void advance(struct fy_job *job, struct fy_record *record)
{
    struct fy_jobs *jobs = job->jobs;
    struct fy_record *before = job->record;
    bool step = fy_record_is_step(before, record);
    struct fy_error err = FY_ERROR_INIT;
    job->record = record;
    if (step) {
        log_step(jobs->options.log, before, record);
        if (fy_store_save(jobs->options.store, record, NULL, NULL, &err) < 0)
            fy_log_error(jobs->options.log, record->job->id, "the job's new state is not on disk", &err);
    }
    fy_record_unref(before);
    if (jobs->options.changed)
        jobs->options.changed(record, step, jobs->options.data);
    if (fy_record_ended(record))
        after_end(job);
}

/* An end that there was no memory to describe is still an end: the only case in which a record is changed. */
static void end_without_words(struct fy_job *job, Ferry__Control__JobState state, const struct fy_error *err)
{
    fy_log_error(job->jobs->options.log, job->record->job->id, fy_job_state_name(state), err);
    job->record->job->state = state;
    after_end(job);
}

void job_reported(struct fy_job *job, const struct fy_migration_report *report)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_record *record = fy_record_after_report(job->record, report, &err);
    if (record)
        advance(job, record);
    else
        fy_log_error(job->jobs->options.log, job->record->job->id, "the job's progress cannot be told", &err);
}

void job_ended(struct fy_job *job, const struct fy_migration_report *report)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_record *with_logs = record_with_logs(job->record);
    struct fy_record *record = fy_record_after_report(with_logs ? with_logs : job->record, report, &err);
    fy_record_unref(with_logs);
    if (record)
        advance(job, record);
    else
        end_without_words(job, FERRY__CONTROL__JOB_STATE__FAILED, &err);
}

void job_end(struct fy_job *job, Ferry__Control__JobState state, const char *workload_state,
             const struct fy_error *cause)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_record *record = fy_record_after_end(job->record, state, workload_state, cause, &err);
    if (record)
        advance(job, record);
    else
        end_without_words(job, state, cause);
}
