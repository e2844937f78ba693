/* ferry checkpoint export CHECKPOINT --format FORMAT --output FILE */
#include "checkpoint_text.h"
#include "commands.h"

#include <ferry/agent/checkpoint.h>
#include <ferry/base/cleanup.h>

struct values {
    const char *format, *compress, *output;
    bool detach;
};

static const struct cli_option options[] = {
    {"format", CLI_TEXT, "FORMAT", "podman (its checkpoint archive), tar (for CRIU itself) or oci (an OCI image)",
     offsetof(struct values, format), 0},
    {"compress", CLI_TEXT, "METHOD", "zstd (default), gzip or none", offsetof(struct values, compress), 0},
    {"output", CLI_TEXT, "FILE", "where to; nothing is overwritten", offsetof(struct values, output), 'o'},
    {"detach", CLI_FLAG, NULL, "print the job's id and do not wait", offsetof(struct values, detach), 0},
    {0},
};

static int check(const struct values *values, struct fy_error *err)
{
    enum fy_export_format form;
    enum fy_archive_compression compression;
    if (!values->format)
        return fy_error_set(err, FY_E_USAGE, "--format is missing: podman, tar or oci");
    if (!values->output)
        return fy_error_set(err, FY_E_USAGE, "--output is missing: the file to write");
    if (fy_export_format_parse(values->format, &form, err) < 0)
        return -1;
    return values->compress ? fy_archive_compression_parse(values->compress, &compression, err) : 0;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_FREE char *file = NULL;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointExport export = FERRY__CONTROL__CHECKPOINT_EXPORT__INIT;
    (void)count;
    if (check(values, &err) < 0 || checkpoint_absolute_path(values->output, &file, &err) < 0) {
        cli_report(cli, &err);
        return CLI_USAGE;
    }
    export.checkpoint = operands[0];
    export.format = (char *)(uintptr_t)values->format;
    export.compression = values->compress ? (char *)(uintptr_t)values->compress : "zstd";
    export.file = file;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_EXPORT;
    request.checkpoint_export = &export;
    return checkpoint_follow(cli, &request, values->detach);
}

const struct cli_command cmd_checkpoint_export = {
    .name = "checkpoint export",
    .operands = "CHECKPOINT --format FORMAT -o FILE",
    .summary = "Write a checkpoint in the form of another program",
    .description = "podman: for `podman container restore --import`; of podman's containers only. tar: images for\n"
                   "`criu restore`. oci: an image, for `skopeo copy oci-archive:FILE docker://…`.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
