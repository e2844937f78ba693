/* The job table's public side: loading, accepting, finding, cancelling, stopping. */
#include "job_table.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <string.h>

/* ---- loading ---- */

static int load_one(struct fy_record *record, void *data, struct fy_error *err)
{
    struct fy_jobs *jobs = data;
    struct fy_journal_entry *entry = entries_find(jobs, record->job->id);
    if (!fy_record_ended(record) && entry && entry->stage != FY_STAGE_DONE) {
        struct fy_job *job = table_add(jobs, record, err);
        if (job)
            job->entry = entry;
        return job ? 0 : -1;
    }
    if (!fy_record_ended(record)) {
        struct fy_record *settled = recover_record(record, entry, jobs->options.host->settings->run_dir, err);
        fy_record_unref(record);
        if (!settled || fy_store_save(jobs->options.store, settled, NULL, NULL, err) < 0) {
            fy_record_unref(settled);
            return -1;
        }
        if (settled->job->failure)
            fy_log_write(jobs->options.log, FY_LOG_WARNING, settled->job->id, "%s: %s; next: %s",
                         settled->job->workload, settled->job->failure->message, settled->job->failure->next);
        record = settled;
    }
    return table_add(jobs, record, err) ? 0 : -1;
}

int fy_jobs_new(const struct fy_jobs_options *options, struct fy_jobs **jobs, struct fy_error *err)
{
    struct fy_jobs *made = calloc(1, sizeof(*made));
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the list of jobs");
    made->options = *options;
    if (entries_load(made, err) < 0 || fy_store_load(options->store, load_one, made, err) < 0) {
        fy_jobs_free(made);
        return -1;
    }
    *jobs = made;
    return 0;
}

/* What jobs share that were still to run. */
static void leave_runs(struct fy_job *job)
{
    group_leave(job);
    if (job->plan && --job->plan->unfinished == 0)
        free(job->plan);
}

void fy_jobs_free(struct fy_jobs *jobs)
{
    if (!jobs)
        return;
    for (size_t i = 0; i < jobs->count; i++) {
        leave_runs(jobs->list[i]);
        task_free(jobs->list[i]);
        fy_record_unref(jobs->list[i]->record);
        free(jobs->list[i]);
    }
    free(jobs->list);
    entries_free(jobs);
    free(jobs);
}

void fy_jobs_take_up(struct fy_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->list[i]->entry && !jobs->list[i]->running)
            take_up(jobs->list[i]);
}

/* ---- accepting ---- */

static int refuse_unknown_peer(const struct fy_settings *settings, const char *name, struct fy_error *err)
{
    fy_error_set(err, FY_E_NOT_FOUND, "no peer is called %s", name);
    FY_AUTO_FREE const char **names = calloc(settings->peer_count + 1, sizeof(*names));
    for (size_t i = 0; names && i < settings->peer_count; i++)
        names[i] = settings->peers[i].name;
    const char *near = names ? fy_text_nearest(name, names, settings->peer_count) : NULL;
    if (near)
        return fy_error_next(err, "did you mean %s? See: ferry peer list", near);
    return fy_error_next(err, "see: ferry peer list; peers stand in ferryd's configuration");
}

int check_workload(const struct fy_jobs *jobs, const char *workload, struct fy_error *err)
{
    if (jobs->stopping)
        return fy_error_set(err, FY_E_BUSY, "ferryd is stopping and takes no new jobs");
    const struct fy_job *holder = table_holder(jobs, workload);
    if (!holder)
        return 0;
    fy_error_set(err, FY_E_BUSY, "%s is in job %s already (%s)", workload, holder->record->job->id,
                 fy_job_state_name(holder->record->job->state));
    return fy_error_next(err, "watch it: ferry job watch %s; or end it: ferry job cancel %s", holder->record->job->id,
                         holder->record->job->id);
}

static int check_spec(const struct fy_jobs *jobs, const struct fy_migration_spec *spec, struct fy_error *err)
{
    const struct fy_settings *settings = jobs->options.host->settings;
    char workload[FY_WORKLOAD_TEXT_SIZE];
    if (!fy_settings_peer(settings, spec->peer))
        return refuse_unknown_peer(settings, spec->peer, err);
    fy_workload_format(&spec->workload, workload);
    return check_workload(jobs, workload, err);
}

