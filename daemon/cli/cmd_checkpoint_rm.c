/* ferry checkpoint rm CHECKPOINT */
#include "checkpoint_text.h"
#include "commands.h"

struct values {
    bool detach;
};

static const struct cli_option options[] = {
    {"detach", CLI_FLAG, NULL, "print the job's id and do not wait", offsetof(struct values, detach), 0},
    {0},
};

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointRef ref = FERRY__CONTROL__CHECKPOINT_REF__INIT;
    (void)count;
    ref.checkpoint = operands[0];
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_REMOVE;
    request.checkpoint_remove = &ref;
    return checkpoint_follow(cli, &request, values->detach);
}

const struct cli_command cmd_checkpoint_rm = {
    .name = "checkpoint rm",
    .operands = "CHECKPOINT",
    .summary = "Remove a checkpoint",
    .description = "Those that need pages of it are rewritten first, and stay whole.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
