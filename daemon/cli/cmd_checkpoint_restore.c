/* ferry checkpoint restore CHECKPOINT */
#include "checkpoint_text.h"
#include "commands.h"

#include <ferry/config/plan.h>

struct values {
    const char *as, *on, *tcp;
    bool detach;
};

static const struct cli_option options[] = {
    {"as", CLI_TEXT, "NAME", "under another id (containers)", offsetof(struct values, as), 0},
    {"on", CLI_TEXT, "PEER", "at the peer, from its copy", offsetof(struct values, on), 0},
    {"tcp", CLI_TEXT, "MODE", "connections in it: close (default), established (kept)", offsetof(struct values, tcp),
     0},
    {"detach", CLI_FLAG, NULL, "print the job's id and do not wait", offsetof(struct values, detach), 0},
    {0},
};

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    struct fy_error err = FY_ERROR_INIT;
    enum fy_tcp_mode tcp;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointRestore restore = FERRY__CONTROL__CHECKPOINT_RESTORE__INIT;
    (void)count;
    if (values->tcp && fy_tcp_mode_parse(values->tcp, &tcp, &err) < 0) {
        cli_report(cli, &err);
        return CLI_USAGE;
    }
    restore.checkpoint = operands[0];
    restore.as = (char *)(uintptr_t)values->as;
    restore.on = (char *)(uintptr_t)values->on;
    restore.tcp = (char *)(uintptr_t)values->tcp;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_RESTORE;
    request.checkpoint_restore = &restore;
    return checkpoint_follow(cli, &request, values->detach);
}

const struct cli_command cmd_checkpoint_restore = {
    .name = "checkpoint restore",
    .operands = "CHECKPOINT",
    .summary = "Run a workload from its checkpoint",
    .description =
        "It is expanded into memory, verified, restored and held, and then runs. A workload that runs already\n"
        "is not touched: give the container another name with --as. Exit code 3 says that the checkpoint is\n"
        "damaged.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
