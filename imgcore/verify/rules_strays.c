/* Rule: nothing is left over. An image that no task, table, map or socket leads to means that the entry which led to it
 * is lost: an array that was cut between two entries looks whole otherwise. */
#include "set.h"
#include <inttypes.h>

struct expected {
    enum fy_image_kind kind;
    uint64_t id;
};

struct expectations {
    VECTOR(struct expected) list;
};

#define NO_IMAGE FY_IMAGE_KIND_COUNT
#define BY(...)                                                                                                        \
    (const enum fy_image_kind[])                                                                                       \
    {                                                                                                                  \
        __VA_ARGS__, NO_IMAGE                                                                                          \
    }

static const struct {
    enum fy_image_kind kind;
    const char *owner;
    bool is_of_tasks;                    /* in a set without any, something else is wrong */
    const enum fy_image_kind *led_to_by; /* ends with NO_IMAGE */
} owned[] = {
    {FY_IMAGE_CORE, "no task or thread of pstree.img", true, BY(FY_IMAGE_PSTREE, FY_IMAGE_CORE)},
    {FY_IMAGE_IDS, "no live task of pstree.img", true, BY(FY_IMAGE_PSTREE, FY_IMAGE_CORE)},
    {FY_IMAGE_MM, "no live task of pstree.img", true, BY(FY_IMAGE_PSTREE, FY_IMAGE_CORE)},
    {FY_IMAGE_FS, "no live task of pstree.img", true, BY(FY_IMAGE_PSTREE, FY_IMAGE_CORE)},
    {FY_IMAGE_PAGEMAP, "no live task of pstree.img", true, BY(FY_IMAGE_PSTREE, FY_IMAGE_CORE)},
    {FY_IMAGE_FDINFO, "no task's descriptor table", true, BY(FY_IMAGE_PSTREE, FY_IMAGE_IDS)},
    {FY_IMAGE_PAGES, "no pagemap", false, BY(FY_IMAGE_PAGEMAP, FY_IMAGE_PAGEMAP_SHMEM)},
    {FY_IMAGE_PAGEMAP_SHMEM, "no mapping, memory file or segment", true,
     BY(FY_IMAGE_MM, FY_IMAGE_VMAS, FY_IMAGE_MEMFD_INODE, FY_IMAGE_IPCNS_SHM)},
    {FY_IMAGE_GHOST_FILE, "no entry of remap-fpath.img", true, BY(FY_IMAGE_REMAP_FPATH)},
    {FY_IMAGE_TCP_STREAM, "no socket of files.img", true, BY(FY_IMAGE_FILES, FY_IMAGE_INETSK, FY_IMAGE_INVENTORY)},
    {FY_IMAGE_TMPFS_DEV, "no mount", true, BY(FY_IMAGE_MNTS)},
    {FY_IMAGE_MNTS, "no task's mount namespace", true, BY(FY_IMAGE_IDS)},
    {FY_IMAGE_UTSNS, "no task's UTS namespace", true, BY(FY_IMAGE_IDS)},
    {FY_IMAGE_IPC_VAR, "no task's IPC namespace", true, BY(FY_IMAGE_IDS)},
    {FY_IMAGE_USERNS, "no task's user namespace", true, BY(FY_IMAGE_IDS)},
    {FY_IMAGE_IPCNS_SHM, "no task's IPC namespace", true, BY(FY_IMAGE_IDS)},
    {FY_IMAGE_IPCNS_MSG, "no task's IPC namespace", true, BY(FY_IMAGE_IDS)},
    {FY_IMAGE_IPCNS_SEM, "no task's IPC namespace", true, BY(FY_IMAGE_IDS)},
    {FY_IMAGE_TIMENS, "no task's time namespace", true, BY(FY_IMAGE_IDS)},
    {FY_IMAGE_NETDEV, "no network namespace", true, BY(FY_IMAGE_NETNS)},
    {FY_IMAGE_IFADDR, "no network namespace", true, BY(FY_IMAGE_NETNS)},
    {FY_IMAGE_ROUTE, "no network namespace", true, BY(FY_IMAGE_NETNS)},
    {FY_IMAGE_ROUTE6, "no network namespace", true, BY(FY_IMAGE_NETNS)},
    {FY_IMAGE_RULE, "no network namespace", true, BY(FY_IMAGE_NETNS)},
};

