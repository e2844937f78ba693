/* ferry checkpoint verify CHECKPOINT */
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
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_VERIFY;
    request.checkpoint_verify = &ref;
    return checkpoint_follow(cli, &request, values->detach);
}

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
    .run = run,
};
