/* Rules about images that entries of others call for: connections, deleted files, shared memory, content of tmpfs. */
#include "set.h"
#include <inttypes.h>

static void check_image_refs(const struct fy_set *set)
{
    for (size_t i = 0; i < set->image_refs.count; i++) {
        const struct set_image_ref *ref = &set->image_refs.items[i];
        char name[64];
        if (fy_set_find_image(set, ref->kind, ref->id))
            continue;
        fy_set_image_name(ref->kind, ref->id, name);
        fy_set_report(set, FY_FINDING_CONTENT_MISSING, name, "is missing: it is the content of %s in %s", ref->what,
                      ref->from->name);
    }
}

static int compare_mounts(const void *left, const void *right)
{
    const struct set_mount *a = left, *b = right;
    return (a->root_dev > b->root_dev) - (a->root_dev < b->root_dev);
}

/* The mounts [first, end) are of one device: its content is saved once, under the device or, by old versions, under one
 * of the mounts, unless one of them says that it comes from elsewhere. */
static void check_device(const struct fy_set *set, size_t first, size_t end)
{
    const struct set_mount *mount = &set->mounts.items[first];
    bool is_tmpfs = false;

    if (fy_set_find_image(set, FY_IMAGE_TMPFS_DEV, mount->root_dev))
        return;
    for (size_t i = first; i < end; i++) {
        is_tmpfs = is_tmpfs || set->mounts.items[i].is_tmpfs;
        if (set->mounts.items[i].is_external ||
            fy_set_find_image(set, FY_IMAGE_TMPFS_MOUNT, set->mounts.items[i].mnt_id))
            return;
    }
    if (is_tmpfs)
        fy_set_report(set, FY_FINDING_TMPFS_MISSING, mount->file->name,
                      "mount %" PRIu32 " is a tmpfs, but tmpfs-dev-%" PRIu32 ".tar.gz.img with its content is missing",
                      mount->mnt_id, mount->root_dev);
}

static void check_mounts(struct fy_set *set)
{
    size_t end;

    vector_sort(&set->mounts, compare_mounts);
    for (size_t first = 0; first < set->mounts.count; first = end) {
        uint32_t device = set->mounts.items[first].root_dev;
        for (end = first + 1; end < set->mounts.count && set->mounts.items[end].root_dev == device;)
            end++;
        check_device(set, first, end);
    }
}

int fy_rules_references(struct fy_set *set, struct fy_error *err)
{
    (void)err;
    check_image_refs(set);
    if (fy_set_is_whole(set, FY_IMAGE_MNTS))
        check_mounts(set);
    return 0;
}
