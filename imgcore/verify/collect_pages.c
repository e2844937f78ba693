/* Facts about pages: one pagemap image at a time, summed up so that its length does not matter. */
#include "set.h"
#include <criu/pagemap.pb-c.h>

enum { PAGE_PARENT = 1, PAGE_LAZY = 2, PAGE_PRESENT = 4 };

static int collect_head(struct fy_set *set, const struct set_file *file, const PagemapHead *head, struct fy_error *err)
{
    return vector_push(&set->pagemaps, err,
                       (struct set_pagemap){.file = file, .pages_id = head->pages_id, .page_bytes_max = UINT64_MAX});
}

/* CRIU until 4.1 counts in one field, from 4.2 in another and writes 0 to the first. */
static uint64_t count_of(const PagemapEntry *run)
{
    return run->has_nr_pages ? run->nr_pages : run->compat_nr_pages;
}

static uint32_t flags_of(const PagemapEntry *run)
{
    if (run->in_parent)
        return run->flags | PAGE_PARENT;
    return run->has_flags ? run->flags : PAGE_PRESENT;
}

/* Compressed images have tags that this schema does not know, and flags beyond these. */
static bool is_understood(const PagemapEntry *run)
{
    return (flags_of(run) & ~(uint32_t)(PAGE_PARENT | PAGE_LAZY | PAGE_PRESENT)) == 0 &&
           run->base.n_unknown_fields == 0;
}

static bool is_possible(const PagemapEntry *run)
{
    uint32_t flags = flags_of(run);
    return count_of(run) > 0 &&
           (flags == PAGE_PARENT || flags == PAGE_LAZY || flags == PAGE_PRESENT || flags == (PAGE_PRESENT | PAGE_LAZY));
}

static int add_pages(struct set_pagemap *pagemap, const PagemapEntry *run)
{
    uint32_t flags = flags_of(run);
    uint64_t *sum = flags & PAGE_PRESENT  ? &pagemap->present_pages
                    : flags & PAGE_PARENT ? &pagemap->parent_pages
                                          : &pagemap->lazy_pages;

    return __builtin_add_overflow(*sum, count_of(run), sum) ? -1 : 0;
}

/* Keeps how large a page may be without this entry reaching into the next; -1 when they are out of order. */
static int add_range(struct set_pagemap *pagemap, const PagemapEntry *run)
{
    if (pagemap->previous_pages > 0) {
        uint64_t room;
        if (run->vaddr <= pagemap->previous_address)
            return -1;
        room = (run->vaddr - pagemap->previous_address) / pagemap->previous_pages;
        if (room < pagemap->page_bytes_max)
            pagemap->page_bytes_max = room;
    }
    pagemap->previous_address = run->vaddr;
    pagemap->previous_pages = count_of(run);
    pagemap->address_bits |= run->vaddr;
    return 0;
}

int fy_collect_pagemap(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                       struct fy_error *err)
{
    const PagemapEntry *run = (const PagemapEntry *)entry->message;
    struct set_pagemap *pagemap;

    if (entry->number == 0)
        return collect_head(set, file, (const PagemapHead *)entry->message, err);
    pagemap = &set->pagemaps.items[set->pagemaps.count - 1];
    if (!is_understood(run)) {
        fy_set_report_entry(set, FY_FINDING_PAGEMAP_COMPRESSED, file->name, entry->number,
                            "is of a form that is not known here (compressed pages?)");
        return 0;
    }
    if (!is_possible(run))
        fy_set_report_entry(set, FY_FINDING_PAGEMAP_ENTRY, file->name, entry->number,
                            "has no pages, or flags that contradict each other");
    if (add_range(pagemap, run) < 0)
        fy_set_report_entry(set, FY_FINDING_PAGEMAP_ORDER, file->name, entry->number,
                            "is at an address not above the one before it");
    if (add_pages(pagemap, run) < 0)
        fy_set_report_entry(set, FY_FINDING_PAGEMAP_SIZE, file->name, entry->number,
                            "brings the pages to more than 64 bits can count");
    return 0;
}
