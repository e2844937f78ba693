/* Damage to namespaces, mounts, control groups and filters. */
#include "damage.h"
#include <criu/cgroup.pb-c.h>
#include <criu/core.pb-c.h>
#include <criu/mounts.pb-c.h>
#include <criu/netdev.pb-c.h>
#include <criu/pstree.pb-c.h>
#include <stdlib.h>
#include <string.h>

static void uts_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_UTSNS);
}
static void ipc_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_IPC_VAR);
}
static void user_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_USERNS);
}
static void network_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_NETNS);
    damage_missing(trial, FY_IMAGE_NETDEV);
}
static void mounts_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_MNTS);
}

static void time_missing(struct trial *trial)
{
    const struct shop_file *file;

    for (size_t i = 0; (file = shop_next(trial->shop, FY_IMAGE_TIMENS, &i)) != NULL;)
        if (file->id != 0) { /* that one is written for sets without */
            shop_remove(trial->shop, file->name);
            trial_judge(trial, file);
        }
}

static bool in_another_uts(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    TaskKobjIdsEntry *ids = (TaskKobjIdsEntry *)message;

    (void)number, (void)trial;
    ids->uts_ns_id = NOWHERE;
    return ids->has_uts_ns_id;
}

static void namespace_of_its_own(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_IDS, in_another_uts);
}

static bool is_loopback(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    return ((NetDeviceEntry *)message)->type == ND_TYPE__LOOPBACK;
}

static void loopback_left_out(struct trial *trial)
{
    damage_leave_out(trial, FY_IMAGE_NETDEV, is_loopback);
}

static bool any_device(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)message, (void)number, (void)trial;
    return true;
}

static void device_twice(struct trial *trial)
{
    damage_repeat(trial, FY_IMAGE_NETDEV, any_device);
}

static void mount_twice(struct trial *trial)
{
    damage_repeat(trial, FY_IMAGE_MNTS, NULL);
}

static bool of_no_parent(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    MntEntry *mount = (MntEntry *)message;
    bool is_root = strcmp(mount->mountpoint, "/") == 0 || strcmp(mount->mountpoint, "./") == 0;

    (void)number, (void)trial;
    mount->parent_mnt_id = NOWHERE;
    return !is_root;
}

static void mount_parent_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_MNTS, of_no_parent);
}

static unsigned count_children(ProtobufCMessage *message, uint64_t number, void *context)
{
    uint32_t *wanted = context;

    (void)number;
    wanted[1] += ((MntEntry *)message)->parent_mnt_id == wanted[0];
    return 0;
}

/* Whether other mounts stand on this one. */
static bool is_parent(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    uint32_t wanted[2] = {((MntEntry *)message)->mnt_id, 0};
    const struct shop_file *file;

    (void)number;
    for (size_t i = 0; (file = shop_next(trial->shop, FY_IMAGE_MNTS, &i)) != NULL;)
        shop_look(trial->shop, file, count_children, wanted);
    return wanted[1] > 0;
}

static void mount_left_out(struct trial *trial)
{
    damage_leave_out(trial, FY_IMAGE_MNTS, is_parent);
}
static void tmpfs_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_TMPFS_DEV);
}

static bool in_no_group(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    CoreEntry *core = (CoreEntry *)message;

    (void)number, (void)trial;
    if (!core->thread_core || !core->thread_core->has_cg_set)
        return false;
    core->thread_core->cg_set = NOWHERE;
    return true;
}

static void cgroup_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_CORE, in_no_group);
}
static void cgroup_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_CGROUP);
}

static bool with_no_filter(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    CoreEntry *core = (CoreEntry *)message;

    (void)number, (void)trial;
    if (!core->thread_core)
        return false;
    core->thread_core->has_seccomp_mode = core->thread_core->has_seccomp_filter = true;
    core->thread_core->seccomp_mode = SECCOMP_MODE__filter;
    core->thread_core->seccomp_filter = NOWHERE;
    return true;
}

static void filter_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_CORE, with_no_filter);
}

const struct damage damages_of_namespaces[] = {
    {"mountpoints missing", "fails", mounts_missing},
    {"utsns missing", "fails", uts_missing},
    {"ipcns-var missing", "fails", ipc_missing},
    {"userns missing", "fails", user_missing},
    {"netns or netdev missing", "fails", network_missing},
    {"timens missing", "fails", time_missing},
    {"task in a namespace of its own", "refuses", namespace_of_its_own},
    {"loopback device left out", "wrong network", loopback_left_out},
    {"network device twice", "fails late", device_twice},
    {"mount twice", "wrong mounts", mount_twice},
    {"mount's parent unknown", "fails", mount_parent_unknown},
    {"mount with children left out", "fails", mount_left_out},
    {"tmpfs content missing", "fails", tmpfs_missing},
    {"control group unknown", "fails", cgroup_unknown},
    {"cgroup.img missing", "fails", cgroup_missing},
    {"seccomp filter unknown", "fails", filter_unknown},
    {0},
};
