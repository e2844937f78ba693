/* Compares the pages of two memories, address by address. */
#ifndef FERRY_EXPLORE_DIFF_PAGES_H
#define FERRY_EXPLORE_DIFF_PAGES_H

#include <ferry/imgcore/diff.h>
#include <ferry/imgcore/memory.h>

/* What a place holds when the set holds no page for it. */
enum page_base { BASE_NONE, BASE_ZERO, BASE_FILE };

/* Sorted by start, and start < end. */
struct page_area {
    uint64_t start, end;
    enum page_base base;
    struct fy_diff_pages *pages; /* what is here is counted there */
};

struct page_side {
    const struct fy_memory *memory; /* NULL: no pages */
    const struct page_area *areas;
    size_t area_count;
};

/* Adds to the counts of B's area at the place, else of A's, and of each page to `total`. The sets' pages have the same
 * size, or one size is a multiple of the other: the smaller is counted, and is *page_bytes. */
int fy_diff_pages_compare(const struct page_side *a, const struct page_side *b, struct fy_diff_pages *total,
                          uint32_t *page_bytes, struct fy_error *err);
void fy_diff_pages_add(struct fy_diff_pages *to, const struct fy_diff_pages *from);

#endif
