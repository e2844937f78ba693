/* The jobs that need nothing but a checkpoint: ferry checkpoint rm, verify */
#include "checkpoint_text.h"
#include "commands.h"

struct values {
    bool detach;
};

static const struct cli_option options[] = {
    {"detach", CLI_FLAG, NULL, "print the job's id and do not wait", offsetof(struct values, detach), 0},
    {0},
};

static enum cli_exit follow(const struct cli *cli, Ferry__Control__Request__KindCase kind, char *checkpoint,
                            const struct values *values)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointRef ref = FERRY__CONTROL__CHECKPOINT_REF__INIT;
    ref.checkpoint = checkpoint;
    request.kind_case = kind;
    request.checkpoint_verify = &ref; /* of all these kinds the message stands at the same place */
    return checkpoint_follow(cli, &request, values->detach);
}

static enum cli_exit run_rm(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    return follow(cli, FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_REMOVE, operands[0], values);
}

static enum cli_exit run_verify(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    return follow(cli, FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_VERIFY, operands[0], values);
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
    .run = run_rm,
};

const struct cli_command cmd_checkpoint_verify = {
    .name = "checkpoint verify",
    .operands = "CHECKPOINT",
    .summary = "Read a checkpoint, and all that it needs, and compare it with what it was",
    .description =
        "Exit code 3 says that it is damaged. Every damage is in the job's verify.log: file, chunk, and whose\n"
        "memory it is.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run_verify,
};
