/* Links from peers: each is served by a receiver; the offer that comes on it becomes a job of role destination. */
#include "job_table.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <string.h>

/* One served link. */
struct incoming {
    struct incoming *next;
    struct fy_jobs *jobs;
    struct fy_receiver *receiver;
    struct fy_job *job; /* once an offer was accepted */
};

size_t incoming_count(const struct fy_jobs *jobs)
{
    size_t count = 0;
    for (const struct incoming *in = jobs->incoming; in; in = in->next)
        count++;
    return count;
}

static void forget(struct incoming *in)
{
    struct incoming **at = &in->jobs->incoming;
    while (*at != in)
        at = &(*at)->next;
    *at = in->next;
    free(in);
}

/* ---- an offer ---- */

static int check_offer(const struct fy_jobs *jobs, const char *job_id, const char *workload, struct fy_error *err)
{
    const struct fy_settings *settings = jobs->options.host->settings;
    if (jobs->stopping)
        return fy_error_set(err, FY_E_BUSY, "ferryd on %s is stopping and takes no new jobs", settings->name);
    if (table_find(jobs, job_id))
        return fy_error_set(err, FY_E_BUSY, "job %s is known on %s already", job_id, settings->name);
    const struct fy_job *holder = table_holder(jobs, workload);
    if (holder) {
        fy_error_set(err, FY_E_BUSY, "%s is in job %s on %s already", workload, holder->record->job->id,
                     settings->name);
        return fy_error_next(err, "wait for it, or cancel it on %s: ferry job cancel %s", settings->name,
                             holder->record->job->id);
    }
    if (jobs->running >= settings->max_jobs) {
        fy_error_set(err, FY_E_LIMIT, "%s runs %zu jobs already, its max_jobs", settings->name, jobs->running);
        return fy_error_next(err, "wait until one has ended, or raise max_jobs in the configuration of %s",
                             settings->name);
    }
    return 0;
}

static struct fy_record *offered_record(const char *job_id, const char *workload, const char *peer_name,
                                        const char *log_dir, struct fy_error *err)
{
    Ferry__Control__Job job = FERRY__CONTROL__JOB__INIT;
    job.id = (char *)job_id;
    job.role = FERRY__CONTROL__JOB_ROLE__DESTINATION;
    job.state = FERRY__CONTROL__JOB_STATE__SETUP;
    job.workload = (char *)workload;
    job.peer = (char *)peer_name;
    job.mode = (char *)fy_migration_mode_name(FY_MODE_STOP);
    job.created_us = fy_clock_wall_us();
    job.log_dir = (char *)log_dir;
    return fy_record_new(&job, err);
}

static struct fy_job *accept_offer(struct fy_jobs *jobs, const char *job_id, const char *workload,
                                   const char *peer_name, char **log_dir, struct fy_error *err)
{
    if (check_offer(jobs, job_id, workload, err) < 0 ||
        fy_store_make_log_dir(jobs->options.store, job_id, log_dir, err) < 0)
        return NULL;
    struct fy_record *record = offered_record(job_id, workload, peer_name, *log_dir, err);
    struct fy_job *job = record ? table_add(jobs, record, err) : NULL;
    if (!job)
        (void)fy_store_forget(jobs->options.store, job_id, NULL);
    else if (fy_store_save(jobs->options.store, job->record, NULL, NULL, err) < 0)
        job_end(fy_take(job), FERRY__CONTROL__JOB_STATE__FAILED, "not touched", err);
    return job;
}

static int offered(struct fy_receiver *receiver, const char *job_id, const struct fy_workload *workload,
                   const char *peer_name, struct fy_migration_options *options, struct fy_error *err, void *data)
{
    struct incoming *in = data;
    struct fy_jobs *jobs = in->jobs;
    char text[FY_WORKLOAD_TEXT_SIZE];
    FY_AUTO_FREE char *log_dir = NULL;
    fy_workload_format(workload, text);
    struct fy_job *job = accept_offer(jobs, job_id, text, peer_name, &log_dir, err);
    if (!job) {
        fy_log_write(jobs->options.log, FY_LOG_WARNING, NULL, "refused %s from %s: %s", text, peer_name,
                     err ? err->message : "");
        return -1;
    }
    in->job = job;
    job->receiving = true;
    job->receiver = receiver;
    job->running = true;
    jobs->running++;
    (void)snprintf(options->job_id, sizeof(options->job_id), "%s", job_id);
    options->log_dir = fy_take(log_dir);
    fy_log_write(jobs->options.log, FY_LOG_INFO, job_id, "%s from %s: setup", text, peer_name);
    if (jobs->options.changed)
        jobs->options.changed(job->record, true, jobs->options.data);
    return 0;
}