int check_room(const struct fy_jobs *jobs, size_t more, struct fy_error *err)
{
    size_t queued = fy_jobs_queued(jobs);
    if (queued + more <= FY_JOBS_WAITING)
        return 0;
    fy_error_set(err, FY_E_LIMIT, "%zu jobs are waiting, %zu more would be over %d", queued, more, FY_JOBS_WAITING);
    return fy_error_next(err, "wait until some have ended: ferry job list");
}

static struct fy_record *first_record(struct fy_jobs *jobs, const struct fy_migration_spec *spec, const char *plan,
                                      bool dry_run, struct fy_error *err)
{
    char id[FY_JOB_ID_SIZE], workload[FY_WORKLOAD_TEXT_SIZE];
    FY_AUTO_FREE char *log_dir = NULL;
    Ferry__Control__Job job = FERRY__CONTROL__JOB__INIT;
    if (table_new_id(jobs, id, err) < 0 || fy_store_make_log_dir(jobs->options.store, id, &log_dir, err) < 0)
        return NULL;
    fy_workload_format(&spec->workload, workload);
    job.id = id;
    job.role = FERRY__CONTROL__JOB_ROLE__SOURCE;
    job.state = FERRY__CONTROL__JOB_STATE__QUEUED;
    job.workload = workload;
    job.peer = (char *)spec->peer;
    job.mode = (char *)fy_migration_mode_name(spec->mode);
    job.created_us = fy_clock_wall_us();
    job.log_dir = log_dir;
    job.plan = (char *)plan;
    job.group = spec->group[0] ? (char *)spec->group : NULL;
    job.has_dry_run = 1;
    job.dry_run = dry_run;
    return fy_record_new(&job, err);
}

static struct fy_job *accept_one(struct fy_jobs *jobs, const struct fy_migration_spec *spec, struct plan_run *plan,
                                 const char *plan_name, bool dry_run, struct fy_error *err)
{
    struct fy_record *record = first_record(jobs, spec, plan_name, dry_run, err);
    struct fy_job *job = record ? table_add(jobs, record, err) : NULL;
    if (!job)
        return NULL;
    job->spec = *spec;
    job->plan = plan;
    if (plan)
        plan->unfinished++;
    return job;
}

static void first_saved(const struct fy_error *err, void *data)
{
    struct fy_job *job = data;
    job->saving = false;
    if (fy_record_ended(job->record)) /* cancelled meanwhile */
        return;
    job->recorded = !err;
    if (err)
        job_end(job, FERRY__CONTROL__JOB_STATE__FAILED, "not touched", err);
    else
        schedule(job->jobs);
}

void record_first(struct fy_job *job)
{
    struct fy_error err = FY_ERROR_INIT;
    const Ferry__Control__Job *shown = job->record->job;
    bool is_task = job->task != NULL;
    fy_log_write(job->jobs->options.log, FY_LOG_INFO, shown->id, "%s %s %s: queued%s",
                 is_task ? fy_job_kind_name(shown) : shown->workload, is_task ? "of" : "to",
                 is_task ? shown->workload : shown->peer, shown->dry_run ? ", dry run" : "");
    job->saving = true;
    if (fy_store_save(job->jobs->options.store, job->record, first_saved, job, &err) == 0)
        return;
    job->saving = false;
    job_end(job, FERRY__CONTROL__JOB_STATE__FAILED, "not touched", &err);
}

int fy_jobs_migrate(struct fy_jobs *jobs, const struct fy_migration_spec *spec, bool dry_run, struct fy_record **record,
                    struct fy_error *err)
{
    if (check_spec(jobs, spec, err) < 0 || check_room(jobs, 1, err) < 0)
        return -1;
    struct fy_job *job = accept_one(jobs, spec, NULL, NULL, dry_run, err);
    if (!job)
        return -1;
    *record = fy_record_ref(job->record);
    record_first(job);
    return 0;
}

/* ---- plans ---- */

