/* What is asked about one checkpoint: ferry checkpoint show, pin, unpin */
#include "checkpoint_text.h"
#include "commands.h"

static enum cli_exit ask(const struct cli *cli, Ferry__Control__Request__KindCase kind, char *checkpoint)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointRef ref = FERRY__CONTROL__CHECKPOINT_REF__INIT;
    ref.checkpoint = checkpoint;
    request.kind_case = kind;
    request.checkpoint_show = &ref; /* of all these kinds the message stands at the same place */
    return checkpoint_ask(cli, &request);
}

static enum cli_exit run_show(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    return ask(cli, FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_SHOW, operands[0]);
}

static enum cli_exit run_pin(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    return ask(cli, FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_PIN, operands[0]);
}

static enum cli_exit run_unpin(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    return ask(cli, FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_UNPIN, operands[0]);
}

const struct cli_command cmd_checkpoint_show = {
    .name = "checkpoint show",
    .operands = "CHECKPOINT",
    .summary = "Show all that is known of a checkpoint",
    .description = "CHECKPOINT is an id, or the beginning of one that fits no other.",
    .min_operands = 1,
    .max_operands = 1,
    .run = run_show,
};

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
