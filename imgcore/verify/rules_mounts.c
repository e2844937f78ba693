/* Rules about mounts and network devices: each namespace is one tree, and nothing in it has two numbers. */
#include "edges.h"
#include "set.h"
#include <inttypes.h>

static int compare_mounts(const void *left, const void *right)
{
    const struct edge_mount *a = left, *b = right;
    if (a->file != b->file)
        return a->file->id < b->file->id ? -1 : 1;
    return (a->mnt_id > b->mnt_id) - (a->mnt_id < b->mnt_id);
}

static struct edge_mount *find_mount(struct fy_set *set, const struct set_file *file, uint32_t mnt_id)
{
    struct edge_mount key = {.file = file, .mnt_id = mnt_id};
    return vector_find(&set->edges.mounts, &key, compare_mounts);
}

static struct edge_mount *parent_of(struct fy_set *set, const struct edge_mount *mount)
{
    struct edge_mount *parent = find_mount(set, mount->file, mount->parent_mnt_id);
    return parent && parent->mnt_id != mount->mnt_id ? parent : NULL;
}

/* One root in each namespace, and a parent for every other mount. */
static void check_parents(struct fy_set *set)
{
    const struct edge_mount *root = NULL;

    for (size_t i = 0; i < set->edges.mounts.count; i++) {
        const struct edge_mount *mount = &set->edges.mounts.items[i];
        bool is_first = i == 0 || mount->file != mount[-1].file;
        bool is_last = i + 1 == set->edges.mounts.count || mount->file != mount[1].file;
        if (is_first)
            root = NULL;
        if (!parent_of(set, mount)) {
            if (root || !mount->is_root)
                fy_set_report_entry(set, FY_FINDING_MOUNT_PARENT, mount->file->name, mount->entry,
                                    "mount %" PRIu32 " stands on mount %" PRIu32 ", which is not there", mount->mnt_id,
                                    mount->parent_mnt_id);
            else
                root = mount;
        }
        if (is_last && !root)
            fy_set_report(set, FY_FINDING_MOUNT_ROOT, mount->file->name, "has no mount that is the root of the others");
    }
}

enum { NOT_VISITED, ON_THE_WAY, GOOD, IN_A_CIRCLE };

/* From a mount upwards until a root, or a mount that is known; all on the way are then known as well. */
static void follow(struct fy_set *set, struct edge_mount *from)
{
    struct edge_mount *mount = from;
    uint8_t verdict;

    while (mount && mount->visit == NOT_VISITED) {
        mount->visit = ON_THE_WAY;
        mount = parent_of(set, mount);
    }
    verdict = !mount || mount->visit == GOOD ? GOOD : IN_A_CIRCLE;
    for (mount = from; mount && mount->visit == ON_THE_WAY; mount = parent_of(set, mount))
        mount->visit = verdict;
}

static void check_circles(struct fy_set *set)
{
    for (size_t i = 0; i < set->edges.mounts.count; i++) {
        struct edge_mount *mount = &set->edges.mounts.items[i];
        follow(set, mount);
        if (mount->visit == IN_A_CIRCLE)
            fy_set_report_entry(set, FY_FINDING_MOUNT_CIRCLE, mount->file->name, mount->entry,
                                "mount %" PRIu32 " does not stand on the root: its parents are a circle",
                                mount->mnt_id);
    }
}

static int compare_devices(const void *left, const void *right)
{
    const struct edge_device *a = left, *b = right;
    if (a->file != b->file)
        return a->file->id < b->file->id ? -1 : 1;
    return (a->ifindex > b->ifindex) - (a->ifindex < b->ifindex);
}

static void check_devices(struct fy_set *set)
{
    vector_sort(&set->edges.devices, compare_devices);
    for (size_t i = 0; i < set->edges.devices.count; i++) {
        const struct edge_device *device = &set->edges.devices.items[i];
        struct edge_device key = {.file = device->file, .ifindex = device->master};
        if (i > 0 && compare_devices(device, device - 1) == 0)
            fy_set_report_entry(set, FY_FINDING_NETDEV_TWICE, device->file->name, device->entry,
                                "has the interface number %" PRIu32 ", and so has another one", device->ifindex);
        if (device->master && !vector_find(&set->edges.devices, &key, compare_devices))
            fy_set_report_entry(set, FY_FINDING_NETDEV_MASTER, device->file->name, device->entry,
                                "belongs to the interface %" PRIu32 ", which is not there", device->master);
    }
}

/* Every network has one of its own from the beginning. */
static void check_loopbacks(const struct fy_set *set)
{
    size_t count, at = 0;
    const struct set_file *files = fy_set_images(set, FY_IMAGE_NETDEV, &count);

    for (size_t i = 0; i < count; i++) {
        size_t loopbacks = 0;
        for (; at < set->edges.devices.count && set->edges.devices.items[at].file == &files[i]; at++)
            loopbacks += set->edges.devices.items[at].is_loopback;
        if (loopbacks != 1)
            fy_set_report(set, FY_FINDING_NETDEV_LOOPBACK, files[i].name, "has %zu loopback devices", loopbacks);
    }
}

int fy_rules_mounts(struct fy_set *set, struct fy_error *err)
{
    (void)err;
    vector_sort(&set->edges.mounts, compare_mounts);
    if (fy_set_is_whole(set, FY_IMAGE_MNTS)) {
        check_parents(set);
        check_circles(set);
    }
    if (fy_set_is_whole(set, FY_IMAGE_NETDEV)) {
        check_devices(set);
        check_loopbacks(set);
    }
    return 0;
}
