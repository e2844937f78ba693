/* Shared memory of two sets. Its numbers are the kernel's, and others after a restore: what the same task maps at the
 * same address is the same memory, and only what nobody maps goes by number. */
#include "diff_parts.h"
#include "shared_views.h"

#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <string.h>

/* One of the sets: which shared memory it has, and who shows it where. */
struct half {
    const struct fy_diff_side *side;
    char name;
    shared_views by_memory;
    shared_views by_place; /* the same views, by pid and address */
    struct fy_memory_id *ids;
    size_t count;
    bool *is_taken; /* for each of ids: it is in a row */
};

static int compare_places(const void *left, const void *right)
{
    const struct shared_view *a = left, *b = right;
    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    return (a->mapping->start > b->mapping->start) - (a->mapping->start < b->mapping->start);
}

static int load_half(struct half *half, struct fy_error *err)
{
    size_t kept = 0;
    if (fy_shared_views_make(half->side->dir_fd, half->side->explore, &half->by_memory, err) < 0 ||
        fy_memory_list(half->side->dir_fd, &half->ids, &half->count, err) < 0)
        return -1;
    for (size_t i = 0; i < half->by_memory.count; i++)
        if (vector_push(&half->by_place, err, half->by_memory.items[i]) < 0)
            return -1;
    vector_sort(&half->by_place, compare_places);
    for (size_t i = 0; i < half->count; i++)
        if (half->ids[i].is_shared)
            half->ids[kept++] = half->ids[i];
    half->count = kept;
    half->is_taken = calloc(kept + 1, sizeof(*half->is_taken));
    return half->is_taken ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for %zu shared memories", kept);
}

static void half_done(struct half *half)
{
    free(half->by_memory.items);
    free(half->by_place.items);
    free(half->ids);
    free(half->is_taken);
}

/* The number in `other` of the memory `id` of `half`; false: it has no such memory. */
static bool find_partner(const struct half *half, uint64_t id, const struct half *other, uint64_t *partner)
{
    bool is_mapped = false;
    for (size_t i = fy_shared_views_find(&half->by_memory, id);
         i < half->by_memory.count && half->by_memory.items[i].memory == id; i++) {
        const struct shared_view *found = vector_find(&other->by_place, &half->by_memory.items[i], compare_places);
        is_mapped = true;
        if (found) {
            *partner = found->memory;
            return true;
        }
    }
    for (size_t i = 0; !is_mapped && i < other->count; i++) {
        if (other->ids[i].id == id && !other->is_taken[i]) {
            *partner = id;
            return true;
        }
    }
    return false;
}

static void take(struct half *half, uint64_t id)
{
    for (size_t i = 0; i < half->count; i++)
        if (half->ids[i].id == id)
            half->is_taken[i] = true;
}

static int compare(const struct half *a, const struct half *b, struct fy_diff_shared *row, struct fy_error *err)
{
    struct page_area area_a = {0, UINT64_MAX, BASE_ZERO, NULL}, area_b = area_a;
    struct page_side side_a = {NULL, &area_a, row->in_a}, side_b = {NULL, &area_b, row->in_b};
    const struct fy_memory_id id_a = {true, row->memory_a}, id_b = {true, row->memory_b};
    struct fy_memory *memory_a = NULL, *memory_b = NULL;
    int status = -1;
    if ((!row->in_a || fy_diff_open_memory(a->side, a->name, &id_a, &memory_a, err) == 0) &&
        (!row->in_b || fy_diff_open_memory(b->side, b->name, &id_b, &memory_b, err) == 0)) {
        side_a.memory = memory_a;
        side_b.memory = memory_b;
        status = fy_diff_pages_compare(&side_a, &side_b, &row->pages, &row->page_bytes, err);
    }
    fy_memory_free(memory_a);
    fy_memory_free(memory_b);
    return status;
}

static int compare_all(struct half *a, struct half *b, diff_shared *rows, struct fy_error *err)
{
    for (size_t i = 0; i < a->count + b->count; i++) {
        struct fy_diff_shared row = {0};
        if (i < a->count) {
            row.in_a = true;
            row.memory_a = a->ids[i].id;
            row.in_b = find_partner(a, row.memory_a, b, &row.memory_b);
        } else if (!b->is_taken[i - a->count]) {
            row.in_b = true;
            row.memory_b = b->ids[i - a->count].id;
            row.in_a = find_partner(b, row.memory_b, a, &row.memory_a);
        } else {
            continue;
        }
        if (row.in_b)
            take(b, row.memory_b);
        if (compare(a, b, &row, err) < 0 || vector_push(rows, err, row) < 0)
            return -1;
    }
    return 0;
}

int fy_diff_shared(const struct fy_diff_side *a, const struct fy_diff_side *b, diff_shared *rows, struct fy_error *err)
{
    struct half half_a = {.side = a, .name = 'A'}, half_b = {.side = b, .name = 'B'};
    int status = -1;
    if (load_half(&half_a, err) == 0 && load_half(&half_b, err) == 0)
        status = compare_all(&half_a, &half_b, rows, err);
    half_done(&half_a);
    half_done(&half_b);
    return status;
}
