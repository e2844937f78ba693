/* Schedules as a table and as JSON. */
#include "schedule_text.h"
#include "json_job.h"
#include "session.h"

#include <ferry/base/clock.h>
#include <stdio.h>
#include <time.h>

#define ROW "%-20s  %-28s  %-8s  %-19s  %-19s  %s"

static void local_time(bool known, int64_t at_s, char text[32])
{
    time_t seconds = at_s;
    struct tm tm;
    if (!known || !localtime_r(&seconds, &tm) || strftime(text, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        (void)snprintf(text, 32, "-");
}

static const char *result_of(const Ferry__Control__Schedule *schedule)
{
    if (schedule->running)
        return "running";
    return schedule->last_result ? schedule->last_result : "-";
}

static const char *state_of(const Ferry__Control__Schedule *schedule)
{
    if (schedule->paused)
        return "paused";
    if (schedule->has_last_failed && schedule->last_failed && !schedule->running)
        return "FAILED";
    return schedule->copy_failure ? "BEHIND" : "ok";
}

/* "; 2 not at b yet: b: no route to host" */
static int copies_of(struct fy_buf *text, const Ferry__Control__Schedule *schedule, struct fy_error *err)
{
    if (!schedule->copies_behind)
        return 0;
    return fy_buf_printf(text, err, "; %u not at %s yet%s%s", schedule->copies_behind, schedule->replicate_to,
                         schedule->copy_failure ? ": " : "", schedule->copy_failure ? schedule->copy_failure : "");
}

int schedule_row(struct fy_buf *text, const Ferry__Control__Schedule *schedule, struct fy_error *err)
{
    if (!schedule)
        return fy_buf_printf(text, err, ROW "\n", "SCHEDULE", "WHEN", "STATE", "LAST", "NEXT", "RESULT");
    char last[32], next[32];
    local_time(schedule->has_last_started_us, schedule->last_started_us / 1000000, last);
    local_time(schedule->has_next_s, schedule->next_s, next);
    if (fy_buf_printf(text, err, ROW, schedule->name, schedule->when, state_of(schedule), last, next,
                      result_of(schedule)) < 0 ||
        copies_of(text, schedule, err) < 0)
        return -1;
    return fy_buf_printf(text, err, "\n");
}

static void json_time(struct fy_json *json, const char *key, bool known, int64_t wall_us)
{
    char text[FY_CLOCK_TEXT_SIZE];
    if (known)
        fy_clock_format(wall_us, text);
    fy_json_string(json, key, known ? text : NULL);
}

void schedule_json(struct fy_json *json, const char *key, const Ferry__Control__Schedule *schedule)
{
    fy_json_open_object(json, key);
    fy_json_string(json, "schedule", schedule->name);
    fy_json_string(json, "file", schedule->file);
    fy_json_string(json, "when", schedule->when);
    fy_json_string(json, "workloads", schedule->workloads);
    fy_json_string(json, "missed", schedule->missed);
    fy_json_bool(json, "paused", schedule->paused);
    fy_json_bool(json, "running", schedule->running);
    json_time(json, "next", schedule->has_next_s, schedule->next_s * 1000000);
    json_time(json, "last_planned", schedule->has_last_slot_s, schedule->last_slot_s * 1000000);
    json_time(json, "last_started", schedule->has_last_started_us, schedule->last_started_us);
    json_time(json, "last_ended", schedule->has_last_ended_us, schedule->last_ended_us);
    if (schedule->has_last_failed)
        fy_json_bool(json, "last_failed", schedule->last_failed);
    else
        fy_json_null(json, "last_failed");
    fy_json_string(json, "last_result", schedule->last_result);
    fy_json_string(json, "replicate_to", schedule->replicate_to);
    if (schedule->has_copies_behind)
        fy_json_uint(json, "copies_behind", schedule->copies_behind);
    else
        fy_json_null(json, "copies_behind");
    fy_json_string(json, "copy_failure", schedule->copy_failure);
    json_time(json, "copy_retry", schedule->has_copy_retry_s, schedule->copy_retry_s * 1000000);
    fy_json_close_object(json);
}

struct listing {
    struct fy_json *json; /* NULL: text */
    struct fy_buf text;
    struct fy_error err;
};

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    struct listing *listing = data;
    (void)session;
    (void)frame;
    if (reply->kind_case != FERRY__CONTROL__REPLY__KIND_SCHEDULE)
        return;
    if (listing->json)
        schedule_json(listing->json, NULL, reply->schedule);
    else
        (void)schedule_row(&listing->text, reply->schedule, &listing->err);
}

static enum cli_exit print_json(struct listing *listing, enum cli_exit code)
{
    if (code != CLI_DONE) {
        fy_json_free(listing->json);
        return code;
    }
    fy_json_close_array(listing->json);
    fy_json_close_object(listing->json);
    return json_print(listing->json) < 0 ? CLI_FAILED : CLI_DONE;
}

enum cli_exit schedules_print(struct cli *cli, Ferry__Control__Request *request)
{
    struct listing listing = {.json = cli->json ? fy_json_new(true) : NULL};
    fy_buf_init(&listing.text, 0);
    if (listing.json) {
        fy_json_open_object(listing.json, NULL);
        fy_json_open_array(listing.json, "schedules");
    } else {
        (void)schedule_row(&listing.text, NULL, &listing.err);
    }
    const struct session_call call = {.request = request, .reply = on_reply, .data = &listing};
    enum cli_exit code = session_simple(cli, &call);
    if (listing.json)
        code = print_json(&listing, code);
    else if (code == CLI_DONE)
        (void)fwrite(listing.text.data, 1, listing.text.size, stdout);
    fy_buf_done(&listing.text);
    return code;
}

enum cli_exit schedules_print_named(struct cli *cli, Ferry__Control__Request__KindCase kind, char *name)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__ScheduleRef ref = FERRY__CONTROL__SCHEDULE_REF__INIT;
    ref.schedule = name;
    request.kind_case = kind;
    request.schedule_run = &ref; /* of all these kinds the message stands at the same place */
    return schedules_print(cli, &request);
}
