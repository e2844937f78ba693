/* Rules about memory: every pagemap has a pages image of exactly the size that it calls for, and a parent if it needs
 * one. CRIU reads a pages image that is too short for ever, and takes wrong pages when the parent is lost. */
#include "set.h"
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <sys/stat.h>

static int check_layout(const struct set_pagemap *pagemap, uint32_t page_bytes, struct fy_error *err)
{
    if (pagemap->address_bits & (page_bytes - 1))
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, pagemap->file->name,
                            "has addresses that do not begin a page of %" PRIu32 " bytes", page_bytes);
    if (pagemap->page_bytes_max < page_bytes)
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, pagemap->file->name, "has entries that overlap");
    return 0;
}

static int check_pages_image(const struct fy_set *set, const struct set_pagemap *pagemap, uint32_t page_bytes,
                             struct fy_error *err)
{
    const struct set_file *pages = fy_set_find_image(set, FY_IMAGE_PAGES, pagemap->pages_id);
    uint64_t wanted;

    if (__builtin_mul_overflow(pagemap->present_pages, page_bytes, &wanted))
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, pagemap->file->name, "has more pages than a file can hold");
    if (!pages && wanted == 0)
        return 0;
    if (!pages)
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, pagemap->file->name,
                            "pages-%" PRIu32 ".img with its %" PRIu64 " pages is missing", pagemap->pages_id,
                            pagemap->present_pages);
    if (pages->size_bytes != wanted)
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, pages->name,
                            "has %" PRIu64 " bytes, but %s calls for %" PRIu64 " pages, which are %" PRIu64,
                            pages->size_bytes, pagemap->file->name, pagemap->present_pages, wanted);
    return 0;
}

/* Opens the level before; -1 without an error if there is none. */
static int open_parent(const struct fy_set *set)
{
    return openat(set->dir_fd, "parent", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int check_parent(const struct fy_set *set, const struct set_pagemap *pagemap, struct fy_error *err)
{
    FY_AUTO_CLOSE int parent = -1;
    struct stat status;

    if (pagemap->parent_pages == 0)
        return 0;
    parent = open_parent(set);
    if (parent < 0)
        return fy_set_fault(
            err, "Put the level before this one back, and let the link `parent` lead to it.", pagemap->file->name,
            "%" PRIu64 " of its pages are in the set before, but the link `parent` does not lead to one",
            pagemap->parent_pages);
    if (fstatat(parent, pagemap->file->name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode))
        return 0;
    return fy_set_fault(err, "Let the link `parent` lead to the level before this one.", pagemap->file->name,
                        "%" PRIu64 " of its pages are in the set before, but parent/%s is missing",
                        pagemap->parent_pages, pagemap->file->name);
}

static int check_pagemap(const struct fy_set *set, const struct set_pagemap *pagemap, struct fy_error *err)
{
    bool of_task = pagemap->file->type->kind == FY_IMAGE_PAGEMAP;
    uint32_t page_bytes = fy_set_page_bytes(set, of_task ? pagemap->file->id : 0);

    if (page_bytes & (page_bytes - 1))
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, pagemap->file->name,
                            "the task's page size of %" PRIu32 " bytes is not a power of two", page_bytes);
    if (check_layout(pagemap, page_bytes, err) < 0 || check_pages_image(set, pagemap, page_bytes, err) < 0)
        return -1;
    return check_parent(set, pagemap, err);
}

/* CRIU reads each pages image from its beginning, so that two maps of one would both read the same pages. */
static int check_unique(const struct fy_set *set, struct fy_error *err)
{
    for (size_t i = 1; i < set->pagemaps.count; i++) {
        const struct set_pagemap *pagemap = &set->pagemaps.items[i];
        if (pagemap->pages_id == pagemap[-1].pages_id)
            return fy_set_fault(err, NEXT_COPY_OR_DUMP, pagemap->file->name,
                                "pages-%" PRIu32 ".img belongs to %s as well", pagemap->pages_id,
                                pagemap[-1].file->name);
    }
    return 0;
}

int fy_rules_pages(struct fy_set *set, struct fy_error *err)
{
    if (check_unique(set, err) < 0)
        return -1;
    for (size_t i = 0; i < set->pagemaps.count; i++)
        if (check_pagemap(set, &set->pagemaps.items[i], err) < 0)
            return -1;
    return 0;
}
