/* ferry job set JOB --bandwidth RATE */
#include "commands.h"
#include "session.h"
#include "show.h"

#include <ferry/base/cleanup.h>
#include <ferry/config/quantity.h>
#include <stdio.h>

struct values {
    const char *bandwidth;
};

static const struct cli_option options[] = {
    {"bandwidth", CLI_TEXT, "RATE", "send no faster from now on: 100Mbit/s, 20MiB/s, unlimited; required",
     offsetof(struct values, bandwidth), 0},
    {0},
};

static int check(const struct values *values, uint64_t *rate, struct fy_error *err)
{
    if (!values->bandwidth)
        return fy_error_set(err, FY_E_USAGE, "job set: --bandwidth RATE is missing");
    if (!fy_rate_parse(values->bandwidth, rate))
        return fy_error_set(err, FY_E_USAGE, "--bandwidth: expected " FY_RATE_EXPECTED ", got '%.64s'",
                            values->bandwidth);
    return 0;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    (void)count;
    struct fy_error err = FY_ERROR_INIT;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__JobSet set = FERRY__CONTROL__JOB_SET__INIT;
    if (check(given, &set.bandwidth, &err) < 0) {
        cli_report(cli, &err);
        return CLI_USAGE;
    }
    set.job = operands[0];
    set.has_bandwidth = true;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_JOB_SET;
    request.job_set = &set;
    const struct session_call call = {.request = &request, .reply = show_reply, .data = cli};
    return session_simple(cli, &call);
}

const struct cli_command cmd_job_set = {
    .name = "job set",
    .operands = "JOB",
    .summary = "Change a job while it runs: how fast it sends",
    .description = "Only at the source, which sends.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
