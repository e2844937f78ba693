/* Rules about images that entries of others call for: connections, deleted files, shared memory, content of tmpfs. */
#include "set.h"
#include <inttypes.h>
#include <stdio.h>

/* File name of an image of a kind that has a number in it. */
static void image_name(enum fy_image_kind kind, uint64_t id, char name[64])
{
    const char *pattern = fy_catalogue_get(kind)->pattern;
    const char *number = pattern;

    while (*number != '%')
        number++;
    (void)snprintf(name, 64, number[1] == 'x' ? "%.*s%" PRIx64 "%s" : "%.*s%" PRIu64 "%s", (int)(number - pattern),
                   pattern, id, number + 2);
}

static int check_image_refs(const struct fy_set *set, struct fy_error *err)
{
    for (size_t i = 0; i < set->image_refs.count; i++) {
        const struct set_image_ref *ref = &set->image_refs.items[i];
        char name[64];
        if (fy_set_find_image(set, ref->kind, ref->id))
            continue;
        image_name(ref->kind, ref->id, name);
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, name, "is missing: it is the content of %s in %s", ref->what,
                            ref->from->name);
    }
    return 0;
}

static int compare_mounts(const void *left, const void *right)
{
    const struct set_mount *a = left, *b = right;
    return (a->root_dev > b->root_dev) - (a->root_dev < b->root_dev);
}

/* The mounts [first, end) are of one device: its content is saved once, under the device or, by old versions, under one
 * of the mounts, unless one of them says that it comes from elsewhere. */
static int check_device(const struct fy_set *set, size_t first, size_t end, struct fy_error *err)
{
    const struct set_mount *mount = &set->mounts.items[first];
    bool is_tmpfs = false;

    if (fy_set_find_image(set, FY_IMAGE_TMPFS_DEV, mount->root_dev))
        return 0;
    for (size_t i = first; i < end; i++) {
        is_tmpfs = is_tmpfs || set->mounts.items[i].is_tmpfs;
        if (set->mounts.items[i].is_external ||
            fy_set_find_image(set, FY_IMAGE_TMPFS_MOUNT, set->mounts.items[i].mnt_id))
            return 0;
    }
    if (!is_tmpfs)
        return 0;
    return fy_set_fault(err, NEXT_COPY_OR_DUMP, mount->file->name,
                        "mount %" PRIu32 " is a tmpfs, but tmpfs-dev-%" PRIu32
                        ".tar.gz.img with its content is missing",
                        mount->mnt_id, mount->root_dev);
}

static int check_mounts(struct fy_set *set, struct fy_error *err)
{
    size_t end;

    vector_sort(&set->mounts, compare_mounts);
    for (size_t first = 0; first < set->mounts.count; first = end) {
        uint32_t device = set->mounts.items[first].root_dev;
        for (end = first + 1; end < set->mounts.count && set->mounts.items[end].root_dev == device;)
            end++;
        if (check_device(set, first, end, err) < 0)
            return -1;
    }
    return 0;
}

int fy_rules_references(struct fy_set *set, struct fy_error *err)
{
    return check_image_refs(set, err) < 0 ? -1 : check_mounts(set, err);
}
