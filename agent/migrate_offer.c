/* The offer: what a source tells about a workload, and what a destination makes of it. */
#include "migrate_peer.h"
#include "open_files.h"

#include <ferry/base/cleanup.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* The kernel's own limit on 64-bit machines (PID_MAX_LIMIT). */
#define MAX_PID 4194304u

static int fill_facts(struct fy_migrate_offer *offer, int criu_version, struct fy_error *err)
{
    struct utsname names;
    if (uname(&names) < 0)
        return fy_error_set(err, FY_E_INTERNAL, "uname failed");
    (void)snprintf(offer->arch, sizeof offer->arch, "%s", names.machine);
    (void)snprintf(offer->kernel, sizeof offer->kernel, "%s", names.release);
    ferry__peer__host_facts__init(&offer->facts);
    offer->facts.arch = offer->arch;
    offer->facts.kernel = offer->kernel;
    offer->facts.page_size = (uint32_t)sysconf(_SC_PAGESIZE);
    offer->facts.criu_version = (uint32_t)criu_version;
    return 0;
}

static void fill_cpu(struct fy_migrate_offer *offer, const struct fy_migration_spec *spec)
{
    char info[FY_CPU_INFO_SIZE];
    if (spec->any_cpu)
        return;
    fy_cpu_info_read(info);
    fy_cpu_model(info, offer->cpu_model, sizeof offer->cpu_model);
    offer->facts.cpu_model = offer->cpu_model;
    offer->facts.n_cpu_features = fy_cpu_features(info, offer->cpu_features);
    offer->facts.cpu_features = (char **)(uintptr_t)offer->cpu_features;
}

static void fill_addresses(struct fy_migrate_offer *offer, const struct fy_migration_spec *spec)
{
    for (size_t i = 0; i < spec->address_count; i++) {
        fy_service_address_format(&spec->addresses[i], offer->address_texts[i]);
        ferry__peer__service_address__init(&offer->addresses[i]);
        offer->addresses[i].address = offer->address_texts[i];
        offer->address_list[i] = &offer->addresses[i];
    }
    offer->message.n_addresses = spec->address_count;
    offer->message.addresses = offer->address_list;
}

static int fill_pids(struct fy_migrate_offer *offer, const struct fy_workload_facts *facts, struct fy_error *err)
{
    if (facts->pid_count == 0)
        return 0;
    offer->pids = calloc(facts->pid_count, sizeof *offer->pids);
    if (!offer->pids)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the list of pids");
    for (size_t i = 0; i < facts->pid_count; i++)
        offer->pids[i] = (uint32_t)facts->pids[i];
    offer->message.n_pids = facts->pid_count;
    offer->message.pids = offer->pids;
    return 0;
}

static const Ferry__Peer__TcpMode wire_tcp[] = {
    [FY_TCP_ESTABLISHED] = FERRY__PEER__TCP_MODE__ESTABLISHED,
    [FY_TCP_CLOSE] = FERRY__PEER__TCP_MODE__CLOSE,
    [FY_TCP_REFUSE] = FERRY__PEER__TCP_MODE__REFUSE,
};

static const Ferry__Peer__WorkloadKind wire_kinds[] = {
    [FY_WORKLOAD_PROCESS] = FERRY__PEER__WORKLOAD_KIND__PROCESS,
    [FY_WORKLOAD_RUNC] = FERRY__PEER__WORKLOAD_KIND__RUNC,
    [FY_WORKLOAD_PODMAN] = FERRY__PEER__WORKLOAD_KIND__PODMAN,
};

static void fill_options(Ferry__Peer__Offer *message, const struct fy_migration_spec *spec)
{
    message->has_file_locks = message->has_shell_job = message->has_ext_unix_sockets = message->has_link_remap = true;
    message->file_locks = spec->file_locks;
    message->shell_job = spec->shell_job;
    message->ext_unix_sockets = spec->ext_unix_sockets;
    message->link_remap = spec->link_remap;
    message->has_durable = true;
    message->durable = spec->durable;
    message->tcp = wire_tcp[spec->tcp];
}

int fy_migrate_offer_init(struct fy_migrate_offer *offer, const char *job_id, const struct fy_migration_spec *spec,
                          const struct fy_workload_facts *facts, int criu_version, uint64_t hold_ms,
                          struct fy_error *err)
{
    memset(offer, 0, sizeof *offer);
    Ferry__Peer__Offer *message = &offer->message;
    ferry__peer__offer__init(message);
    if (fill_facts(offer, criu_version, err) < 0 || fill_pids(offer, facts, err) < 0)
        return -1;
    fill_cpu(offer, spec);
    fill_addresses(offer, spec);
    fill_options(message, spec);
    fy_wire_hooks_fill(&offer->hooks, spec, FY_HOOK_DESTINATION);
    message->n_hooks = offer->hooks.count;
    message->hooks = offer->hooks.list;
    message->job = (char *)job_id;
    message->kind = wire_kinds[spec->workload.kind];
    message->id = (char *)spec->workload.id;
    message->facts = &offer->facts;
    message->memory_bytes = facts->memory_bytes;
    message->bundle = facts->bundle[0] ? (char *)facts->bundle : NULL;
    message->container_id = facts->container_id[0] ? (char *)facts->container_id : NULL;
    message->image = facts->image[0] ? (char *)facts->image : NULL;
    message->image_id = facts->image_id[0] ? (char *)facts->image_id : NULL;
    message->hold_ms = hold_ms;
    return 0;
}

