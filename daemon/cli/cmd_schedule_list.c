/* ferry schedule list */
#include "commands.h"
#include "schedule_text.h"

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__Nothing nothing = FERRY__CONTROL__NOTHING__INIT;
    (void)count;
    (void)operands;
    (void)values;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_SCHEDULE_LIST;
    request.schedule_list = &nothing;
    return schedules_print(cli, &request);
}

const struct cli_command cmd_schedule_list = {
    .name = "schedule list",
    .operands = "",
    .summary = "List schedules with their last and next run and what came of the last",
    .run = run,
};
