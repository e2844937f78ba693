/* ferry checkpoint pin CHECKPOINT, ferry checkpoint unpin CHECKPOINT */
#include "checkpoint_text.h"
#include "commands.h"

static enum cli_exit run_pin(struct cli *cli, int count, char **operands, const void *values)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointRef ref = FERRY__CONTROL__CHECKPOINT_REF__INIT;
    (void)count;
    (void)values;
    ref.checkpoint = operands[0];
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_PIN;
    request.checkpoint_pin = &ref;
    return checkpoint_ask(cli, &request);
}

static enum cli_exit run_unpin(struct cli *cli, int count, char **operands, const void *values)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointRef ref = FERRY__CONTROL__CHECKPOINT_REF__INIT;
    (void)count;
    (void)values;
    ref.checkpoint = operands[0];
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_UNPIN;
    request.checkpoint_unpin = &ref;
    return checkpoint_ask(cli, &request);
}

const struct cli_command cmd_checkpoint_pin = {
    .name = "checkpoint pin",
    .operands = "CHECKPOINT",
    .summary = "Keep a checkpoint: neither rm nor retention removes it",
    .min_operands = 1,
    .max_operands = 1,
    .run = run_pin,
};

const struct cli_command cmd_checkpoint_unpin = {
    .name = "checkpoint unpin",
    .operands = "CHECKPOINT",
    .summary = "Let a pinned checkpoint be removed again",
    .min_operands = 1,
    .max_operands = 1,
    .run = run_unpin,
};
