/* Incremental image sets by content: of a set and the one before it, what is to be stored so that CRIU, and crit, find
 * the rest through the link `parent`.
 *
 * The kernel is not asked which pages were written. Pages at the same address of the same pagemap are compared byte by
 * byte, so nothing depends on a hash. The way back is fy_delta_resolve(): where each page of the whole set stands in
 * the levels. Pure: whoever calls says how bytes are read and written. */
#ifndef FERRY_IMGCORE_DELTA_H
#define FERRY_IMGCORE_DELTA_H

#include <ferry/imgcore/page_table.h>

/* Reads exactly `size` bytes at `offset` of a whole pages file. */
typedef int (*fy_pages_read_fn)(void *data, uint64_t offset, void *buffer, size_t size, struct fy_error *err);
/* Takes the next bytes of the pages file that is made. */
typedef int (*fy_pages_write_fn)(void *data, const void *bytes, size_t size, struct fy_error *err);

/* A pagemap of a whole set (no run in a parent) and its pages. */
struct fy_delta_side {
    const struct fy_page_table *table;
    fy_pages_read_fn read;
    void *data;
};

/* Writes the pages of `now` that `before` has not, or has with other bytes, and fills `made` with the table for them.
 * `before` NULL: all of them. FY_E_UNSUPPORTED when `now` has pages that are in no file (lazy) or in a parent. */
int fy_delta_make(const struct fy_delta_side *now, const struct fy_delta_side *before, uint32_t page_bytes,
                  fy_pages_write_fn write, void *data, struct fy_page_table *made, struct fy_error *err);

/* Pages that follow each other in the whole pages file and in the file of one level. */
struct fy_delta_piece {
    uint64_t whole_page; /* in the whole pages file */
    uint64_t pages;
    size_t level;
    uint64_t level_page; /* in the pages file of that level */
};

/* The table of the level, 0 being the newest; NULL when that level has no such pagemap (FY_E_FORMAT in `err` when it
 * cannot be read). */
typedef const struct fy_page_table *(*fy_level_table_fn)(void *data, size_t level, struct fy_error *err);

/* Where the pages of level 0 stand, in the order of the whole pages file; free() *pieces. FY_E_FORMAT when a page is
 * said to be in a parent that does not have it, or when there are over 1,000 levels. */
int fy_delta_resolve(fy_level_table_fn table, void *data, uint32_t page_bytes, struct fy_delta_piece **pieces,
                     size_t *count, struct fy_error *err);

#endif
