/* ferry image show FILE: an image for people. Works without an agent. */
#include "commands.h"
#include "image_decode.h"

struct values {
    bool nopl;
};

static const struct cli_option options[] = {
    {"nopl", CLI_FLAG, NULL, "only the size of what follows an entry", offsetof(struct values, nopl), 0},
    {0},
};

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    const struct fy_decode_options how = {.pretty = true, .no_payload = values->nopl};

    (void)count;
    return image_decode(cli, operands[0], NULL, &how);
}

const struct cli_command cmd_image_show = {
    .name = "image show",
    .operands = "FILE",
    .summary = "Print an image of CRIU's for people",
    .description = "The same as ferry image decode --pretty -i FILE.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
