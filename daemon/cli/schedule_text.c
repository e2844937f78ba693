/* Schedules as a table and as JSON. */
#include "schedule_text.h"
#include "json_job.h"
#include "listing.h"

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
static int copies_of(struct fy_buf *cells, const Ferry__Control__Schedule *schedule, struct fy_error *err)
{
    if (!schedule->copies_behind)
        return 0;
    return fy_buf_printf(cells, err, "; %u not at %s yet%s%s", schedule->copies_behind, schedule->replicate_to,
                         schedule->copy_failure ? ": " : "", schedule->copy_failure ? schedule->copy_failure : "");
}

static int row(struct fy_buf *cells, const Ferry__Control__Reply *reply, struct fy_error *err)
{
    if (!reply)
        return fy_buf_printf(cells, err, "SCHEDULE\tWHEN\tSTATE\tLAST\tNEXT\t=RESULT\n");
    const Ferry__Control__Schedule *schedule = reply->schedule;
    char last[LISTING_TIME_SIZE], next[LISTING_TIME_SIZE];
    listing_cell_time(schedule->has_last_started_us ? schedule->last_started_us : 0, last);
    listing_cell_time(schedule->has_next_s ? schedule->next_s * 1000000 : 0, next);
    if (fy_buf_printf(cells, err, "%s\t%s\t%s\t%s\t%s\t%s", schedule->name, schedule->when, state_of(schedule), last,
                      next, result_of(schedule)) < 0 ||
        copies_of(cells, schedule, err) < 0)
        return -1;
    return fy_buf_printf(cells, err, "\n");
}

static void json(struct fy_json *out, const Ferry__Control__Reply *reply)
{
    const Ferry__Control__Schedule *schedule = reply->schedule;
    fy_json_open_object(out, NULL);
    fy_json_string(out, "schedule", schedule->name);
    fy_json_string(out, "file", schedule->file);
    fy_json_string(out, "when", schedule->when);
    fy_json_string(out, "workloads", schedule->workloads);
    fy_json_string(out, "missed", schedule->missed);
    fy_json_bool(out, "paused", schedule->paused);
    fy_json_bool(out, "running", schedule->running);
    json_time(out, "next", schedule->has_next_s, schedule->next_s * 1000000);
    json_time(out, "last_planned", schedule->has_last_slot_s, schedule->last_slot_s * 1000000);
    json_time(out, "last_started", schedule->has_last_started_us, schedule->last_started_us);
    json_time(out, "last_ended", schedule->has_last_ended_us, schedule->last_ended_us);
    if (schedule->has_last_failed)
        fy_json_bool(out, "last_failed", schedule->last_failed);
    else
        fy_json_null(out, "last_failed");
    fy_json_string(out, "last_result", schedule->last_result);
    fy_json_string(out, "replicate_to", schedule->replicate_to);
    if (schedule->has_copies_behind)
        fy_json_uint(out, "copies_behind", schedule->copies_behind);
    else
        fy_json_null(out, "copies_behind");
    fy_json_string(out, "copy_failure", schedule->copy_failure);
    json_time(out, "copy_retry", schedule->has_copy_retry_s, schedule->copy_retry_s * 1000000);
    fy_json_close_object(out);
}

enum cli_exit schedules_print(struct cli *cli, Ferry__Control__Request *request)
{
    static const struct listing listing = {
        .array = "schedules", .kind = FERRY__CONTROL__REPLY__KIND_SCHEDULE, .row = row, .json = json};
    return listing_print(cli, request, &listing);
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
