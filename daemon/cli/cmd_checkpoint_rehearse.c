/* ferry checkpoint rehearse CHECKPOINT */
#include "checkpoint_text.h"
#include "commands.h"

struct values {
    const char *probe;
    bool detach;
};

static const struct cli_option options[] = {
    {"probe", CLI_TEXT, "NAME", "file in hooks_dir that looks at the restored tasks", offsetof(struct values, probe),
     0},
    {"detach", CLI_FLAG, NULL, "print the job's id and do not wait", offsetof(struct values, detach), 0},
    {0},
};

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointRehearse ref = FERRY__CONTROL__CHECKPOINT_REHEARSE__INIT;
    (void)count;
    ref.checkpoint = operands[0];
    ref.probe = (char *)(uintptr_t)values->probe;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_REHEARSE;
    request.checkpoint_rehearse = &ref;
    return checkpoint_follow(cli, &request, values->detach);
}

const struct cli_command cmd_checkpoint_rehearse = {
    .name = "checkpoint rehearse",
    .operands = "CHECKPOINT",
    .summary = "Restore a checkpoint where nothing of it can be seen, to know that it can be",
    .description =
        "It is restored in namespaces of its own, without a network, on file systems whose changes are thrown away,\n"
        "and ended before its tasks run. Connections are closed in it.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
