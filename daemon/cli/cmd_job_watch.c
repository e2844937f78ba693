/* ferry job watch JOB */
#include "commands.h"
#include "follow.h"

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__JobRef ref = FERRY__CONTROL__JOB_REF__INIT;
    ref.job = operands[0];
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_JOB_WATCH;
    request.job_watch = &ref;
    const struct follow follow = {.request = &request, .lines = true};
    return follow_run(cli, &follow);
}

const struct cli_command cmd_job_watch = {
    .name = "job watch",
    .operands = "JOB",
    .summary = "Show a job until it has ended",
    .description = "The exit code is that of the migration itself. Ctrl-C ends the watching only.\n"
                   "With --json every event is an object on a line.",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
