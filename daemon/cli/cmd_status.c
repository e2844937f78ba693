/* ferry status */
#include "commands.h"
#include "json_job.h"
#include "session.h"

#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <stdio.h>

static void print_text(const Ferry__Control__Status *status)
{
    char since[FY_CLOCK_TEXT_SIZE], longest[FY_TEXT_SIZE];
    fy_clock_format(status->started_us, since);
    fy_text_duration(status->loop_longest_us * 1000, longest);
    (void)printf("ferryd %s on %s, pid %u, since %s\n", status->version, status->name, status->pid, since);
    (void)printf("  %-10s %u running, %u queued, at most %u at once\n", "jobs", status->running_jobs,
                 status->queued_jobs, status->max_jobs);
    (void)printf("  %-10s longest turn %s, %llu over 10 ms\n", "event loop", longest,
                 (unsigned long long)status->loop_stalls);
}

static void print_json(const Ferry__Control__Status *status)
{
    char since[FY_CLOCK_TEXT_SIZE];
    struct fy_json *json = fy_json_new(true);
    fy_clock_format(status->started_us, since);
    if (json) {
        fy_json_open_object(json, NULL);
        fy_json_string(json, "version", status->version);
        fy_json_string(json, "name", status->name);
        fy_json_uint(json, "pid", status->pid);
        fy_json_string(json, "started", since);
        fy_json_uint(json, "running_jobs", status->running_jobs);
        fy_json_uint(json, "queued_jobs", status->queued_jobs);
        fy_json_uint(json, "max_jobs", status->max_jobs);
        fy_json_uint(json, "loop_stalls", status->loop_stalls);
        fy_json_number(json, "loop_longest_ms", (double)status->loop_longest_us / 1000.0);
        fy_json_close_object(json);
    }
    (void)json_print(json);
}

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    (void)session;
    (void)frame;
    const struct cli *cli = data;
    if (reply->kind_case != FERRY__CONTROL__REPLY__KIND_STATUS)
        return;
    if (cli->json)
        print_json(reply->status);
    else
        print_text(reply->status);
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)operands;
    (void)values;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__Nothing nothing = FERRY__CONTROL__NOTHING__INIT;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_STATUS;
    request.status = &nothing;
    const struct session_call call = {.request = &request, .reply = on_reply, .data = cli};
    return session_simple(cli, &call);
}

const struct cli_command cmd_status = {
    .name = "status",
    .operands = "",
    .summary = "Show how ferryd itself stands",
    .run = run,
};
