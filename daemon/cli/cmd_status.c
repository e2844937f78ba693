/* ferry status */
#include "answer.h"
#include "commands.h"

#include <ferry/base/clock.h>
#include <ferry/base/text.h>

static int text(struct fy_buf *out, const Ferry__Control__Reply *reply, struct fy_error *err)
{
    const Ferry__Control__Status *status = reply->status;
    char since[FY_CLOCK_TEXT_SIZE], longest[FY_TEXT_SIZE];
    fy_clock_format(status->started_us, since);
    fy_text_duration(status->loop_longest_us * 1000, longest);
    return fy_buf_printf(out, err,
                         "ferryd %s on %s, pid %u, since %s\n"
                         "  jobs       %u running, %u queued, at most %u at once\n"
                         "  event loop longest turn %s, %llu over 10 ms\n",
                         status->version, status->name, status->pid, since, status->running_jobs, status->queued_jobs,
                         status->max_jobs, longest, (unsigned long long)status->loop_stalls);
}

static void json(struct fy_json *out, const Ferry__Control__Reply *reply)
{
    const Ferry__Control__Status *status = reply->status;
    char since[FY_CLOCK_TEXT_SIZE];
    fy_clock_format(status->started_us, since);
    fy_json_open_object(out, NULL);
    fy_json_string(out, "version", status->version);
    fy_json_string(out, "name", status->name);
    fy_json_uint(out, "pid", status->pid);
    fy_json_string(out, "started", since);
    fy_json_uint(out, "running_jobs", status->running_jobs);
    fy_json_uint(out, "queued_jobs", status->queued_jobs);
    fy_json_uint(out, "max_jobs", status->max_jobs);
    fy_json_uint(out, "loop_stalls", status->loop_stalls);
    fy_json_number(out, "loop_longest_ms", (double)status->loop_longest_us / 1000.0);
    fy_json_close_object(out);
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    static const struct answer answer = {.kind = FERRY__CONTROL__REPLY__KIND_STATUS, .text = text, .json = json};
    (void)count;
    (void)operands;
    (void)values;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__Nothing nothing = FERRY__CONTROL__NOTHING__INIT;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_STATUS;
    request.status = &nothing;
    return answer_print(cli, &request, &answer);
}

const struct cli_command cmd_status = {
    .name = "status",
    .operands = "",
    .summary = "Show how ferryd itself stands",
    .run = run,
};
