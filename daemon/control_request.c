/* What ferryd does for each request. A handler either replies with the last word, or starts something that will. */
#include "control.h"

#include <ferry/base/cleanup.h>

#define MAX_ADDRESS_TEXT 512

typedef int (*handler)(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);

static struct fy_jobs *jobs_of(const struct client *client)
{
    return client->server->options.jobs;
}

/* ---- looking ---- */

static int handle_status(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    (void)request;
    (void)err;
    const struct fy_control_options *options = &client->server->options;
    Ferry__Control__Reply reply = FERRY__CONTROL__REPLY__INIT;
    Ferry__Control__Status status = FERRY__CONTROL__STATUS__INIT;
    status.version = (char *)FERRY_VERSION;
    status.name = options->host->settings->name;
    status.pid = (uint32_t)getpid();
    status.running_jobs = (uint32_t)fy_jobs_running(options->jobs);
    status.has_queued_jobs = 1;
    status.queued_jobs = (uint32_t)fy_jobs_queued(options->jobs);
    status.has_max_jobs = 1;
    status.max_jobs = options->host->settings->max_jobs;
    if (options->status)
        options->status(&status, options->data);
    reply.kind_case = FERRY__CONTROL__REPLY__KIND_STATUS;
    reply.status = &status;
    client_reply(client, &reply, true, NULL, 0);
    return 0;
}

void reply_end(struct client *client)
{
    Ferry__Control__Reply reply = FERRY__CONTROL__REPLY__INIT;
    client_reply(client, &reply, true, NULL, 0);
}

/* For lists: without phases, preflight and logs, so that all jobs together stay far below what a link may queue. */
static int handle_job_list(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    (void)request;
    (void)err;
    size_t count = fy_jobs_count(jobs_of(client));
    for (size_t i = 0; i < count; i++) {
        Ferry__Control__Job job = *fy_jobs_at(jobs_of(client), i)->job;
        job.n_phases = 0;
        job.n_preflight = 0;
        job.n_logs = 0;
        client_reply_job(client, &job, false);
    }
    reply_end(client);
    return 0;
}

static int handle_job_show(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    struct fy_record *record;
    if (fy_jobs_find(jobs_of(client), request->job_show->job, &record, err) < 0)
        return -1;
    client_reply_job(client, record->job, true);
    return 0;
}

static int handle_job_watch(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    struct fy_record *record;
    if (fy_jobs_find(jobs_of(client), request->job_watch->job, &record, err) < 0 || watch_add(client, record, err) < 0)
        return -1;
    watch_pump(client);
    return 0;
}

static int handle_job_log(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    struct fy_record *record;
    if (fy_jobs_find(jobs_of(client), request->job_log->job, &record, err) < 0)
        return -1;
    if (!record->job->log_dir)
        return fy_error_set(err, FY_E_NOT_FOUND, "job %s has no log directory", record->job->id);
    return log_stream_start(client, record->job->log_dir, err);
}

static int handle_peer_list(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    (void)request;
    (void)err;
    const struct fy_settings *settings = client->server->options.host->settings;
    for (size_t i = 0; i < settings->peer_count; i++) {
        const struct fy_peer_settings *from = &settings->peers[i];
        Ferry__Control__Reply reply = FERRY__CONTROL__REPLY__INIT;
        Ferry__Control__Peer peer = FERRY__CONTROL__PEER__INIT;
        char address[MAX_ADDRESS_TEXT];
        (void)snprintf(address, sizeof(address), "%s@%s:%u", from->user, from->host, (unsigned)from->port);
        peer.name = from->name;
        peer.address = address;
        reply.kind_case = FERRY__CONTROL__REPLY__KIND_PEER;
        reply.peer = &peer;
        client_reply(client, &reply, false, NULL, 0);
    }
    reply_end(client);
    return 0;
}

/* ---- checking a peer ---- */

/* Lives as long as the check, whatever becomes of who asked. */
struct peer_check {
    struct fy_control_server *server;
    struct client *client; /* NULL: gone, or told already */
    struct fy_peer_check *running;
    char name[FY_PEER_NAME_SIZE];
};

static void reply_peer_check(struct client *client, char *name, const struct fy_peer_check_result *result)
{
    Ferry__Control__Reply reply = FERRY__CONTROL__REPLY__INIT;
    Ferry__Control__PeerCheck check = FERRY__CONTROL__PEER_CHECK__INIT;
    check.name = name;
    check.remote_name = (char *)result->remote_name;
    check.version = (char *)result->version;
    check.protocol_major = result->protocol_major;
    check.protocol_minor = result->protocol_minor;
    check.link = (char *)result->link;
    check.connect_us = result->connect_us;
    check.latency_us = result->latency_us;
    check.has_throughput_bytes = result->throughput_bytes > 0;
    check.throughput_bytes = result->throughput_bytes;
    reply.kind_case = FERRY__CONTROL__REPLY__KIND_PEER_CHECK;
    reply.peer_check = &check;
    client_reply(client, &reply, true, NULL, 0);
}

