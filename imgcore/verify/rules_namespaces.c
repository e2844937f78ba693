/* Rules about namespaces: a namespace of the root task that is not CRIU's own is part of the set, with all its images.
 */
#include "set.h"
#include <inttypes.h>
#include <sched.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define NO_IMAGE FY_IMAGE_KIND_COUNT

static const struct {
    int flag;
    const char *what;
    size_t offset; /* of the number, in struct fy_namespace_ids */
    enum fy_image_kind image;
} kinds[] = {
    {CLONE_NEWPID, "pid", offsetof(struct fy_namespace_ids, pid), NO_IMAGE},
    {CLONE_NEWNET, "network", offsetof(struct fy_namespace_ids, net), FY_IMAGE_NETNS},
    {CLONE_NEWIPC, "IPC", offsetof(struct fy_namespace_ids, ipc), FY_IMAGE_IPC_VAR},
    {CLONE_NEWUTS, "UTS", offsetof(struct fy_namespace_ids, uts), FY_IMAGE_UTSNS},
    {CLONE_NEWNS, "mount", offsetof(struct fy_namespace_ids, mnt), FY_IMAGE_MNTS},
    {CLONE_NEWUSER, "user", offsetof(struct fy_namespace_ids, user), FY_IMAGE_USERNS},
    {CLONE_NEWCGROUP, "cgroup", offsetof(struct fy_namespace_ids, cgroup), NO_IMAGE},
    {CLONE_NEWTIME, "time", offsetof(struct fy_namespace_ids, time), FY_IMAGE_TIMENS},
};

static uint32_t id_of(const struct fy_namespace_ids *ids, size_t kind)
{
    return *(const uint32_t *)(const void *)((const char *)ids + kinds[kind].offset);
}

static bool is_dumped(const struct fy_set *set, const struct set_ids *root, size_t kind)
{
    uint32_t id = id_of(&root->ns, kind);
    return id != 0 && id != id_of(&set->inventory.root_ids, kind);
}

int fy_set_namespaces(const struct fy_set *set)
{
    const struct set_ids *root = set->tasks.count ? fy_set_find_ids(set, set->tasks.items[0].pid) : NULL;
    int flags = 0;

    for (size_t kind = 0; root && set->has_inventory && kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
        if (is_dumped(set, root, kind))
            flags |= kinds[kind].flag;
    return flags;
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* They were collected in the order of the files, which is that of their numbers. */
static bool is_external_net(const struct fy_set *set, uint64_t id)
{
    uint32_t key = (uint32_t)id;
    return vector_find(&set->edges.external_nets, &key, compare_numbers) != NULL;
}

/* Of a network that others are to fill CRIU writes nothing. */
static bool is_empty_net(const struct fy_set *set, size_t kind, uint32_t id)
{
    return kinds[kind].flag == CLONE_NEWNET && !fy_set_find_image(set, FY_IMAGE_NETDEV, id);
}

static void check_image(const struct fy_set *set, size_t kind, const struct set_ids *task)
{
    uint32_t id = id_of(&task->ns, kind);
    char name[64];

    if (id == 0 || kinds[kind].image == NO_IMAGE || fy_set_find_image(set, kinds[kind].image, id))
        return;
    fy_set_image_name(kinds[kind].image, id, name);
    if (is_empty_net(set, kind, id))
        fy_set_report(set, FY_FINDING_NET_EMPTY, name, "is not there, which means that the network comes back empty");
    else
        fy_set_report(set, FY_FINDING_NAMESPACE_MISSING, name,
                      "is missing: task %" PRIu32 " is in %s namespace %" PRIu32, task->pid, kinds[kind].what, id);
}

/* Also of networks without a task. Of one that comes from outside CRIU writes the name only. */
static void check_nets(const struct fy_set *set)
{
    size_t count;
    const struct set_file *nets = fy_set_images(set, FY_IMAGE_NETNS, &count);

    for (size_t i = 0; i < count; i++) {
        char name[64];
        if (fy_set_find_image(set, FY_IMAGE_NETDEV, nets[i].id) || is_external_net(set, nets[i].id))
            continue;
        fy_set_image_name(FY_IMAGE_NETDEV, nets[i].id, name);
        fy_set_report(set, FY_FINDING_NAMESPACE_MISSING, name,
                      "is missing: it has the devices of network namespace %" PRIu64, nets[i].id);
    }
}

/* CRIU makes mount and network namespaces below the root task, in a set that has the root task's; all other kinds there
 * are once. It dumps what it will not restore, and control groups it does not look at. */
static bool can_differ(size_t kind, int flags)
{
    return kinds[kind].flag == CLONE_NEWCGROUP ||
           ((kinds[kind].flag & (CLONE_NEWNS | CLONE_NEWNET)) && (flags & kinds[kind].flag));
}

static void check_nesting(const struct fy_set *set, size_t kind, const struct set_ids *root)
{
    for (size_t i = 0; i < set->ids.count; i++) {
        const struct set_ids *task = &set->ids.items[i];
        char name[64];
        if (id_of(&task->ns, kind) == id_of(&root->ns, kind))
            continue;
        fy_set_image_name(FY_IMAGE_IDS, task->pid, name);
        fy_set_report(set, FY_FINDING_NAMESPACE_NESTED, name,
                      "has the %s namespace %" PRIu32 ", and the root task has %" PRIu32, kinds[kind].what,
                      id_of(&task->ns, kind), id_of(&root->ns, kind));
    }
}

int fy_rules_namespaces(struct fy_set *set, struct fy_error *err)
{
    const struct set_ids *root = set->tasks.count ? fy_set_find_ids(set, set->tasks.items[0].pid) : NULL;
    int flags = fy_set_namespaces(set);

    (void)err;
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        for (size_t i = 0; i < set->ids.count && (flags & kinds[kind].flag); i++)
            check_image(set, kind, &set->ids.items[i]);
        if (root && set->has_inventory && !can_differ(kind, flags))
            check_nesting(set, kind, root);
    }
    if (fy_set_is_whole(set, FY_IMAGE_NETNS))
        check_nets(set);
    return 0;
}
