/* ferry plan check FILE: offline, says everything that is wrong. */
#include "commands.h"
#include "json_job.h"
#include "plan_file.h"

#include <ferry/base/cleanup.h>
#include <stdio.h>

static void print_right(const struct cli *cli, const char *path, const struct fy_plan *plan)
{
    if (!cli->json) {
        (void)printf("%s: right, %zu migration%s", path, plan->migration_count, plan->migration_count == 1 ? "" : "s");
        if (plan->schedule_count)
            (void)printf(", %zu schedule%s", plan->schedule_count, plan->schedule_count == 1 ? "" : "s");
        (void)printf("\n");
        return;
    }
    struct fy_json *json = fy_json_new(true);
    if (json) {
        fy_json_open_object(json, NULL);
        fy_json_string(json, "plan", path);
        fy_json_bool(json, "right", true);
        fy_json_uint(json, "migrations", plan->migration_count);
        fy_json_uint(json, "schedules", plan->schedule_count);
        fy_json_open_array(json, "errors");
        fy_json_close_array(json);
        fy_json_close_object(json);
    }
    (void)json_print(json);
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    struct fy_plan *plan = NULL;
    FY_AUTO_FREE char *text = NULL;
    size_t size;
    enum cli_exit code = plan_file_read(cli, operands[0], &plan, &text, &size);
    if (code == CLI_DONE)
        print_right(cli, operands[0], plan);
    fy_plan_free(plan);
    return code;
}

const struct cli_command cmd_plan_check = {
    .name = "plan check",
    .operands = "FILE",
    .summary = "Say everything that is wrong in a plan, without asking ferryd",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
