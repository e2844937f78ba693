/* ferry image encode: JSON as decode and crit write it becomes an image. Works without an agent. */
#include "commands.h"
#include "image_output.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/encode.h>

struct values {
    const char *in, *out;
};

static const struct cli_option options[] = {
    {"in", CLI_TEXT, "FILE", "the JSON (standard input)", offsetof(struct values, in), 'i'},
    {"out", CLI_TEXT, "FILE", "the image (standard output)", offsetof(struct values, out), 'o'},
    {0},
};

static int read_input(void *data, void *bytes, size_t capacity, size_t *size, struct fy_error *err)
{
    ssize_t got;

    do
        got = read(*(const int *)data, bytes, capacity);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fy_error_errno(err, errno, "reading the JSON");
    *size = (size_t)got;
    return 0;
}

static int encode(int in, const char *label, const char *path, struct fy_error *err)
{
    struct image_output output;
    int rc = image_output_open(&output, path, err);

    if (rc == 0)
        rc = fy_image_encode_json(read_input, &in, label, NULL, image_output_write, &output, err);
    if (rc == 0)
        rc = image_output_finish(&output, err);
    image_output_done(&output);
    return rc;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_CLOSE int opened = -1;

    (void)count;
    (void)operands;
    if (values->in)
        opened = open(values->in, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (values->in && opened < 0)
        fy_error_errno(&err, errno, "%s", values->in);
    else if (encode(values->in ? opened : STDIN_FILENO, values->in ? values->in : "standard input", values->out,
                    &err) == 0)
        return CLI_DONE;
    cli_report(cli, &err);
    return CLI_FAILED;
}

const struct cli_command cmd_image_encode = {
    .name = "image encode",
    .operands = "",
    .summary = "Make an image from JSON",
    .description =
        "Takes the JSON of ferry image decode, of crit and of go-crit. What it cannot keep it refuses, with\n"
        "line and column; nothing is then left at --out. See ferry-image(1).",
    .options = options,
    .values_bytes = sizeof(struct values),
    .run = run,
};
