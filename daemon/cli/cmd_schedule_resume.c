/* ferry schedule resume NAME */
#include "commands.h"
#include "schedule_text.h"

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    return schedules_print_named(cli, FERRY__CONTROL__REQUEST__KIND_SCHEDULE_RESUME, operands[0]);
}

const struct cli_command cmd_schedule_resume = {
    .name = "schedule resume",
    .operands = "NAME",
    .summary = "Let a paused schedule run again",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
