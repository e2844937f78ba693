/* ferry plan run FILE */
#include "commands.h"
#include "follow.h"
#include "plan_file.h"

#include <ferry/base/cleanup.h>

struct values {
    bool dry_run, detach;
};

static const struct cli_option options[] = {
    {"dry-run", CLI_FLAG, NULL, "only ask the destinations whether they could", offsetof(struct values, dry_run), 0},
    {"detach", CLI_FLAG, NULL, "print the first job's id and do not wait", offsetof(struct values, detach), 0},
    {0},
};

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    (void)count;
    const struct values *values = given;
    struct fy_plan *plan = NULL;
    FY_AUTO_FREE char *text = NULL;
    size_t size;
    enum cli_exit code = plan_file_read(cli, operands[0], &plan, &text, &size);
    if (code != CLI_DONE)
        return code;
    fy_plan_free(plan); /* only to know that it is right; the agent judges for itself */
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__PlanRun plan_run = FERRY__CONTROL__PLAN_RUN__INIT;
    plan_run.file_name = operands[0];
    plan_run.text = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)text};
    plan_run.has_dry_run = 1;
    plan_run.dry_run = values->dry_run;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_PLAN_RUN;
    request.plan_run = &plan_run;
    const struct follow follow = {.request = &request, .lines = true, .detach = values->detach, .cancels = true};
    return follow_run(cli, &follow);
}

const struct cli_command cmd_plan_run = {
    .name = "plan run",
    .operands = "FILE",
    .summary = "Run a plan's migrations one after the other",
    .description = "With --json every event is an object on a line. Ctrl-C cancels what has not ended.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
