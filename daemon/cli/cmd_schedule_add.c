/* ferry schedule add FILE */
#include "commands.h"
#include "plan_file.h"
#include "schedule_text.h"

#include <ferry/base/cleanup.h>
#include <ferry/config/plan.h>

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__ScheduleAdd add = FERRY__CONTROL__SCHEDULE_ADD__INIT;
    FY_AUTO_FREE char *text = NULL;
    FY_AUTO_FREE char *path = NULL;
    struct fy_plan *plan = NULL;
    size_t size;
    (void)count;
    (void)values;
    enum cli_exit code = plan_file_read(cli, operands[0], &plan, &text, &size);
    if (code != CLI_DONE)
        return code;
    fy_plan_free(plan); /* only to know that it is right; the agent judges for itself */
    path = realpath(operands[0], NULL);
    add.file_name = path ? path : operands[0];
    add.text = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)text};
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_SCHEDULE_ADD;
    request.schedule_add = &add;
    return schedules_print(cli, &request);
}

const struct cli_command cmd_schedule_add = {
    .name = "schedule add",
    .operands = "FILE",
    .summary = "Install a plan's schedules; those of the same name are replaced",
    .description = "What is installed stays across restarts and needs the file no more.",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
