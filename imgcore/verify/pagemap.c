/* Entries of pagemap images, in all forms that CRIU has written. */
#include "pagemap.h"
#include "report.h"
#include <criu/pagemap.pb-c.h>
#include <inttypes.h>
#include <stdlib.h>

void fy_page_map_reset(struct page_map *map)
{
    map->runs.count = 0;
    map->pages_id = 0;
    map->entries = map->present_pages = map->parent_pages = map->lazy_pages = 0;
    map->has_head = map->is_unclear = false;
}

void fy_page_map_done(struct page_map *map)
{
    free(map->runs.items);
}

/* CRIU until 4.1 counts in one field, from 4.2 in another and writes 0 to the first. */
static uint64_t count_of(const PagemapEntry *entry)
{
    return entry->has_nr_pages ? entry->nr_pages : entry->compat_nr_pages;
}

static uint32_t flags_of(const PagemapEntry *entry)
{
    if (entry->in_parent)
        return entry->flags | PAGE_PARENT;
    return entry->has_flags ? entry->flags : PAGE_PRESENT;
}

/* Compressed images have tags that this schema does not know, and flags beyond these. */
static bool is_understood(const PagemapEntry *entry)
{
    return (flags_of(entry) & ~(uint32_t)(PAGE_PARENT | PAGE_LAZY | PAGE_PRESENT)) == 0 &&
           entry->base.n_unknown_fields == 0;
}

static bool is_possible(const struct page_run *run)
{
    return run->pages > 0 && (run->flags == PAGE_PARENT || run->flags == PAGE_LAZY || run->flags == PAGE_PRESENT ||
                              run->flags == (PAGE_PRESENT | PAGE_LAZY));
}

static bool add_pages(struct page_map *map, const struct page_run *run)
{
    uint64_t *sum = run->flags & PAGE_PRESENT  ? &map->present_pages
                    : run->flags & PAGE_PARENT ? &map->parent_pages
                                               : &map->lazy_pages;

    return !__builtin_add_overflow(*sum, run->pages, sum);
}

static void report_entry(struct fy_report *report, enum fy_finding_id id, const char *label, uint64_t entry,
                         const char *what)
{
    fy_report_add(report,
                  &(struct fy_finding){.id = id, .file = label, .has_entry = true, .entry = entry, .what = what});
}

int fy_page_map_take(struct page_map *map, struct fy_report *report, const char *label,
                     const struct fy_image_entry *entry, struct fy_error *err)
{
    const PagemapEntry *message = (const PagemapEntry *)entry->message;
    const struct page_run *last = map->runs.count ? &map->runs.items[map->runs.count - 1] : NULL;
    struct page_run run;

    if (entry->number == 0) {
        map->pages_id = ((const PagemapHead *)entry->message)->pages_id;
        map->has_head = true;
        return 0;
    }
    run = (struct page_run){message->vaddr, count_of(message), flags_of(message)};
    map->is_unclear = true;
    if (!is_understood(message))
        report_entry(report, FY_FINDING_PAGEMAP_COMPRESSED, label, entry->number,
                     "is of a form that is not known here (compressed pages?)");
    else if (!is_possible(&run))
        report_entry(report, FY_FINDING_PAGEMAP_ENTRY, label, entry->number,
                     "has no pages, or flags that contradict each other");
    else if (last && run.address <= last->address)
        report_entry(report, FY_FINDING_PAGEMAP_ORDER, label, entry->number,
                     "is at an address not above the one before it");
    else if (!add_pages(map, &run))
        report_entry(report, FY_FINDING_PAGEMAP_SIZE, label, entry->number,
                     "brings the pages to more than 64 bits can count");
    else
        map->is_unclear = map->entries != map->runs.count;
    map->entries++;
    return map->is_unclear ? 0 : vector_push(&map->runs, err, run);
}

bool fy_page_map_check(const struct page_map *map, struct fy_report *report, const char *label, uint32_t page_bytes,
                       uint64_t *pages_bytes)
{
    bool is_right = true;

    for (size_t i = 0; i < map->runs.count; i++) {
        const struct page_run *run = &map->runs.items[i];
        uint64_t bytes, end, limit = i + 1 < map->runs.count ? run[1].address : UINT64_MAX;
        const char *fault = NULL;
        enum fy_finding_id id = FY_FINDING_PAGEMAP_ORDER;
        if (run->address & (page_bytes - 1)) {
            id = FY_FINDING_PAGEMAP_ALIGNMENT;
            fault = "is at an address that does not begin a page";
        } else if (__builtin_mul_overflow(run->pages, page_bytes, &bytes) ||
                   __builtin_add_overflow(run->address, bytes, &end)) {
            id = FY_FINDING_PAGEMAP_SIZE;
            fault = "has more pages than there are addresses behind it";
        } else if (end > limit) {
            fault = "and the one behind it overlap";
        }
        if (!fault)
            continue;
        report_entry(report, id, label, i + 1, fault);
        is_right = false;
    }
    if (!__builtin_mul_overflow(map->present_pages, page_bytes, pages_bytes))
        return is_right;
    fy_report_add(report, &(struct fy_finding){.id = FY_FINDING_PAGEMAP_SIZE,
                                               .file = label,
                                               .what = "has more pages than a file can hold"});
    return false;
}
