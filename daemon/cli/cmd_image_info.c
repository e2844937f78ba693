/* ferry image info FILE: which image it is, and how many entries it has. Works without an agent. */
#include "commands.h"
#include "image_input.h"

#include <ferry/base/cleanup.h>
#include <ferry/imgcore/decode.h>
#include <inttypes.h>
#include <stdio.h>

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_image_info info;
    FY_AUTO_CLOSE int fd = image_input_open(operands[0], &err);

    (void)count;
    (void)values;
    if (fd < 0 || fy_image_info(fd, operands[0], NULL, &info, &err) < 0) {
        cli_report(cli, &err);
        return CLI_FAILED;
    }
    /* crit's own form, with --json too */
    (void)printf("{\n    \"magic\": \"%s\",\n    \"count\": %" PRIu64 "\n}\n", info.magic, info.count);
    return CLI_DONE;
}

const struct cli_command cmd_image_info = {
    .name = "image info",
    .operands = "FILE",
    .summary = "Say which image of CRIU's it is, and how many entries it has",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
