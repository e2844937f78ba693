/* ferry checkpoint show CHECKPOINT */
#include "checkpoint_text.h"
#include "commands.h"

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointRef ref = FERRY__CONTROL__CHECKPOINT_REF__INIT;
    (void)count;
    (void)values;
    ref.checkpoint = operands[0];
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_SHOW;
    request.checkpoint_show = &ref;
    return checkpoint_ask(cli, &request);
}

const struct cli_command cmd_checkpoint_show = {
    .name = "checkpoint show",
    .operands = "CHECKPOINT",
    .summary = "Show all that is known of a checkpoint",
    .description = "CHECKPOINT is an id, or the beginning of one that fits no other.",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
