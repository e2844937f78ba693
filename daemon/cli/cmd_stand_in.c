/* ferry stand-in SCRIPT CRIU ARGUMENT...: what podman's runtime finds as `criu` while ferry dumps the container. */
#include "commands.h"

#include <ferry/agent/stand_in.h>

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    struct fy_error err = FY_ERROR_INIT;
    int status = fy_stand_in_run(operands[0], operands + 1, &err);
    if (fy_error_is_set(&err))
        cli_report(cli, &err);
    return status == 0 ? CLI_DONE : CLI_FAILED;
}

const struct cli_command cmd_stand_in = {
    .name = "stand-in",
    .operands = "SCRIPT CRIU [ARGUMENT...]",
    .summary = "Stand in for CRIU while podman writes its archive, for ferryd",
    .min_operands = 2,
    .max_operands = 64,
    .run = run,
};
