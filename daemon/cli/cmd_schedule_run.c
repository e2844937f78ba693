/* What is told to one schedule: ferry schedule run, pause, resume */
#include "commands.h"
#include "schedule_text.h"

static enum cli_exit run_run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    return schedules_print_named(cli, FERRY__CONTROL__REQUEST__KIND_SCHEDULE_RUN, operands[0]);
}

static enum cli_exit run_pause(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    return schedules_print_named(cli, FERRY__CONTROL__REQUEST__KIND_SCHEDULE_PAUSE, operands[0]);
}

static enum cli_exit run_resume(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    return schedules_print_named(cli, FERRY__CONTROL__REQUEST__KIND_SCHEDULE_RESUME, operands[0]);
}

const struct cli_command cmd_schedule_run = {
    .name = "schedule run",
    .operands = "NAME",
    .summary = "Run a schedule now",
    .min_operands = 1,
    .max_operands = 1,
    .run = run_run,
};

const struct cli_command cmd_schedule_pause = {
    .name = "schedule pause",
    .operands = "NAME",
    .summary = "Let a schedule rest until it is resumed; what passes meanwhile is not made up for",
    .min_operands = 1,
    .max_operands = 1,
    .run = run_pause,
};

const struct cli_command cmd_schedule_resume = {
    .name = "schedule resume",
    .operands = "NAME",
    .summary = "Let a paused schedule run again",
    .min_operands = 1,
    .max_operands = 1,
    .run = run_resume,
};
