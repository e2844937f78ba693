/* ferry hold SOCKET JOB TOKEN: what CRIU's action script runs; its exit code is the verdict. */
#include "commands.h"

#include <ferry/agent/hold.h>

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    struct fy_error err = FY_ERROR_INIT;
    int verdict = fy_hold_client_run(operands[0], operands[1], operands[2], &err);
    if (fy_error_is_set(&err))
        cli_report(cli, &err);
    return verdict == 0 ? CLI_DONE : CLI_FAILED;
}

const struct cli_command cmd_hold = {
    .name = "hold",
    .operands = "SOCKET JOB TOKEN",
    .summary = "Hold CRIU until ferryd decides, for its action script",
    .min_operands = 3,
    .max_operands = 3,
    .run = run,
};