/* ---- its life ---- */

static void receiver_changed(struct fy_receiver *receiver, const struct fy_migration_report *report, void *data)
{
    (void)receiver;
    struct incoming *in = data;
    if (in->job)
        job_reported(in->job, report);
}

static void receiver_ended(struct fy_receiver *receiver, const struct fy_migration_report *report, void *data)
{
    (void)receiver;
    struct incoming *in = data;
    struct fy_jobs *jobs = in->jobs;
    struct fy_job *job = in->job;
    forget(in);
    if (job && report)
        job_ended(job, report);
    check_idle(jobs);
}

static enum fy_job_fate fate(const char *job_id, struct fy_receiver **receiver, pid_t *root_pid, void *data)
{
    const struct incoming *in = data;
    const struct fy_job *job = table_find(in->jobs, job_id);
    if (!job || job->record->job->role != FERRY__CONTROL__JOB_ROLE__DESTINATION)
        return FY_FATE_UNKNOWN;
    if (job->running) {
        *receiver = job->receiver;
        return FY_FATE_OPEN;
    }
    if (!fy_record_ended(job->record))
        return FY_FATE_WAITING;
    *root_pid = (pid_t)job->record->job->root_pid;
    /* Nothing runs here that is not in the journal as PREPARED, and that would not have ended otherwise. */
    return job->record->job->state == FERRY__CONTROL__JOB_STATE__COMPLETED ? FY_FATE_COMPLETED : FY_FATE_DISCARDED;
}

/* A job that is not known was aborted, if it is this store that would know it. */
static enum fy_saying decision(const char *job_id, const char *store, void *data)
{
    const struct incoming *in = data;
    const struct fy_jobs_options *options = &in->jobs->options;
    const struct fy_job *job = table_find(in->jobs, job_id);
    if (!job)
        return strcmp(store, fy_store_journal(options->store)->store_id) == 0 ? FY_SAY_DECIDED_ABORT : FY_SAY_UNDECIDED;
    if (job->record->job->role != FERRY__CONTROL__JOB_ROLE__SOURCE)
        return FY_SAY_UNDECIDED;
    if (job->running)
        return options->ops->decision(job->migration);
    if (!fy_record_ended(job->record))
        return FY_SAY_UNDECIDED;
    return job->record->job->state == FERRY__CONTROL__JOB_STATE__COMPLETED ? FY_SAY_DECIDED_COMMIT
                                                                           : FY_SAY_DECIDED_ABORT;
}

static const struct fy_receiver_events receiver_events = {
    .offered = offered,
    .changed = receiver_changed,
    .fate = fate,
    .decision = decision,
    .ended = receiver_ended,
};

void fy_jobs_receive(struct fy_jobs *jobs, struct fy_link *link)
{
    struct fy_error err = FY_ERROR_INIT;
    struct incoming *in = calloc(1, sizeof(*in));
    if (!in || jobs->stopping) {
        free(in);
        fy_link_close(link);
        return;
    }
    in->jobs = jobs;
    in->next = jobs->incoming;
    jobs->incoming = in;
    if (jobs->options.ops->receive(jobs->options.host, link, &receiver_events, in, &in->receiver, &err) < 0) {
        fy_log_error(jobs->options.log, NULL, "a peer's link cannot be served", &err);
        forget(in);
    }
}

int incoming_take_up(struct fy_job *job, struct fy_error *err)
{
    struct fy_jobs *jobs = job->jobs;
    struct incoming *in = calloc(1, sizeof(*in));
    if (!in)
        return fy_error_set(err, FY_E_NOMEM, "no memory for taking up job %s", job->record->job->id);
    in->jobs = jobs;
    in->job = job;
    in->next = jobs->incoming;
    jobs->incoming = in;
    job->receiving = true;
    if (jobs->options.ops->receive_take_up(jobs->options.host, job->entry, job->record->job->log_dir, &receiver_events,
                                           in, &job->receiver, err) < 0) {
        forget(in);
        return -1;
    }
    in->receiver = job->receiver;
    return 0;
}

void incoming_cancel_all(struct fy_jobs *jobs, const char *why)
{
    for (struct incoming *in = jobs->incoming, *next; in; in = next) {
        next = in->next;
        if (!in->job) /* the others were cancelled as jobs */
            (void)jobs->options.ops->receive_cancel(in->receiver, why, NULL);
    }
}
