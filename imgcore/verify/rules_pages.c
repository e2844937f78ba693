/* Rules about memory: every pagemap has a pages image of exactly the size that it calls for, and a parent if it needs
 * one. CRIU reads a pages image that is too short for ever, and takes wrong pages when the parent is lost. */
#include "set.h"
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <sys/stat.h>

static void check_layout(const struct fy_set *set, const struct set_pagemap *pagemap, uint32_t page_bytes)
{
    if (pagemap->address_bits & (page_bytes - 1))
        fy_set_report(set, FY_FINDING_PAGEMAP_ALIGNMENT, pagemap->file->name,
                      "has addresses that do not begin a page of %" PRIu32 " bytes", page_bytes);
    if (pagemap->page_bytes_max < page_bytes)
        fy_set_report(set, FY_FINDING_PAGEMAP_ORDER, pagemap->file->name, "has entries that overlap");
}

static void check_pages_image(const struct fy_set *set, const struct set_pagemap *pagemap, uint32_t page_bytes)
{
    const struct set_file *pages = fy_set_find_image(set, FY_IMAGE_PAGES, pagemap->pages_id);
    uint64_t wanted;
    char name[64];

    fy_set_image_name(FY_IMAGE_PAGES, pagemap->pages_id, name);
    if (__builtin_mul_overflow(pagemap->present_pages, page_bytes, &wanted))
        fy_set_report(set, FY_FINDING_PAGEMAP_SIZE, pagemap->file->name, "has more pages than a file can hold");
    else if (!pages && wanted > 0)
        fy_set_report(set, FY_FINDING_PAGES_MISSING, name, "is missing: %s has %" PRIu64 " pages in it",
                      pagemap->file->name, pagemap->present_pages);
    else if (pages && pages->is_regular && pages->size_bytes != wanted)
        fy_set_report(set, pages->size_bytes < wanted ? FY_FINDING_PAGES_SHORT : FY_FINDING_PAGES_LONG, name,
                      "has %" PRIu64 " bytes, but %s calls for %" PRIu64 " pages, which are %" PRIu64,
                      pages->size_bytes, pagemap->file->name, pagemap->present_pages, wanted);
}

static void check_parent(const struct fy_set *set, const struct set_pagemap *pagemap)
{
    FY_AUTO_CLOSE int parent = openat(set->dir_fd, "parent", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;

    if (pagemap->parent_pages == 0)
        return;
    if (parent < 0)
        fy_set_report(set, FY_FINDING_PARENT_MISSING, pagemap->file->name,
                      "%" PRIu64 " of its pages are in the set before, but the link `parent` does not lead to one",
                      pagemap->parent_pages);
    else if (fstatat(parent, pagemap->file->name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(status.st_mode))
        fy_set_report(set, FY_FINDING_PARENT_PAGEMAP, pagemap->file->name,
                      "%" PRIu64 " of its pages are in the set before, but parent/%s is missing", pagemap->parent_pages,
                      pagemap->file->name);
}

static void check_pagemap(const struct fy_set *set, const struct set_pagemap *pagemap)
{
    bool of_task = pagemap->file->type->kind == FY_IMAGE_PAGEMAP;
    uint32_t page_bytes = fy_set_page_bytes(set, of_task ? pagemap->file->id : 0);

    if (page_bytes & (page_bytes - 1)) {
        fy_set_report(set, FY_FINDING_PAGE_SIZE, pagemap->file->name,
                      "the task's page size of %" PRIu32 " bytes is not a power of two", page_bytes);
        return;
    }
    check_layout(set, pagemap, page_bytes);
    check_pages_image(set, pagemap, page_bytes);
    check_parent(set, pagemap);
}

/* CRIU reads each pages image from its beginning, so that two maps of one would both read the same pages. */
static void check_unique(const struct fy_set *set)
{
    for (size_t i = 1; i < set->pagemaps.count; i++) {
        const struct set_pagemap *pagemap = &set->pagemaps.items[i];
        if (pagemap->pages_id == pagemap[-1].pages_id)
            fy_set_report(set, FY_FINDING_PAGES_SHARED, pagemap->file->name,
                          "pages-%" PRIu32 ".img belongs to %s as well", pagemap->pages_id, pagemap[-1].file->name);
    }
}

int fy_rules_pages(struct fy_set *set, struct fy_error *err)
{
    (void)err;
    check_unique(set);
    for (size_t i = 0; i < set->pagemaps.count; i++)
        if (!set->pagemaps.items[i].file->is_damaged)
            check_pagemap(set, &set->pagemaps.items[i]);
    return 0;
}
