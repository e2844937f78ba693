/* One pagemap image at a time: where pages are, as runs of pages one behind the other. */
#ifndef FERRY_IMGCORE_VERIFY_PAGEMAP_H
#define FERRY_IMGCORE_VERIFY_PAGEMAP_H

#include "vector.h"
#include <ferry/base/error.h>
#include <ferry/imgcore/image.h>
#include <stdbool.h>
#include <stdint.h>

struct fy_report;

/* pagemap_entry.flags; these and PRESENT | LAZY are all that CRIU writes. */
enum { PAGE_PARENT = 1, PAGE_LAZY = 2, PAGE_PRESENT = 4 };

struct page_run {
    uint64_t address;
    uint64_t pages;
    uint32_t flags;
};

struct page_map {
    uint32_t pages_id;
    bool has_head;
    bool is_unclear; /* an entry could not be understood: what the others add up to says nothing */
    uint64_t entries;
    uint64_t present_pages, parent_pages, lazy_pages;
    VECTOR(struct page_run) runs; /* addresses rise */
};

/* Empties the map, and keeps its memory for the next one. */
void fy_page_map_reset(struct page_map *map);
void fy_page_map_done(struct page_map *map);
/* Takes one entry of a pagemap image; `label` is what the file is called in findings. -1: FY_E_NOMEM. */
int fy_page_map_take(struct page_map *map, struct fy_report *report, const char *label,
                     const struct fy_image_entry *entry, struct fy_error *err);
/* Looks whether runs begin at a page of `page_bytes` and end before the next, and how large the pages image is to be
 * (`pages_bytes`). False, and reported, if not. */
bool fy_page_map_check(const struct page_map *map, struct fy_report *report, const char *label, uint32_t page_bytes,
                       uint64_t *pages_bytes);
/* The first address behind a run of a map that was checked. */
static inline uint64_t page_run_end(const struct page_run *run, uint32_t page_bytes)
{
    return run->address + run->pages * page_bytes;
}

#endif