static int compare_expected(const void *left, const void *right)
{
    const struct expected *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static int expect(struct expectations *expectations, enum fy_image_kind kind, uint64_t id, struct fy_error *err)
{
    return vector_push(&expectations->list, err, (struct expected){kind, id});
}

static int expect_of_ids(const struct set_ids *ids, struct expectations *expectations, struct fy_error *err)
{
    const struct expected images[] = {
        {FY_IMAGE_FDINFO, ids->files_id},  {FY_IMAGE_MNTS, ids->ns.mnt},      {FY_IMAGE_UTSNS, ids->ns.uts},
        {FY_IMAGE_IPC_VAR, ids->ns.ipc},   {FY_IMAGE_IPCNS_SHM, ids->ns.ipc}, {FY_IMAGE_IPCNS_MSG, ids->ns.ipc},
        {FY_IMAGE_IPCNS_SEM, ids->ns.ipc}, {FY_IMAGE_USERNS, ids->ns.user},   {FY_IMAGE_TIMENS, ids->ns.time},
    };

    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++)
        if (expect(expectations, images[i].kind, images[i].id, err) < 0)
            return -1;
    return 0;
}

/* A network may be there without a task in it: something else holds it. */
static int expect_of_nets(const struct fy_set *set, struct expectations *expectations, struct fy_error *err)
{
    static const enum fy_image_kind kinds[] = {FY_IMAGE_NETDEV, FY_IMAGE_IFADDR, FY_IMAGE_ROUTE, FY_IMAGE_ROUTE6,
                                               FY_IMAGE_RULE};
    size_t count;
    const struct set_file *nets = fy_set_images(set, FY_IMAGE_NETNS, &count);

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < sizeof(kinds) / sizeof(kinds[0]); j++)
            if (expect(expectations, kinds[j], nets[i].id, err) < 0)
                return -1;
    return 0;
}

static int expect_of_task(const struct fy_set *set, const struct set_task *task, struct expectations *expectations,
                          struct fy_error *err)
{
    static const enum fy_image_kind of_live[] = {FY_IMAGE_IDS, FY_IMAGE_MM, FY_IMAGE_FS, FY_IMAGE_PAGEMAP};
    const struct set_ids *ids = fy_set_find_ids(set, task->pid);

    if (expect(expectations, FY_IMAGE_CORE, task->pid, err) < 0)
        return -1;
    if (fy_set_is_zombie(set, task))
        return 0;
    for (size_t i = 0; i < sizeof(of_live) / sizeof(of_live[0]); i++)
        if (expect(expectations, of_live[i], task->pid, err) < 0)
            return -1;
    for (size_t i = 1; i < task->thread_count; i++)
        if (expect(expectations, FY_IMAGE_CORE, set->threads.items[task->first_thread + i], err) < 0)
            return -1;
    return ids ? expect_of_ids(ids, expectations, err) : 0;
}

static int gather(const struct fy_set *set, struct expectations *expectations, struct fy_error *err)
{
    for (size_t i = 0; i < set->tasks.count; i++)
        if (expect_of_task(set, &set->tasks.items[i], expectations, err) < 0)
            return -1;
    for (size_t i = 0; i < set->pagemaps.count; i++)
        if (expect(expectations, FY_IMAGE_PAGES, set->pagemaps.items[i].pages_id, err) < 0)
            return -1;
    for (size_t i = 0; i < set->image_refs.count; i++)
        if (expect(expectations, set->image_refs.items[i].kind, set->image_refs.items[i].id, err) < 0)
            return -1;
    /* That one is written for sets without a time namespace. */
    if (expect(expectations, FY_IMAGE_TIMENS, 0, err) < 0 || expect_of_nets(set, expectations, err) < 0)
        return -1;
    for (size_t i = 0; i < set->mounts.count; i++)
        if (expect(expectations, FY_IMAGE_TMPFS_DEV, set->mounts.items[i].root_dev, err) < 0)
            return -1;
    vector_sort(&expectations->list, compare_expected);
    return 0;
}

static void check_kind(const struct fy_set *set, size_t which, const struct expectations *expectations)
{
    size_t count;
    const struct set_file *images = fy_set_images(set, owned[which].kind, &count);

    for (size_t i = 0; i < count; i++) {
        struct expected key = {owned[which].kind, images[i].id};
        if (!vector_find(&expectations->list, &key, compare_expected))
            fy_set_report(set, FY_FINDING_LEFT_OVER, images[i].name,
                          "belongs to %s: an entry is lost there, or the file is from another checkpoint",
                          owned[which].owner);
    }
}

/* Whether the images that lead to those of the kind were all read. */
static bool knows_owners(const struct fy_set *set, size_t which)
{
    for (const enum fy_image_kind *by = owned[which].led_to_by; *by != NO_IMAGE; by++)
        if (!fy_set_is_whole(set, *by))
            return false;
    if (owned[which].kind == FY_IMAGE_TCP_STREAM && set->open_files.count == 0)
        return false;
    return !owned[which].is_of_tasks || set->tasks.count > 0;
}

int fy_rules_strays(struct fy_set *set, struct fy_error *err)
{
    struct expectations expectations = {0};
    int result = gather(set, &expectations, err);

    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]) && result == 0; i++)
        if (knows_owners(set, i))
            check_kind(set, i, &expectations);
    free(expectations.list.items);
    return result;
}
