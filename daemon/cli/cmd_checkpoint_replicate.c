/* ferry checkpoint replicate CHECKPOINT --to PEER */
#include "checkpoint_text.h"
#include "commands.h"

struct values {
    const char *to;
    bool detach;
};

static const struct cli_option options[] = {
    {"to", CLI_TEXT, "PEER", "where to, a name of `ferry peer list`; required", offsetof(struct values, to), 0},
    {"detach", CLI_FLAG, NULL, "print the job's id and do not wait", offsetof(struct values, detach), 0},
    {0},
};

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    struct fy_error err = FY_ERROR_INIT;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointReplicate replicate = FERRY__CONTROL__CHECKPOINT_REPLICATE__INIT;
    (void)count;
    if (!values->to) {
        fy_error_set(&err, FY_E_USAGE, "checkpoint replicate: --to PEER is missing");
        fy_error_next(&err, "see which peers there are: ferry peer list");
        cli_report(cli, &err);
        return CLI_USAGE;
    }
    replicate.checkpoint = operands[0];
    replicate.to = (char *)(uintptr_t)values->to;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_REPLICATE;
    request.checkpoint_replicate = &replicate;
    return checkpoint_follow(cli, &request, values->detach);
}

const struct cli_command cmd_checkpoint_replicate = {
    .name = "checkpoint replicate",
    .operands = "CHECKPOINT --to PEER",
    .summary = "Copy a checkpoint to another host",
    .description =
        "Those that it needs go along. Only what the peer has not travels; a copy that was interrupted goes on\n"
        "where it was. The peer verifies what arrives.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
