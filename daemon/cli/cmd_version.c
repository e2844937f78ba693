/* ferry version */
#include "commands.h"
#include "json_job.h"

#include <stdio.h>

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)operands;
    (void)values;
    if (!cli->json) {
        (void)printf("ferry %s\n", FERRY_VERSION);
        return CLI_DONE;
    }
    struct fy_json *json = fy_json_new(true);
    if (json) {
        fy_json_open_object(json, NULL);
        fy_json_string(json, "version", FERRY_VERSION);
        fy_json_close_object(json);
    }
    return json_print(json) < 0 ? CLI_FAILED : CLI_DONE;
}

const struct cli_command cmd_version = {
    .name = "version",
    .operands = "",
    .summary = "Print the version",
    .run = run,
};
