/* ferry schedule run NAME */
#include "commands.h"
#include "schedule_text.h"

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    return schedules_print_named(cli, FERRY__CONTROL__REQUEST__KIND_SCHEDULE_RUN, operands[0]);
}

const struct cli_command cmd_schedule_run = {
    .name = "schedule run",
    .operands = "NAME",
    .summary = "Run a schedule now",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
