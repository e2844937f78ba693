/* From a level to the whole: which level has each page. */
#include <ferry/imgcore/delta.h>

#include <inttypes.h>
#include <stdlib.h>

#include "vector.h"

#define LEVELS_MAX 1000

struct pieces {
    struct fy_delta_piece *items;
    size_t count, capacity;
};

struct resolving {
    fy_level_table_fn table;
    void *data;
    uint32_t page_bytes;
    struct pieces pieces;
    uint64_t whole_pages;
};

static int add(struct resolving *resolving, size_t level, uint64_t level_page, uint64_t pages, struct fy_error *err)
{
    struct pieces *pieces = &resolving->pieces;
    struct fy_delta_piece *last = pieces->count ? &pieces->items[pieces->count - 1] : NULL;
    uint64_t whole = resolving->whole_pages;
    resolving->whole_pages += pages;
    if (last && last->level == level && last->level_page + last->pages == level_page) {
        last->pages += pages;
        return 0;
    }
    return vector_push(pieces, err, (struct fy_delta_piece){whole, pages, level, level_page});
}

static int lost(uint64_t address, size_t level, struct fy_error *err)
{
    return fy_error_set(err, FY_E_FORMAT, "the page at %#" PRIx64 " is said to be in level %zu, which has it not",
                        address, level);
}

/* Pages [address, address + pages) as level `level` has them; goes down the levels where it says so. */
static int resolve_span(struct resolving *resolving, size_t level, uint64_t address, uint64_t pages,
                        struct fy_error *err)
{
    uint32_t page_bytes = resolving->page_bytes;
    const struct fy_page_table *table = level < LEVELS_MAX ? resolving->table(resolving->data, level, err) : NULL;
    if (!table)
        return lost(address, level, err); /* keeps an error that is there */
    while (pages > 0) {
        size_t at = fy_page_table_find(table, address, page_bytes);
        const struct fy_page_run *run = at < table->count ? &table->runs[at] : NULL;
        if (!run || run->address > address || (address - run->address) % page_bytes)
            return lost(address, level, err);
        uint64_t skip = (address - run->address) / page_bytes;
        uint64_t span = run->pages - skip < pages ? run->pages - skip : pages;
        if (!(run->flags & (FY_PAGES_PRESENT | FY_PAGES_PARENT)))
            return lost(address, level, err);
        if ((run->flags & FY_PAGES_PRESENT ? add(resolving, level, run->offset_pages + skip, span, err)
                                           : resolve_span(resolving, level + 1, address, span, err)) < 0)
            return -1;
        address += span * page_bytes;
        pages -= span;
    }
    return 0;
}

int fy_delta_resolve(fy_level_table_fn table, void *data, uint32_t page_bytes, struct fy_delta_piece **pieces,
                     size_t *count, struct fy_error *err)
{
    struct resolving resolving = {.table = table, .data = data, .page_bytes = page_bytes};
    const struct fy_page_table *top = table(data, 0, err);
    if (!top)
        return fy_error_set(err, FY_E_FORMAT, "there is no such pagemap");
    for (size_t i = 0; i < top->count; i++) {
        if (resolve_span(&resolving, 0, top->runs[i].address, top->runs[i].pages, err) < 0) {
            free(resolving.pieces.items);
            return -1;
        }
    }
    *pieces = resolving.pieces.items;
    *count = resolving.pieces.count;
    return 0;
}
