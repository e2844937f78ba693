/* ferry checkpoint create WORKLOAD */
#include "checkpoint_text.h"
#include "commands.h"

#include <ferry/config/plan.h>

struct values {
    const char *tcp;
    struct cli_list labels;
    bool leave_running, file_locks, shell_job, ext_unix_sockets, link_remap, detach;
};

static const struct cli_option options[] = {
    {"leave-running", CLI_FLAG, NULL, "let it run on (else it is stopped, once its checkpoint is on the disk)",
     offsetof(struct values, leave_running), 0},
    {"label", CLI_LIST, "KEY=VALUE", "a label, to find it by; repeatable", offsetof(struct values, labels), 0},
    {"tcp", CLI_TEXT, "MODE", "connections: established (kept, default), close, refuse", offsetof(struct values, tcp),
     0},
    {"file-locks", CLI_FLAG, NULL, "the workload holds file locks: keep them", offsetof(struct values, file_locks), 0},
    {"shell-job", CLI_FLAG, NULL, "the process was started from a shell", offsetof(struct values, shell_job), 0},
    {"ext-unix-sockets", CLI_FLAG, NULL, "allow unix sockets connected to others",
     offsetof(struct values, ext_unix_sockets), 0},
    {"link-remap", CLI_FLAG, NULL, "keep open files that were unlinked", offsetof(struct values, link_remap), 0},
    {"detach", CLI_FLAG, NULL, "print the job's id and do not wait", offsetof(struct values, detach), 0},
    {0},
};

static int check(const char *workload, const struct values *values, struct fy_error *err)
{
    struct fy_workload parsed;
    enum fy_tcp_mode tcp;
    if (fy_workload_parse(workload, &parsed, err) < 0)
        return -1;
    return values->tcp ? fy_tcp_mode_parse(values->tcp, &tcp, err) : 0;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    struct fy_error err = FY_ERROR_INIT;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointCreate create = FERRY__CONTROL__CHECKPOINT_CREATE__INIT;
    (void)count;
    if (check(operands[0], values, &err) < 0) {
        cli_report(cli, &err);
        return CLI_USAGE;
    }
    create.workload = operands[0];
    create.has_leave_running = 1;
    create.leave_running = values->leave_running;
    create.n_labels = values->labels.count;
    create.labels = (char **)(uintptr_t)values->labels.items;
    create.tcp = (char *)(uintptr_t)values->tcp;
    create.has_file_locks = create.has_shell_job = create.has_ext_unix_sockets = create.has_link_remap = 1;
    create.file_locks = values->file_locks;
    create.shell_job = values->shell_job;
    create.ext_unix_sockets = values->ext_unix_sockets;
    create.link_remap = values->link_remap;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_CREATE;
    request.checkpoint_create = &create;
    return checkpoint_follow(cli, &request, values->detach);
}

const struct cli_command cmd_checkpoint_create = {
    .name = "checkpoint create",
    .operands = "WORKLOAD",
    .summary = "Take a checkpoint of a running workload",
    .description =
        "WORKLOAD is process/PID, runc/ID or podman/NAME. Of a workload that has a checkpoint only the memory that\n"
        "differs is stored. Any failure, and Ctrl-C, leave the workload running.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
