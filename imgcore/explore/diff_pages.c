/* Both memories are walked at once, from one place where anything changes (a run or an area begins or ends, in A or in
 * B) to the next. Between two such places everything is uniform, so a stretch is either counted or read. */
#include "diff_pages.h"

#include <ferry/base/cleanup.h>
#include <string.h>

#define BLOCK_BYTES (256 << 10)

enum page_state {
    STATE_STORED,
    STATE_UNKNOWN, /* not here: lazy or lost */
    STATE_ZERO,
    STATE_FILE,
    STATE_NONE,
};

/* One of the two, and how far it has been walked. */
struct walker {
    const struct page_side *side;
    uint32_t page_bytes;
    size_t run, area;
    enum page_state state;
    struct fy_diff_pages *pages; /* of the area at the place; NULL: none */
    uint8_t *block;
    char name;
};

/* ---- walking ---- */

static void lower(uint64_t *until, uint64_t place)
{
    if (place < *until)
        *until = place;
}

/* What is at `address`, and the place up to which that is so, if it is below *until. */
static void look(struct walker *walker, uint64_t address, uint64_t *until)
{
    static const enum page_state states[] = {
        [BASE_NONE] = STATE_NONE, [BASE_ZERO] = STATE_ZERO, [BASE_FILE] = STATE_FILE};
    const struct page_side *side = walker->side;
    walker->state = STATE_NONE;
    walker->pages = NULL;
    while (walker->area < side->area_count && side->areas[walker->area].end <= address)
        walker->area++;
    if (walker->area < side->area_count) {
        const struct page_area *area = &side->areas[walker->area];
        if (area->start <= address) {
            walker->state = states[area->base];
            walker->pages = area->pages;
        }
        lower(until, area->start > address ? area->start : area->end);
    }
    for (; side->memory && walker->run < fy_memory_run_count(side->memory); walker->run++) {
        const struct fy_memory_run *run = fy_memory_run(side->memory, walker->run);
        uint64_t end = run->address + run->pages * walker->page_bytes;
        if (end <= address)
            continue;
        if (run->address <= address)
            walker->state = run->kind == FY_MEMORY_STORED ? STATE_STORED : STATE_UNKNOWN;
        lower(until, run->address > address ? run->address : end);
        break;
    }
}

static bool has_runs(const struct walker *walker)
{
    return walker->side->memory && walker->run < fy_memory_run_count(walker->side->memory);
}

/* ---- content ---- */

static bool is_zero(const uint8_t *data, size_t size)
{
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

static int read_block(const struct walker *walker, uint64_t address, size_t size, struct fy_error *err)
{
    size_t got = 0;
    if (fy_memory_read(walker->side->memory, address, walker->block, size, &got, err) < 0)
        return fy_error_wrap(err, "%c", walker->name);
    return got == size ? 0
                       : fy_error_set(err, FY_E_INTERNAL, "%c: %zu bytes at %#llx were to be there, not %zu",
                                      walker->name, size, (unsigned long long)address, got);
}

/* Where one page belongs; a side without bytes is NULL. `a_holds` and `b_holds`: a page is there, if only zero. */
static uint64_t *judge(struct fy_diff_pages *pages, const uint8_t *a, const uint8_t *b, size_t size,
                       enum page_state state_a, enum page_state state_b)
{
    if (a && b) {
        if (memcmp(a, b, size) == 0)
            return &pages->equal;
        if (is_zero(b, size))
            return &pages->zeroed;
        return is_zero(a, size) ? &pages->only_b : &pages->changed;
    }
    if (a) {
        if (state_b != STATE_ZERO)
            return &pages->only_a;
        return is_zero(a, size) ? &pages->equal : &pages->zeroed;
    }
    return state_a == STATE_ZERO && is_zero(b, size) ? &pages->equal : &pages->only_b;
}

/* A stretch in which at least one side is stored and none is unknown. */
static int compare_stretch(const struct walker *a, const struct walker *b, uint64_t address, uint64_t until,
                           uint32_t page_bytes, struct fy_diff_pages *pages, struct fy_error *err)
{
    bool in_a = a->state == STATE_STORED, in_b = b->state == STATE_STORED;
    while (address < until) {
        size_t size = until - address < BLOCK_BYTES ? (size_t)(until - address) : (size_t)BLOCK_BYTES;
        if ((in_a && read_block(a, address, size, err) < 0) || (in_b && read_block(b, address, size, err) < 0))
            return -1;
        for (size_t at = 0; at < size; at += page_bytes) {
            size_t piece = size - at < page_bytes ? size - at : page_bytes;
            ++*judge(pages, in_a ? a->block + at : NULL, in_b ? b->block + at : NULL, piece, a->state, b->state);
        }
        address += size;
    }
    return 0;
}

static int count_stretch(const struct walker *a, const struct walker *b, uint64_t address, uint64_t until,
                         uint32_t page_bytes, struct fy_diff_pages *pages, struct fy_error *err)
{
    if (a->state == STATE_UNKNOWN || b->state == STATE_UNKNOWN) {
        pages->unknown += (until - address + page_bytes - 1) / page_bytes;
        return 0;
    }
    if (a->state != STATE_STORED && b->state != STATE_STORED)
        return 0;
    return compare_stretch(a, b, address, until, page_bytes, pages, err);
}

void fy_diff_pages_add(struct fy_diff_pages *to, const struct fy_diff_pages *from)
{
    to->equal += from->equal;
    to->changed += from->changed;
    to->zeroed += from->zeroed;
    to->only_a += from->only_a;
    to->only_b += from->only_b;
    to->unknown += from->unknown;
}

static int walk(struct walker *a, struct walker *b, uint32_t page_bytes, struct fy_diff_pages *total,
                struct fy_error *err)
{
    uint64_t address = 0, until;
    for (;; address = until) {
        struct fy_diff_pages pages = {0};
        until = UINT64_MAX;
        look(a, address, &until);
        look(b, address, &until);
        if (!has_runs(a) && !has_runs(b))
            return 0;
        if (count_stretch(a, b, address, until, page_bytes, &pages, err) < 0)
            return -1;
        fy_diff_pages_add(total, &pages);
        if (b->pages || a->pages)
            fy_diff_pages_add(b->pages ? b->pages : a->pages, &pages);
    }
}

int fy_diff_pages_compare(const struct page_side *a, const struct page_side *b, struct fy_diff_pages *total,
                          uint32_t *page_bytes, struct fy_error *err)
{
    uint32_t bytes_a = a->memory ? fy_memory_page_bytes(a->memory) : 0;
    uint32_t bytes_b = b->memory ? fy_memory_page_bytes(b->memory) : 0;
    FY_AUTO_FREE uint8_t *blocks = malloc((size_t)2 * BLOCK_BYTES);
    if (!blocks)
        return fy_error_set(err, FY_E_NOMEM, "no memory for comparing pages");
    if (bytes_a && bytes_b)
        *page_bytes = bytes_a < bytes_b ? bytes_a : bytes_b;
    else
        *page_bytes = bytes_a ? bytes_a : bytes_b ? bytes_b : 4096;
    struct walker walker_a = {.side = a, .page_bytes = bytes_a, .block = blocks, .name = 'A'};
    struct walker walker_b = {.side = b, .page_bytes = bytes_b, .block = blocks + BLOCK_BYTES, .name = 'B'};
    return walk(&walker_a, &walker_b, *page_bytes, total, err);
}