void fy_migrate_offer_done(struct fy_migrate_offer *offer)
{
    free(offer->pids);
    offer->pids = NULL;
}

static int read_workload(const Ferry__Peer__Offer *offer, struct fy_workload *workload, struct fy_error *err)
{
    char text[FY_WORKLOAD_TEXT_SIZE];
    size_t kind = 0;
    while (kind < FY_ARRAY_SIZE(wire_kinds) && wire_kinds[kind] != offer->kind)
        kind++;
    if (kind == FY_ARRAY_SIZE(wire_kinds))
        return fy_error_set(err, FY_E_PROTOCOL, "the offer is of an unknown kind of workload, %d", (int)offer->kind);
    int n = snprintf(text, sizeof text, "%s/%s", fy_workload_kind_name((enum fy_workload_kind)kind), offer->id);
    if (n < 0 || (size_t)n >= sizeof text || fy_workload_parse(text, workload, err) < 0)
        return fy_error_set(err, FY_E_PROTOCOL, "the offer names no workload");
    return 0;
}

static int read_tcp(const Ferry__Peer__Offer *offer, enum fy_tcp_mode *tcp, struct fy_error *err)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(wire_tcp); i++) {
        if (wire_tcp[i] == offer->tcp) {
            *tcp = (enum fy_tcp_mode)i;
            return 0;
        }
    }
    return fy_error_set(err, FY_E_PROTOCOL, "the offer has an unknown TCP mode %d", (int)offer->tcp);
}

static int check_pids(const Ferry__Peer__Offer *offer, struct fy_error *err)
{
    if (offer->n_pids > FY_MAX_PIDS)
        return fy_error_set(err, FY_E_PROTOCOL, "the offer has %zu pids (%d at most)", offer->n_pids, FY_MAX_PIDS);
    for (size_t i = 0; i < offer->n_pids; i++) {
        if (offer->pids[i] == 0 || offer->pids[i] > MAX_PID)
            return fy_error_set(err, FY_E_PROTOCOL, "the offer has a pid %u", offer->pids[i]);
    }
    return 0;
}

static int check_files(const Ferry__Peer__Offer *offer, struct fy_error *err)
{
    if (offer->n_files > FY_OPEN_FILES_MOST)
        return fy_error_set(err, FY_E_PROTOCOL, "the offer has %zu files (%d at most)", offer->n_files,
                            FY_OPEN_FILES_MOST);
    for (size_t i = 0; i < offer->n_files; i++) {
        if (offer->files[i]->path[0] != '/' || strlen(offer->files[i]->path) >= PATH_MAX)
            return fy_error_set(err, FY_E_PROTOCOL, "the offer has a file without an absolute path");
    }
    return 0;
}

void fy_migrate_forget_files(Ferry__Peer__Offer *offer)
{
    struct fy_open_files files = {.list = offer->files, .count = offer->n_files};
    fy_open_files_done(&files);
    offer->files = NULL;
    offer->n_files = 0;
}

int fy_migrate_offer_to_spec(const Ferry__Peer__Offer *offer, struct fy_migration_spec *spec, struct fy_error *err)
{
    struct fy_migration_spec new;
    fy_migration_spec_init(&new);
    if (read_workload(offer, &new.workload, err) < 0 || read_tcp(offer, &new.tcp, err) < 0)
        return -1;
    if (offer->n_addresses > FY_MAX_ADDRESSES)
        return fy_error_set(err, FY_E_PROTOCOL, "the offer has %zu addresses (%d at most)", offer->n_addresses,
                            FY_MAX_ADDRESSES);
    if (offer->facts->n_cpu_features > FY_CPU_FEATURES_MOST)
        return fy_error_set(err, FY_E_PROTOCOL, "the offer has %zu processor features (%d at most)",
                            offer->facts->n_cpu_features, FY_CPU_FEATURES_MOST);
    if (check_pids(offer, err) < 0 || check_files(offer, err) < 0 ||
        fy_wire_hooks_read(offer->hooks, offer->n_hooks, FY_HOOK_DESTINATION, &new, err) < 0)
        return -1;
    for (size_t i = 0; i < offer->n_addresses; i++) {
        if (fy_service_address_parse(offer->addresses[i]->address, &new.addresses[i], err) < 0)
            return fy_error_wrap(err, "the offer's service address");
    }
    new.address_count = offer->n_addresses;
    new.file_locks = offer->file_locks;
    new.shell_job = offer->shell_job;
    new.ext_unix_sockets = offer->ext_unix_sockets;
    new.link_remap = offer->link_remap;
    new.durable = offer->durable;
    *spec = new;
    return 0;
}
