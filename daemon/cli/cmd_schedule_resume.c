/* ferry schedule resume NAME */
#include "commands.h"
#include "schedule_text.h"

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__ScheduleRef ref = FERRY__CONTROL__SCHEDULE_REF__INIT;
    (void)count;
    (void)values;
    ref.schedule = operands[0];
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_SCHEDULE_RESUME;
    request.schedule_resume = &ref;
    return schedules_print(cli, &request);
}

const struct cli_command cmd_schedule_resume = {
    .name = "schedule resume",
    .operands = "NAME",
    .summary = "Let a paused schedule run again",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
