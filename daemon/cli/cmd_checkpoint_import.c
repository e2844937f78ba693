/* ferry checkpoint import FILE */
#include "checkpoint_text.h"
#include "commands.h"

#include <ferry/base/cleanup.h>
#include <ferry/config/workload.h>

struct values {
    const char *as;
    bool detach;
};

static const struct cli_option options[] = {
    {"as", CLI_TEXT, "WORKLOAD", "what it is a checkpoint of, if the file does not say it", offsetof(struct values, as),
     0},
    {"detach", CLI_FLAG, NULL, "print the job's id and do not wait", offsetof(struct values, detach), 0},
    {0},
};

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_workload workload;
    FY_AUTO_FREE char *file = NULL;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointImport import = FERRY__CONTROL__CHECKPOINT_IMPORT__INIT;
    (void)count;
    if ((values->as && fy_workload_parse(values->as, &workload, &err) < 0) ||
        checkpoint_absolute_path(operands[0], &file, &err) < 0) {
        cli_report(cli, &err);
        return CLI_USAGE;
    }
    import.file = file;
    import.as = (char *)(uintptr_t)values->as;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_IMPORT;
    request.checkpoint_import = &import;
    return checkpoint_follow(cli, &request, values->detach);
}

const struct cli_command cmd_checkpoint_import = {
    .name = "checkpoint import",
    .operands = "FILE",
    .summary = "Take over a checkpoint that ferry, podman or CRIU has written",
    .description = "FILE is podman's checkpoint archive, a tar of CRIU's images, or an OCI image in an oci-archive,\n"
                   "with any compression. It is verified before it is stored.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
