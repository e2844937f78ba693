/* Comparing a set with the one before, page by page. */
#include <ferry/imgcore/delta.h>

#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <string.h>

#define WINDOW_BYTES ((size_t)1 << 20)

struct making {
    const struct fy_delta_side *now, *before;
    uint32_t page_bytes;
    fy_pages_write_fn write;
    void *data;
    struct fy_page_table *made;
    uint8_t *now_bytes, *before_bytes; /* a window each */
};

/* Pages [first, first + pages) of the window are all changed, or all as before. */
static int put(struct making *making, uint64_t address, size_t first, size_t pages, uint32_t flags,
               struct fy_error *err)
{
    size_t page_bytes = making->page_bytes;
    if (fy_page_table_add(making->made, address + first * page_bytes, pages, flags, making->page_bytes, err) < 0)
        return -1;
    if (!(flags & FY_PAGES_PRESENT))
        return 0;
    return making->write(making->data, making->now_bytes + first * page_bytes, pages * page_bytes, err);
}

static bool is_same(const struct making *making, size_t page)
{
    size_t at = page * making->page_bytes;
    return memcmp(making->now_bytes + at, making->before_bytes + at, making->page_bytes) == 0;
}

/* One window: pages of one run of `now` that are also in one run of `before`, or that it has nothing of. */
static int make_window(struct making *making, const struct fy_page_run *run, uint64_t skip, size_t pages,
                       const uint64_t *before_page, struct fy_error *err)
{
    uint64_t address = run->address + skip * making->page_bytes;
    size_t bytes = pages * making->page_bytes;
    if (making->now->read(making->now->data, (run->offset_pages + skip) * making->page_bytes, making->now_bytes, bytes,
                          err) < 0)
        return -1;
    if (!before_page)
        return put(making, address, 0, pages, run->flags, err);
    if (making->before->read(making->before->data, *before_page * making->page_bytes, making->before_bytes, bytes,
                             err) < 0)
        return -1;
    for (size_t first = 0, end; first < pages; first = end) {
        bool same = is_same(making, first);
        for (end = first + 1; end < pages && is_same(making, end) == same;)
            end++;
        if (put(making, address, first, end - first, same ? FY_PAGES_PARENT : run->flags, err) < 0)
            return -1;
    }
    return 0;
}

/* How many pages from `address` on are alike in `before`: in one run (then *page is where), or in none. */
static uint64_t span_before(const struct making *making, uint64_t address, uint64_t most, bool *found, uint64_t *page)
{
    const struct fy_page_table *table = making->before ? making->before->table : NULL;
    *found = false;
    if (!table)
        return most;
    size_t at = fy_page_table_find(table, address, making->page_bytes);
    if (at == table->count)
        return most;
    const struct fy_page_run *run = &table->runs[at];
    uint64_t limit;
    if (run->address > address) {
        limit = (run->address - address) / making->page_bytes;
        limit = limit ? limit : 1; /* not at the border of a page: never the same */
    } else {
        uint64_t skip = (address - run->address) / making->page_bytes;
        limit = run->pages - skip;
        *found = (run->flags & FY_PAGES_PRESENT) && (address - run->address) % making->page_bytes == 0;
        *page = run->offset_pages + skip;
    }
    return limit < most ? limit : most;
}

static int make_run(struct making *making, const struct fy_page_run *run, struct fy_error *err)
{
    size_t window = WINDOW_BYTES / making->page_bytes;
    for (uint64_t skip = 0; skip < run->pages;) {
        bool found;
        uint64_t page = 0, most = run->pages - skip < window ? run->pages - skip : window;
        uint64_t span = span_before(making, run->address + skip * making->page_bytes, most, &found, &page);
        if (make_window(making, run, skip, (size_t)span, found ? &page : NULL, err) < 0)
            return -1;
        skip += span;
    }
    return 0;
}

int fy_delta_make(const struct fy_delta_side *now, const struct fy_delta_side *before, uint32_t page_bytes,
                  fy_pages_write_fn write, void *data, struct fy_page_table *made, struct fy_error *err)
{
    FY_AUTO_FREE uint8_t *windows = malloc(2 * WINDOW_BYTES);
    fy_page_table_init(made, now->table);
    if (!windows)
        return fy_error_set(err, FY_E_NOMEM, "no memory for comparing pages");
    if (page_bytes < 4096 || page_bytes > WINDOW_BYTES || (page_bytes & (page_bytes - 1)))
        return fy_error_set(err, FY_E_FORMAT, "pages of %u bytes", page_bytes);
    struct making making = {.now = now,
                            .before = before,
                            .page_bytes = page_bytes,
                            .write = write,
                            .data = data,
                            .made = made,
                            .now_bytes = windows,
                            .before_bytes = windows + WINDOW_BYTES};
    for (size_t i = 0; i < now->table->count; i++) {
        const struct fy_page_run *run = &now->table->runs[i];
        if (!(run->flags & FY_PAGES_PRESENT))
            return fy_error_set(err, FY_E_UNSUPPORTED, "the pages at %#" PRIx64 " are not in the set itself",
                                run->address);
        if (make_run(&making, run, err) < 0)
            return -1;
    }
    return 0;
}
