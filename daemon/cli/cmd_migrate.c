/* ferry migrate WORKLOAD --to PEER */
#include "commands.h"
#include "follow.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <ferry/config/plan.h>
#include <ferry/config/quantity.h>

struct values {
    const char *to, *mode, *tcp, *bandwidth, *lanes;
    struct cli_list addresses;
    bool file_locks, shell_job, ext_unix_sockets, link_remap, any_cpu, durable, dry_run, detach;
};

static const struct cli_option options[] = {
    {"to", CLI_TEXT, "PEER", "where to, a name of `ferry peer list`; required", offsetof(struct values, to), 0},
    {"mode", CLI_TEXT, "MODE", "stop: freeze, copy, run there (default)", offsetof(struct values, mode), 0},
    {"tcp", CLI_TEXT, "MODE", "connections: established (kept, default), close, refuse", offsetof(struct values, tcp),
     0},
    {"address", CLI_LIST, "IP/LEN@DEV", "service address that moves along; repeatable",
     offsetof(struct values, addresses), 0},
    {"file-locks", CLI_FLAG, NULL, "the workload holds file locks: keep them", offsetof(struct values, file_locks), 0},
    {"shell-job", CLI_FLAG, NULL, "the process was started from a shell", offsetof(struct values, shell_job), 0},
    {"ext-unix-sockets", CLI_FLAG, NULL, "allow unix sockets connected to others",
     offsetof(struct values, ext_unix_sockets), 0},
    {"any-cpu", CLI_FLAG, NULL, "also to a processor that lacks features of this one", offsetof(struct values, any_cpu),
     0},
    {"durable", CLI_FLAG, NULL, "the destination puts the image set on disk before the switchover",
     offsetof(struct values, durable), 0},
    {"link-remap", CLI_FLAG, NULL, "keep open files that were unlinked", offsetof(struct values, link_remap), 0},
    {"bandwidth", CLI_TEXT, "RATE", "send no faster: 100Mbit/s, 20MiB/s", offsetof(struct values, bandwidth), 0},
    {"lanes", CLI_TEXT, "N", "SSH connections to send over, 1 to 8", offsetof(struct values, lanes), 0},
    {"dry-run", CLI_FLAG, NULL, "only ask the destination whether it could", offsetof(struct values, dry_run), 0},
    {"detach", CLI_FLAG, NULL, "print the job's id and do not wait", offsetof(struct values, detach), 0},
    {0},
};

/* What can be told to be wrong without asking the agent. */
static int check(const char *workload, const struct values *values, struct fy_error *err)
{
    struct fy_workload parsed;
    struct fy_service_address address;
    enum fy_migration_mode mode;
    enum fy_tcp_mode tcp;
    if (!values->to) {
        fy_error_set(err, FY_E_USAGE, "migrate: --to PEER is missing");
        return fy_error_next(err, "see which peers there are: ferry peer list");
    }
    if (fy_workload_parse(workload, &parsed, err) < 0 ||
        (values->mode && fy_migration_mode_parse(values->mode, &mode, err) < 0) ||
        (values->tcp && fy_tcp_mode_parse(values->tcp, &tcp, err) < 0))
        return -1;
    uint64_t number;
    if (values->bandwidth && !fy_rate_parse(values->bandwidth, &number))
        return fy_error_set(err, FY_E_USAGE, "--bandwidth: expected " FY_RATE_EXPECTED ", got '%.64s'",
                            values->bandwidth);
    if (values->lanes && (!fy_text_parse_uint(values->lanes, 8, &number) || number < 1))
        return fy_error_set(err, FY_E_USAGE, "--lanes: expected a number from 1 to 8, got '%.64s'", values->lanes);
    for (size_t i = 0; i < values->addresses.count; i++) {
        if (fy_service_address_parse(values->addresses.items[i], &address, err) < 0)
            return -1;
    }
    return 0;
}

static void fill(Ferry__Control__Migrate *migrate, const char *workload, const struct values *values)
{
    migrate->workload = (char *)workload;
    migrate->to = (char *)values->to;
    migrate->mode = (char *)values->mode;
    migrate->tcp = (char *)values->tcp;
    migrate->n_addresses = values->addresses.count;
    migrate->addresses = (char **)values->addresses.items;
    migrate->has_file_locks = migrate->has_shell_job = migrate->has_ext_unix_sockets = 1;
    migrate->has_link_remap = migrate->has_dry_run = 1;
    migrate->file_locks = values->file_locks;
    migrate->shell_job = values->shell_job;
    migrate->ext_unix_sockets = values->ext_unix_sockets;
    migrate->link_remap = values->link_remap;
    migrate->has_any_cpu = migrate->has_durable = 1;
    migrate->any_cpu = values->any_cpu;
    migrate->durable = values->durable;
    uint64_t lanes = 0;
    migrate->has_bandwidth = values->bandwidth && fy_rate_parse(values->bandwidth, &migrate->bandwidth);
    migrate->has_lanes = values->lanes && fy_text_parse_uint(values->lanes, 8, &lanes);
    migrate->lanes = (uint32_t)lanes;
    migrate->dry_run = values->dry_run;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    (void)count;
    const struct values *values = given;
    struct fy_error err = FY_ERROR_INIT;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__Migrate migrate = FERRY__CONTROL__MIGRATE__INIT;
    if (check(operands[0], values, &err) < 0) {
        cli_report(cli, &err);
        return CLI_USAGE;
    }
    fill(&migrate, operands[0], values);
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_MIGRATE;
    request.migrate = &migrate;
    const struct follow follow = {.request = &request, .detach = values->detach, .cancels = true};
    return follow_run(cli, &follow);
}

const struct cli_command cmd_migrate = {
    .name = "migrate",
    .operands = "WORKLOAD --to PEER",
    .summary = "Move a running workload to another host",
    .description = "WORKLOAD is process/PID, runc/ID or podman/NAME. Until the destination has it ready to run, any\n"
                   "failure and Ctrl-C leave it running here. A second Ctrl-C leaves the job to ferryd.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