static int check_group_size(const struct fy_jobs *jobs, const struct fy_plan *plan, struct fy_error *err)
{
    size_t size = 0, limit = jobs->options.host->settings->max_jobs;
    for (size_t i = 0; i < plan->migration_count; i++) {
        const char *group = plan->migrations[i].group;
        size = i > 0 && *group && strcmp(group, plan->migrations[i - 1].group) == 0 ? size + 1 : 1;
        if (*group && size > limit) {
            fy_error_set(err, FY_E_LIMIT, "group %s has more than %zu workloads, and no more move at once", group,
                         limit);
            return fy_error_next(err,
                                 "raise max_jobs in ferryd's configuration on both hosts, or make the group smaller");
        }
    }
    return 0;
}

static int check_plan(const struct fy_jobs *jobs, const struct fy_plan *plan, struct fy_error *err)
{
    char workload[FY_WORKLOAD_TEXT_SIZE], earlier[FY_WORKLOAD_TEXT_SIZE];
    if (plan->migration_count == 0)
        return fy_error_set(err, FY_E_CONFIG, "the plan has no migrations");
    if (check_room(jobs, plan->migration_count, err) < 0 || check_group_size(jobs, plan, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->migration_count; i++) {
        if (check_spec(jobs, &plan->migrations[i], err) < 0)
            return fy_error_wrap(err, "migration %zu", i + 1);
        fy_workload_format(&plan->migrations[i].workload, workload);
        for (size_t k = 0; k < i; k++) {
            fy_workload_format(&plan->migrations[k].workload, earlier);
            if (strcmp(workload, earlier) == 0)
                return fy_error_set(err, FY_E_CONFIG, "migrations %zu and %zu both move %s", k + 1, i + 1, workload);
        }
    }
    return 0;
}

/* Gives back what was accepted before something failed; nothing of it is on disk. */
static void drop_newest(struct fy_jobs *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fy_job *job = jobs->list[--jobs->count];
        jobs->unfinished--;
        group_leave(job);
        (void)fy_store_forget(jobs->options.store, job->record->job->id, NULL);
        fy_record_unref(job->record);
        free(job);
    }
}

int fy_jobs_run_plan(struct fy_jobs *jobs, const char *name, const struct fy_plan *plan, bool dry_run,
                     struct fy_record **records, struct fy_error *err)
{
    if (check_plan(jobs, plan, err) < 0)
        return -1;
    struct plan_run *run = calloc(1, sizeof(*run));
    if (!run)
        return fy_error_set(err, FY_E_NOMEM, "no memory for running the plan");
    run->continue_on_failure = plan->continue_on_failure;
    for (size_t i = 0; i < plan->migration_count; i++) {
        struct fy_job *job = accept_one(jobs, &plan->migrations[i], run, name, dry_run, err);
        bool joined = job && !dry_run && group_join(job, i ? jobs->list[jobs->count - 2] : NULL, err) == 0;
        if (!job || (!joined && !dry_run)) {
            drop_newest(jobs, job ? i + 1 : i);
            free(run);
            return -1;
        }
    }
    for (size_t i = 0; i < plan->migration_count; i++)
        records[i] = fy_record_ref(jobs->list[jobs->count - plan->migration_count + i]->record);
    for (size_t i = 0; i < plan->migration_count; i++) {
        struct fy_job *job = table_find(jobs, records[i]->job->id);
        if (job && !fy_record_ended(job->record))
            record_first(job);
    }
    return 0;
}

/* ---- looking ---- */

int fy_jobs_find(const struct fy_jobs *jobs, const char *prefix, struct fy_record **record, struct fy_error *err)
{
    struct fy_record *found = NULL;
    size_t matches = 0, length = strlen(prefix);
    for (size_t i = 0; i < jobs->count; i++) {
        struct fy_record *candidate = jobs->list[i]->record;
        if (length == 0 || strncmp(candidate->job->id, prefix, length) != 0)
            continue;
        found = candidate;
        matches++;
        if (candidate->job->id[length] == '\0') {
            matches = 1;
            break;
        }
    }
    if (matches == 1) {
        *record = found;
        return 0;
    }
    if (matches == 0)
        fy_error_set(err, FY_E_NOT_FOUND, "no job is called %.64s", prefix);
    else
        fy_error_set(err, FY_E_USAGE, "%zu jobs begin with %.64s", matches, prefix);
    return fy_error_next(err, "see: ferry job list");
}

size_t fy_jobs_count(const struct fy_jobs *jobs)
{
    return jobs->count;
}

