/* A client's words for a migration, checked. */
#include "control.h"

#include <string.h>

static int take_addresses(const Ferry__Control__Migrate *migrate, struct fy_migration_spec *spec, struct fy_error *err)
{
    if (migrate->n_addresses > FY_MAX_ADDRESSES)
        return fy_error_set(err, FY_E_LIMIT, "%zu service addresses, at most %d can move with a workload",
                            migrate->n_addresses, FY_MAX_ADDRESSES);
    for (size_t i = 0; i < migrate->n_addresses; i++) {
        if (fy_service_address_parse(migrate->addresses[i], &spec->addresses[i], err) < 0)
            return -1;
    }
    spec->address_count = migrate->n_addresses;
    return 0;
}

int spec_from_request(const Ferry__Control__Migrate *migrate, struct fy_migration_spec *spec, struct fy_error *err)
{
    struct fy_migration_spec read;
    fy_migration_spec_init(&read);
    if (fy_workload_parse(migrate->workload, &read.workload, err) < 0)
        return -1;
    if (!migrate->to[0] || strlen(migrate->to) >= sizeof(read.peer))
        return fy_error_set(err, FY_E_USAGE, "a peer's name has 1 to %zu characters", sizeof(read.peer) - 1);
    (void)snprintf(read.peer, sizeof(read.peer), "%s", migrate->to);
    if (migrate->mode && fy_migration_mode_parse(migrate->mode, &read.mode, err) < 0)
        return -1;
    if (migrate->tcp && fy_tcp_mode_parse(migrate->tcp, &read.tcp, err) < 0)
        return -1;
    if (take_addresses(migrate, &read, err) < 0)
        return -1;
    read.file_locks = migrate->has_file_locks && migrate->file_locks;
    read.shell_job = migrate->has_shell_job && migrate->shell_job;
    read.ext_unix_sockets = migrate->has_ext_unix_sockets && migrate->ext_unix_sockets;
    read.bandwidth_bytes = migrate->has_bandwidth ? migrate->bandwidth : 0;
    if (migrate->has_lanes && (migrate->lanes < 1 || migrate->lanes > FY_SESSION_MAX_LANES))
        return fy_error_set(err, FY_E_USAGE, "a job has 1 to %u lanes", FY_SESSION_MAX_LANES);
    read.lanes = migrate->has_lanes ? migrate->lanes : 0;
    read.link_remap = migrate->has_link_remap && migrate->link_remap;
    read.any_cpu = migrate->has_any_cpu && migrate->any_cpu;
    read.durable = migrate->has_durable && migrate->durable;
    *spec = read;
    return 0;
}
