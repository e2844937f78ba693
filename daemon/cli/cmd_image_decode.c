/* ferry image decode: an image becomes JSON, as crit writes it. Works without an agent. */
#include "commands.h"
#include "image_decode.h"
#include "image_input.h"
#include "image_output.h"

#include <ferry/base/cleanup.h>

struct values {
    const char *in, *out;
    bool pretty, nopl;
};

static const struct cli_option options[] = {
    {"in", CLI_TEXT, "FILE", "the image (standard input)", offsetof(struct values, in), 'i'},
    {"out", CLI_TEXT, "FILE", "the JSON (standard output)", offsetof(struct values, out), 'o'},
    {"pretty", CLI_FLAG, NULL, "with indents, and numbers in the form of their field", offsetof(struct values, pretty),
     0},
    {"nopl", CLI_FLAG, NULL, "only the size of what follows an entry", offsetof(struct values, nopl), 0},
    {0},
};

static int decode_to(int in, const char *name, const char *out, const struct fy_decode_options *how,
                     struct fy_error *err)
{
    struct image_output output;
    int rc = image_output_open(&output, out, err);

    if (rc == 0)
        rc = fy_image_decode_json(in, name, how, image_output_write, &output, err);
    if (rc == 0 && !out)
        rc = image_output_write(&output, "\n", 1, err);
    if (rc == 0)
        rc = image_output_finish(&output, err);
    image_output_done(&output);
    return rc;
}

enum cli_exit image_decode(const struct cli *cli, const char *in, const char *out, const struct fy_decode_options *how)
{
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_CLOSE int fd = image_input_open(in, &err);

    if (fd >= 0 && decode_to(fd, image_input_name(in), out, how, &err) == 0)
        return CLI_DONE;
    cli_report(cli, &err);
    return CLI_FAILED;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    const struct fy_decode_options how = {.pretty = values->pretty, .no_payload = values->nopl};

    (void)count;
    (void)operands;
    return image_decode(cli, values->in, values->out, &how);
}

const struct cli_command cmd_image_decode = {
    .name = "image decode",
    .operands = "",
    .summary = "Make JSON from an image of CRIU's",
    .description =
        "Prints what crit prints, and under keys that begin with @ what crit loses, so that ferry image encode\n"
        "always gives the same file back. Nothing is left at --out when it fails. See ferry-image(1).",
    .options = options,
    .values_bytes = sizeof(struct values),
    .run = run,
};