struct fy_record *fy_jobs_at(const struct fy_jobs *jobs, size_t index)
{
    return jobs->list[index]->record;
}

size_t fy_jobs_running(const struct fy_jobs *jobs)
{
    return jobs->running;
}

size_t fy_jobs_queued(const struct fy_jobs *jobs)
{
    return jobs->unfinished - jobs->running;
}

/* ---- ending ---- */

static int cancel(struct fy_job *job, const char *why, struct fy_error *err)
{
    const struct fy_migration_ops *ops = job->jobs->options.ops;
    if (job->running && job->task)
        return task_cancel(job, why, err);
    if (job->running && job->receiving)
        return ops->receive_cancel(job->receiver, why, err);
    if (job->running)
        return ops->cancel(job->migration, why, err);
    if (job->entry) {
        fy_error_set(err, FY_E_BUSY, "the journal has job %s at %s, and it has not been taken up", job->record->job->id,
                     fy_stage_name(job->entry->stage));
        return fy_error_next(err, "ferryd's log says why; mend that and restart ferryd");
    }
    struct fy_error cause = FY_ERROR_INIT;
    fy_error_set(&cause, FY_E_CANCELLED, "%s", why);
    job_end(job, FERRY__CONTROL__JOB_STATE__CANCELLED, "not touched", &cause);
    return 0;
}

int fy_jobs_cancel(struct fy_jobs *jobs, const char *id, const char *why, struct fy_error *err)
{
    struct fy_job *job = table_find(jobs, id);
    if (!job)
        return fy_error_set(err, FY_E_NOT_FOUND, "no job is called %s", id);
    if (fy_record_ended(job->record)) {
        fy_error_set(err, FY_E_BUSY, "job %s has ended already: %s", id, fy_job_state_name(job->record->job->state));
        return fy_error_next(err, "see: ferry job show %s", id);
    }
    fy_log_write(jobs->options.log, FY_LOG_INFO, id, "cancelling: %s", why);
    return cancel(job, why, err);
}

int fy_jobs_set_bandwidth(struct fy_jobs *jobs, const char *id, uint64_t bytes_per_second, struct fy_error *err)
{
    struct fy_job *job = table_find(jobs, id);
    if (!job)
        return fy_error_set(err, FY_E_NOT_FOUND, "no job is called %s", id);
    if (fy_record_ended(job->record))
        return fy_error_set(err, FY_E_BUSY, "job %s has ended already: %s", id,
                            fy_job_state_name(job->record->job->state));
    if (job->record->job->role == FERRY__CONTROL__JOB_ROLE__DESTINATION) {
        fy_error_set(err, FY_E_BUSY, "job %s only receives here", id);
        return fy_error_next(err, "set it on %s, which sends", job->record->job->peer);
    }
    job->spec.bandwidth_bytes = bytes_per_second; /* one that still waits begins with it */
    if (job->running)
        jobs->options.ops->set_bandwidth(job->migration, bytes_per_second);
    fy_log_write(jobs->options.log, FY_LOG_INFO, id, "bandwidth: %llu bytes a second",
                 (unsigned long long)bytes_per_second);
    return 0;
}

size_t fy_jobs_active(const struct fy_jobs *jobs)
{
    return jobs->unfinished + incoming_count(jobs);
}

void check_idle(struct fy_jobs *jobs)
{
    if (!jobs->stopping || !jobs->idle || fy_jobs_active(jobs) > 0)
        return;
    void (*idle)(void *) = fy_take(jobs->idle);
    idle(jobs->idle_data);
}

void fy_jobs_stop(struct fy_jobs *jobs, const char *why, void (*idle)(void *data), void *data)
{
    if (jobs->stopping)
        return;
    jobs->stopping = true;
    for (size_t i = 0; i < jobs->count; i++) {
        struct fy_job *job = jobs->list[i];
        struct fy_error err = FY_ERROR_INIT;
        if (!fy_record_ended(job->record) && cancel(job, why, &err) < 0)
            fy_log_write(jobs->options.log, FY_LOG_INFO, job->record->job->id, "goes on while ferryd stops: %s",
                         err.message);
    }
    incoming_cancel_all(jobs, why);
    jobs->idle = idle;
    jobs->idle_data = data;
    check_idle(jobs);
}