static void on_peer_checked(const struct fy_peer_check_result *result, const struct fy_error *err, void *data)
{
    struct peer_check *check = data;
    if (check->client) {
        check->client->peer_check = NULL;
        if (result)
            reply_peer_check(check->client, check->name, result);
        else
            client_reply_failure(check->client, err);
    }
    struct fy_control_server *server = check->server;
    free(check);
    server_release(server);
}

/* Whoever hangs up and asks again must not have many of them running. */
void peer_check_forget(struct client *client)
{
    struct peer_check *check = fy_take(client->peer_check);
    if (!check)
        return;
    check->client = NULL;
    check->server->options.ops->peer_check_cancel(check->running, "nobody waits for it any more");
}

void peer_check_stop(struct client *client)
{
    struct fy_error err = FY_ERROR_INIT;
    if (!client->peer_check)
        return;
    fy_error_set(&err, FY_E_CANCELLED, "ferryd is stopping");
    client_reply_failure(client, &err);
    peer_check_forget(client);
}

static int handle_peer_check(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    const struct fy_control_options *options = &client->server->options;
    const struct fy_peer_settings *peer = fy_settings_peer(options->host->settings, request->peer_check->peer);
    if (!peer) {
        fy_error_set(err, FY_E_NOT_FOUND, "no peer is called %.64s", request->peer_check->peer);
        return fy_error_next(err, "see: ferry peer list; peers stand in ferryd's configuration");
    }
    struct peer_check *check = calloc(1, sizeof(*check));
    if (!check)
        return fy_error_set(err, FY_E_NOMEM, "no memory for checking a peer");
    check->server = client->server;
    check->client = client;
    (void)snprintf(check->name, sizeof(check->name), "%s", peer->name);
    if (options->ops->peer_check(options->host, peer->name, on_peer_checked, check, &check->running, err) < 0) {
        free(check);
        return -1;
    }
    client->peer_check = check;
    client->server->outstanding++;
    return 0;
}

/* ---- doing ---- */

static int handle_migrate(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    struct fy_migration_spec spec;
    struct fy_record *record;
    bool dry_run = request->migrate->has_dry_run && request->migrate->dry_run;
    if (spec_from_request(request->migrate, &spec, err) < 0 ||
        fy_jobs_migrate(jobs_of(client), &spec, dry_run, &record, err) < 0)
        return -1;
    return watch_job(client, record, err);
}

static int watch_plan(struct client *client, struct fy_record **records, size_t count, struct fy_error *err)
{
    int result = 0;
    for (size_t i = 0; i < count; i++) {
        if (result == 0)
            result = watch_add(client, records[i], err);
        fy_record_unref(records[i]);
    }
    if (result == 0)
        watch_pump(client);
    else
        watch_drop_all(client);
    return result;
}

static int run_plan(struct client *client, const Ferry__Control__PlanRun *request, const struct fy_plan *plan,
                    struct fy_error *err)
{
    if (!plan->migration_count) {
        fy_error_set(err, FY_E_USAGE, "%.200s has no migrations to run", request->file_name);
        return fy_error_next(err, "install its schedules with: ferry schedule add %.200s", request->file_name);
    }
    FY_AUTO_FREE struct fy_record **records = calloc(plan->migration_count + 1, sizeof(struct fy_record *));
    if (!records)
        return fy_error_set(err, FY_E_NOMEM, "no memory for running the plan");
    bool dry_run = request->has_dry_run && request->dry_run;
    if (fy_jobs_run_plan(jobs_of(client), request->file_name, plan, dry_run, records, err) < 0)
        return -1;
    return watch_plan(client, records, plan->migration_count, err);
}

static int handle_plan_run(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    const Ferry__Control__PlanRun *run = request->plan_run;
    struct fy_plan *plan = NULL;
    if (fy_plan_parse(run->file_name, (const char *)run->text.data, run->text.len, &plan, NULL, err) < 0)
        return -1;
    int result = run_plan(client, run, plan, err);
    fy_plan_free(plan);
    return result;
}

static int handle_job_set(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    const Ferry__Control__JobSet *set = request->job_set;
    struct fy_record *record;
    if (fy_jobs_find(jobs_of(client), set->job, &record, err) < 0)
        return -1;
    if (!set->has_bandwidth)
        return fy_error_set(err, FY_E_USAGE, "nothing is said that could be set of job %s", record->job->id);
    if (fy_jobs_set_bandwidth(jobs_of(client), record->job->id, set->bandwidth, err) < 0)
        return -1;
    client_reply_job(client, record->job, true);
    return 0;
}

