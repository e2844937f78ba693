/* Jobs and errors as JSON. Times are in milliseconds, points in time in UTC. */
#include "json_job.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/daemon/record.h>

static void json_ms(struct fy_json *json, const char *key, bool known, uint64_t us)
{
    if (known)
        fy_json_number(json, key, (double)us / 1000.0);
    else
        fy_json_null(json, key);
}

void json_time(struct fy_json *json, const char *key, bool known, int64_t wall_us)
{
    char text[FY_CLOCK_TEXT_SIZE];
    if (known)
        fy_clock_format(wall_us, text);
    fy_json_string(json, key, known ? text : NULL);
}

void json_failure(struct fy_json *json, const char *key, const Ferry__Control__Failure *failure)
{
    if (!failure) {
        fy_json_null(json, key);
        return;
    }
    fy_json_open_object(json, key);
    fy_json_string(json, "code", failure->code);
    fy_json_string(json, "message", failure->message);
    fy_json_string(json, "next", failure->next);
    fy_json_close_object(json);
}

static void json_phases(struct fy_json *json, const Ferry__Control__Job *job)
{
    fy_json_open_array(json, "phases");
    for (size_t i = 0; i < job->n_phases; i++) {
        const Ferry__Control__Phase *phase = job->phases[i];
        fy_json_open_object(json, NULL);
        fy_json_string(json, "name", phase->name);
        json_ms(json, "start_ms", true, phase->start_us);
        json_ms(json, "duration_ms", phase->has_duration_us, phase->duration_us);
        fy_json_close_object(json);
    }
    fy_json_close_array(json);
}

static void json_preflight(struct fy_json *json, const Ferry__Control__Job *job)
{
    fy_json_open_array(json, "preflight");
    for (size_t i = 0; i < job->n_preflight; i++) {
        const Ferry__Control__PreflightItem *item = job->preflight[i];
        fy_json_open_object(json, NULL);
        fy_json_string(json, "name", item->name);
        fy_json_bool(json, "ok", item->ok);
        fy_json_string(json, "detail", item->detail);
        fy_json_string(json, "next", item->next);
        fy_json_close_object(json);
    }
    fy_json_close_array(json);
}

static void json_identity(struct fy_json *json, const Ferry__Control__Job *job)
{
    bool is_source = job->role == FERRY__CONTROL__JOB_ROLE__SOURCE;
    fy_json_string(json, "job", job->id);
    fy_json_string(json, "kind", fy_job_kind_name(job));
    fy_json_string(json, "state", fy_job_state_name(job->state));
    fy_json_string(json, "role", is_source ? "source" : "destination");
    fy_json_string(json, "mode", job->mode);
    fy_json_string(json, "workload", job->workload);
    if (job->peer[0])
        fy_json_string(json, is_source ? "to" : "from", job->peer);
    if (job->checkpoint)
        fy_json_string(json, "checkpoint", job->checkpoint);
    fy_json_bool(json, "dry_run", job->has_dry_run && job->dry_run);
    fy_json_string(json, "plan", job->plan);
    fy_json_string(json, "group", job->group);
    fy_json_string(json, "workload_state", job->workload_state);
    json_time(json, "created", true, job->created_us);
    json_time(json, "ended", job->has_ended_us, job->ended_us);
}

static void json_switchover(struct fy_json *json, const Ferry__Control__Switchover *switchover)
{
    if (!switchover) {
        fy_json_null(json, "switchover");
        return;
    }
    fy_json_open_object(json, "switchover");
    fy_json_string(json, "phase", switchover->phase);
    fy_json_string(json, "durable", switchover->durable);
    fy_json_string(json, "here", switchover->here);
    fy_json_string(json, "there", switchover->there);
    fy_json_string(json, "next", switchover->next);
    fy_json_string(json, "after_restart", switchover->crash);
    fy_json_close_object(json);
}

static void json_pages(struct fy_json *json, const Ferry__Control__PageCounts *pages)
{
    if (!pages) {
        fy_json_null(json, "pages");
        return;
    }
    fy_json_open_object(json, "pages");
    fy_json_uint(json, "zero_bytes", pages->zero_bytes);
    fy_json_uint(json, "duplicate_bytes", pages->duplicate_bytes);
    fy_json_uint(json, "compressed_bytes", pages->compressed_bytes);
    fy_json_uint(json, "plain_bytes", pages->plain_bytes);
    fy_json_close_object(json);
}

static void json_numbers(struct fy_json *json, const Ferry__Control__Job *job)
{
    fy_json_uint(json, "bytes_total", job->bytes_total);
    fy_json_uint(json, "bytes_transferred", job->bytes_sent);
    fy_json_uint(json, "wire_bytes", job->wire_bytes);
    fy_json_uint(json, "wire_bytes_again", job->wire_again_bytes);
    json_pages(json, job->pages);
    fy_json_uint(json, "rate_bytes_per_second", job->rate_bytes);
    json_ms(json, "total_time_ms", true, job->elapsed_us);
    json_ms(json, "downtime_ms", job->has_downtime_us, job->downtime_us);
    if (job->has_root_pid)
        fy_json_uint(json, "root_pid", job->root_pid);
    else
        fy_json_null(json, "root_pid");
}

void json_job(struct fy_json *json, const char *key, const Ferry__Control__Job *job)
{
    fy_json_open_object(json, key);
    json_identity(json, job);
    json_numbers(json, job);
    json_phases(json, job);
    json_switchover(json, job->switchover);
    json_preflight(json, job);
    fy_json_open_array(json, "logs");
    for (size_t i = 0; i < job->n_logs; i++)
        fy_json_string(json, NULL, job->logs[i]);
    fy_json_close_array(json);
    fy_json_string(json, "log_dir", job->log_dir);
    json_failure(json, "error", job->failure);
    fy_json_close_object(json);
}

int json_print(struct fy_json *json)
{
    FY_AUTO_FREE char *text = NULL;
    struct fy_error err = FY_ERROR_INIT;
    int result = json ? fy_json_finish(json, &text, &err) : fy_error_set(&err, FY_E_NOMEM, "no memory for JSON");
    fy_json_free(json);
    if (result < 0)
        (void)fprintf(stderr, "ferry: %s\n", err.message);
    else
        (void)puts(text);
    return result;
}

int json_print_job(const Ferry__Control__Job *job, bool pretty)
{
    struct fy_json *json = fy_json_new(pretty);
    if (json)
        json_job(json, NULL, job);
    return json_print(json);
}

void json_print_error(const struct fy_error *err)
{
    struct fy_json *json = fy_json_new(true);
    Ferry__Control__Failure failure = FERRY__CONTROL__FAILURE__INIT;
    failure.code = (char *)fy_code_name(err->code);
    failure.message = (char *)err->message;
    failure.next = err->next[0] ? (char *)err->next : NULL;
    if (json) {
        fy_json_open_object(json, NULL);
        json_failure(json, "error", &failure);
        fy_json_close_object(json);
    }
    (void)json_print(json);
}
