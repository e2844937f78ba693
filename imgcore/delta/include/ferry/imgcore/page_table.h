/* One pagemap image in memory: which pages there are, and where their bytes stand in the pages file.
 *
 * It is read as CRIU wrote it and written in the same dialect (framing, and the field that holds the count), so that
 * the CRIU that dumped a set also restores what was made of it. */
#ifndef FERRY_IMGCORE_PAGE_TABLE_H
#define FERRY_IMGCORE_PAGE_TABLE_H

#include <ferry/base/buf.h>
#include <ferry/base/error.h>
#include <stddef.h>
#include <stdint.h>

/* pagemap_entry.flags */
#define FY_PAGES_PARENT 1u  /* as in the set before */
#define FY_PAGES_LAZY 2u    /* may be fetched late */
#define FY_PAGES_PRESENT 4u /* in the pages file */

struct fy_page_run {
    uint64_t address; /* of the first byte; in a shared segment, from its begin */
    uint64_t pages;
    uint32_t flags;
    uint64_t offset_pages; /* in the pages file; PRESENT only */
};

struct fy_page_table {
    uint32_t pages_id;
    struct fy_page_run *runs; /* addresses rise, runs do not overlap */
    size_t count, capacity;
    uint64_t stored_pages; /* PRESENT */
    uint64_t parent_pages;
    uint8_t framing[8]; /* the magics that the file began with */
    size_t framing_bytes;
    bool old_count; /* CRIU until 4.1: the count is in the field that is 0 from 4.2 on */
};

/* Reads the pagemap image in `fd` (stays the caller's); `name` is for errors. FY_E_FORMAT, also when addresses do not
 * rise; FY_E_UNSUPPORTED for compressed pages. The table is to be given to fy_page_table_done in any case. */
int fy_page_table_read(int fd, const char *name, struct fy_page_table *table, struct fy_error *err);
/* Empty, in the dialect of `like`. */
void fy_page_table_init(struct fy_page_table *table, const struct fy_page_table *like);
/* Adds pages behind the last; joins them with it when they go on where it ends and have its flags. */
int fy_page_table_add(struct fy_page_table *table, uint64_t address, uint64_t pages, uint32_t flags,
                      uint32_t page_bytes, struct fy_error *err);
/* Appends the whole image to `out`. */
int fy_page_table_write(const struct fy_page_table *table, struct fy_buf *out, struct fy_error *err);
/* The first run that ends above `address`; the count when there is none. */
size_t fy_page_table_find(const struct fy_page_table *table, uint64_t address, uint32_t page_bytes);
void fy_page_table_done(struct fy_page_table *table);

#endif
