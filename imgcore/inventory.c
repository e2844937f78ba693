/* From the inventory message to facts. */
#include <criu/inventory.pb-c.h>
#include <ferry/imgcore/image.h>
#include <ferry/imgcore/inventory.h>
#include <stdio.h>
#include <string.h>

struct fy_namespace_ids fy_namespace_ids_from(const TaskKobjIdsEntry *ids)
{
    /* An absent number is 0, as protobuf-c leaves it. */
    return (struct fy_namespace_ids){.pid = ids->pid_ns_id,
                                     .net = ids->net_ns_id,
                                     .ipc = ids->ipc_ns_id,
                                     .uts = ids->uts_ns_id,
                                     .mnt = ids->mnt_ns_id,
                                     .user = ids->user_ns_id,
                                     .cgroup = ids->cgroup_ns_id,
                                     .time = ids->time_ns_id};
}

static int inventory_from(const InventoryEntry *entry, struct fy_inventory *inventory, struct fy_error *err)
{
    const char *run_id = entry->dump_criu_run_id ? entry->dump_criu_run_id : "";

    if (strlen(run_id) >= FY_CRIU_RUN_ID_SIZE)
        return fy_error_set(err, FY_E_FORMAT, "inventory.img: dump_criu_run_id has %zu characters", strlen(run_id));
    if (entry->network_lock_method > FY_NETWORK_LOCK_NONE)
        return fy_error_set(err, FY_E_FORMAT, "inventory.img: network_lock_method %u is not known",
                            entry->network_lock_method);
    *inventory = (struct fy_inventory){.img_version = entry->img_version,
                                       .fdinfo_per_id = entry->fdinfo_per_id,
                                       .tcp_close = entry->tcp_close,
                                       .has_root_ids = entry->root_ids != NULL,
                                       .root_cg_set = entry->root_cg_set,
                                       .network_lock = (enum fy_network_lock)entry->network_lock_method};
    if (entry->root_ids)
        inventory->root_ids = fy_namespace_ids_from(entry->root_ids);
    (void)snprintf(inventory->criu_run_id, sizeof(inventory->criu_run_id), "%s", run_id);
    return 0;
}

int fy_inventory_read(int dir_fd, struct fy_inventory *inventory, struct fy_error *err)
{
    struct fy_image *image;
    struct fy_image_entry entry;
    struct fy_inventory facts;
    int result;

    if (fy_image_open(dir_fd, "inventory.img", NULL, &image, err) < 0)
        return -1;
    result = fy_image_next(image, &entry, err);
    if (result > 0)
        result = inventory_from((const InventoryEntry *)entry.message, &facts, err);
    if (result == 0)
        result = fy_image_next(image, &entry, err);
    fy_image_free(image);
    if (result < 0)
        return -1;
    *inventory = facts;
    return 0;
}