static int handle_job_cancel(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    struct fy_record *record;
    char id[FY_JOB_ID_SIZE];
    if (fy_jobs_find(jobs_of(client), request->job_cancel->job, &record, err) < 0)
        return -1;
    (void)snprintf(id, sizeof(id), "%s", record->job->id);
    if (fy_jobs_cancel(jobs_of(client), id, "cancelled on request", err) < 0 ||
        fy_jobs_find(jobs_of(client), id, &record, err) < 0)
        return -1;
    client_reply_job(client, record->job, true);
    return 0;
}

static int handle_job_resolve(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    const Ferry__Control__JobResolve *resolve = request->job_resolve;
    struct fy_record *record;
    char id[FY_JOB_ID_SIZE];
    if (fy_jobs_find(jobs_of(client), resolve->job, &record, err) < 0)
        return -1;
    (void)snprintf(id, sizeof(id), "%s", record->job->id);
    if (fy_jobs_resolve(jobs_of(client), id, resolve->commit, resolve->confirmed, err) < 0 ||
        fy_jobs_find(jobs_of(client), id, &record, err) < 0)
        return -1;
    client_reply_job(client, record->job, true);
    return 0;
}

/* ---- which ---- */

static const struct {
    Ferry__Control__Request__KindCase kind;
    handler handle;
} handlers[] = {
    {FERRY__CONTROL__REQUEST__KIND_STATUS, handle_status},
    {FERRY__CONTROL__REQUEST__KIND_MIGRATE, handle_migrate},
    {FERRY__CONTROL__REQUEST__KIND_PLAN_RUN, handle_plan_run},
    {FERRY__CONTROL__REQUEST__KIND_JOB_LIST, handle_job_list},
    {FERRY__CONTROL__REQUEST__KIND_JOB_SHOW, handle_job_show},
    {FERRY__CONTROL__REQUEST__KIND_JOB_WATCH, handle_job_watch},
    {FERRY__CONTROL__REQUEST__KIND_JOB_CANCEL, handle_job_cancel},
    {FERRY__CONTROL__REQUEST__KIND_JOB_SET, handle_job_set},
    {FERRY__CONTROL__REQUEST__KIND_JOB_RESOLVE, handle_job_resolve},
    {FERRY__CONTROL__REQUEST__KIND_JOB_LOG, handle_job_log},
    {FERRY__CONTROL__REQUEST__KIND_PEER_LIST, handle_peer_list},
    {FERRY__CONTROL__REQUEST__KIND_PEER_CHECK, handle_peer_check},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_CREATE, handle_checkpoint_create},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_LIST, handle_checkpoint_list},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_SHOW, handle_checkpoint_show},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_VERIFY, handle_checkpoint_verify},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_RESTORE, handle_checkpoint_restore},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_REMOVE, handle_checkpoint_remove},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_REPLICATE, handle_checkpoint_replicate},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_PIN, handle_checkpoint_pin},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_UNPIN, handle_checkpoint_unpin},
    {FERRY__CONTROL__REQUEST__KIND_SCHEDULE_LIST, handle_schedule_list},
    {FERRY__CONTROL__REQUEST__KIND_SCHEDULE_ADD, handle_schedule_add},
    {FERRY__CONTROL__REQUEST__KIND_SCHEDULE_REMOVE, handle_schedule_remove},
    {FERRY__CONTROL__REQUEST__KIND_SCHEDULE_RUN, handle_schedule_run},
    {FERRY__CONTROL__REQUEST__KIND_SCHEDULE_PAUSE, handle_schedule_pause},
    {FERRY__CONTROL__REQUEST__KIND_SCHEDULE_RESUME, handle_schedule_resume},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_PRUNE, handle_checkpoint_prune},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_REHEARSE, handle_checkpoint_rehearse},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_EXPORT, handle_checkpoint_export},
    {FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_IMPORT, handle_checkpoint_import},
};

void request_handle(struct client *client, const Ferry__Control__Request *request)
{
    struct fy_error err = FY_ERROR_INIT;
    if (request->version != CONTROL_VERSION) {
        fy_error_set(&err, FY_E_UNSUPPORTED, "control protocol version %u; this ferryd (%s) speaks %u",
                     request->version, FERRY_VERSION, CONTROL_VERSION);
        fy_error_next(&err, "use the ferry that was installed with this ferryd");
        client_reply_failure(client, &err);
        return;
    }
    for (size_t i = 0; i < FY_ARRAY_SIZE(handlers); i++) {
        if (handlers[i].kind != request->kind_case)
            continue;
        if (handlers[i].handle(client, request, &err) < 0)
            client_reply_failure(client, &err);
        return;
    }
    fy_error_set(&err, FY_E_UNSUPPORTED, "a request that this ferryd (%s) does not know", FERRY_VERSION);
    fy_error_next(&err, "use the ferry that was installed with this ferryd");
    client_reply_failure(client, &err);
}
