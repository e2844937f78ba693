/* Rules about memory: every pagemap has a pages image of exactly the size that it calls for, its pages lie in mappings
 * or segments, and those that are not in it are in a level before. CRIU reads a pages image that is too short for ever,
 * and takes wrong pages when the parent is lost. */
#include "pagemap.h"
#include "parents.h"
#include "set.h"
#include <inttypes.h>

static bool is_power_of_two(uint32_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

/* A pre-dump does not say how large pages are; what it holds does, where pages are larger than the usual 4 KiB. */
static uint32_t page_bytes_of(const struct fy_set *set, const struct set_file *file)
{
    const struct set_file *pages = fy_set_find_image(set, FY_IMAGE_PAGES, set->map.pages_id);

    if (set->mms.count == 0 && pages && set->map.present_pages > 0)
        for (uint32_t bytes = 16384; bytes <= 65536; bytes *= 4)
            if (pages->size_bytes / bytes == set->map.present_pages && pages->size_bytes % bytes == 0)
                return bytes;
    return fy_set_page_bytes(set, file->type->kind == FY_IMAGE_PAGEMAP ? file->id : 0);
}

static int check_map(struct fy_set *set, struct parents *parents, struct set_pagemap *pagemap, struct fy_error *err)
{
    const struct set_file *file = pagemap->file;
    uint32_t page_bytes = page_bytes_of(set, file);

    if (!is_power_of_two(page_bytes)) {
        fy_set_report(set, FY_FINDING_PAGE_SIZE, file->name,
                      "the task's page size of %" PRIu32 " bytes is not a power of two", page_bytes);
        return 0;
    }
    if (!fy_page_map_check(&set->map, set->report, file->name, page_bytes, &pagemap->pages_bytes))
        return 0;
    pagemap->has_size = true;
    fy_rules_places(set, file, page_bytes);
    return fy_parents_check(parents, &set->map, file->name, page_bytes, err);
}

static int load_and_check(struct fy_set *set, struct parents *parents, struct set_file *file, struct fy_error *err)
{
    struct set_pagemap pagemap = {.file = file};

    fy_page_map_reset(&set->map);
    if (fy_set_load_file(set, file, err) < 0)
        return -1;
    if (!set->map.has_head)
        return 0;
    pagemap.pages_id = set->map.pages_id;
    pagemap.present_pages = set->map.present_pages;
    pagemap.parent_pages = set->map.parent_pages;
    pagemap.lazy_pages = set->map.lazy_pages;
    if (!file->is_damaged && !set->map.is_unclear && check_map(set, parents, &pagemap, err) < 0)
        return -1;
    return vector_push(&set->pagemaps, err, pagemap);
}

static int compare_pagemaps(const void *left, const void *right)
{
    const struct set_pagemap *a = left, *b = right;
    return (a->pages_id > b->pages_id) - (a->pages_id < b->pages_id);
}

static void check_size(const struct fy_set *set, const struct set_pagemap *pagemap)
{
    const struct set_file *pages = fy_set_find_image(set, FY_IMAGE_PAGES, pagemap->pages_id);
    char name[64];

    fy_set_image_name(FY_IMAGE_PAGES, pagemap->pages_id, name);
    if (!pages && pagemap->pages_bytes > 0)
        fy_set_report(set, FY_FINDING_PAGES_MISSING, name, "is missing: %s has %" PRIu64 " pages in it",
                      pagemap->file->name, pagemap->present_pages);
    if (pages && pages->is_regular && pages->size_bytes != pagemap->pages_bytes)
        fy_set_report(set, pages->size_bytes < pagemap->pages_bytes ? FY_FINDING_PAGES_SHORT : FY_FINDING_PAGES_LONG,
                      name, "has %" PRIu64 " bytes, but %s calls for %" PRIu64 " pages, which are %" PRIu64,
                      pages->size_bytes, pagemap->file->name, pagemap->present_pages, pagemap->pages_bytes);
}

/* CRIU reads each pages image from its beginning, so that two maps of one would both read the same pages. */
static void check_pages_images(const struct fy_set *set)
{
    for (size_t i = 0; i < set->pagemaps.count; i++) {
        const struct set_pagemap *pagemap = &set->pagemaps.items[i];
        bool is_first = i == 0 || pagemap->pages_id != pagemap[-1].pages_id;
        bool is_last = i + 1 == set->pagemaps.count || pagemap->pages_id != pagemap[1].pages_id;
        if (!is_first)
            fy_set_report(set, FY_FINDING_PAGES_SHARED, pagemap->file->name,
                          "pages-%" PRIu32 ".img belongs to %s as well", pagemap->pages_id, pagemap[-1].file->name);
        else if (is_last && pagemap->has_size)
            check_size(set, pagemap);
    }
}

int fy_rules_pages(struct fy_set *set, struct fy_error *err)
{
    static const enum fy_image_kind kinds[] = {FY_IMAGE_PAGEMAP, FY_IMAGE_PAGEMAP_SHMEM};
    struct parents parents;
    int result = 0;

    fy_rules_sort_segments(set);
    fy_parents_init(&parents, set->dir_fd, set->report);
    for (size_t kind = 0; kind < 2 && result == 0; kind++) {
        size_t count;
        struct set_file *files = (struct set_file *)fy_set_images(set, kinds[kind], &count);
        for (size_t i = 0; i < count && result == 0; i++)
            result = load_and_check(set, &parents, &files[i], err);
    }
    fy_parents_done(&parents);
    vector_sort(&set->pagemaps, compare_pagemaps);
    check_pages_images(set);
    return result;
}
