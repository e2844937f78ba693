/* ferry schedule pause NAME */
#include "commands.h"
#include "schedule_text.h"

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    return schedules_print_named(cli, FERRY__CONTROL__REQUEST__KIND_SCHEDULE_PAUSE, operands[0]);
}

const struct cli_command cmd_schedule_pause = {
    .name = "schedule pause",
    .operands = "NAME",
    .summary = "Let a schedule rest until it is resumed; what passes meanwhile is not made up for",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
