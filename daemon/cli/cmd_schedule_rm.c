/* ferry schedule rm NAME */
#include "commands.h"
#include "session.h"

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__ScheduleRef ref = FERRY__CONTROL__SCHEDULE_REF__INIT;
    (void)count;
    (void)values;
    ref.schedule = operands[0];
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_SCHEDULE_REMOVE;
    request.schedule_remove = &ref;
    const struct session_call call = {.request = &request};
    return session_simple(cli, &call);
}

const struct cli_command cmd_schedule_rm = {
    .name = "schedule rm",
    .operands = "NAME",
    .summary = "Remove a schedule; its checkpoints stay",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
