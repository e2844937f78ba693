/* Mappings of a task in A and in B: those that overlap and show the same kind of thing are one that may have changed.
 */
#include "diff_parts.h"

#include <criu/files.pb-c.h>
#include <ferry/base/cleanup.h>
#include <string.h>

/* Kinds of what is mapped; how a mapping came to be there is no difference. */
#define KIND_BITS                                                                                                      \
    (FY_MAPPING_STACK | FY_MAPPING_VSYSCALL | FY_MAPPING_VDSO | FY_MAPPING_VVAR | FY_MAPPING_HEAP |                    \
     FY_MAPPING_FILE_PRIVATE | FY_MAPPING_FILE_SHARED | FY_MAPPING_ANON_SHARED | FY_MAPPING_SYSV | FY_MAPPING_SOCKET | \
     FY_MAPPING_AIO_RING | FY_MAPPING_MEMFD)

typedef VECTOR(const struct fy_explore_mapping *) mapping_list;

static int compare_starts(const void *left, const void *right)
{
    const struct fy_explore_mapping *a = *(const struct fy_explore_mapping *const *)left;
    const struct fy_explore_mapping *b = *(const struct fy_explore_mapping *const *)right;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

static int list_mappings(const struct fy_explore_task *task, mapping_list *list, struct fy_error *err)
{
    for (size_t i = 0; task && i < task->mapping_count; i++)
        if (task->mappings[i].start < task->mappings[i].end && vector_push(list, err, &task->mappings[i]) < 0)
            return -1;
    vector_sort(list, compare_starts);
    return 0;
}

static const char *mapped_path(const struct fy_explore *explore, const struct fy_explore_mapping *mapping)
{
    const struct fy_explore_file *file = NULL;
    bool is_file = mapping->status & (FY_MAPPING_FILE_PRIVATE | FY_MAPPING_FILE_SHARED);
    if (is_file && !(mapping->status & FY_MAPPING_MEMFD) && mapping->object <= UINT32_MAX)
        file = fy_explore_find_file(explore, FD_TYPES__REG, (uint32_t)mapping->object);
    return file && file->path ? file->path : "";
}

static bool shows_the_same(const struct fy_diff_side *a, const struct fy_explore_mapping *of_a,
                           const struct fy_diff_side *b, const struct fy_explore_mapping *of_b)
{
    return (of_a->status & KIND_BITS) == (of_b->status & KIND_BITS) &&
           strcmp(mapped_path(a->explore, of_a), mapped_path(b->explore, of_b)) == 0;
}

static int add_pair(diff_mappings *rows, const struct fy_explore_mapping *a, const struct fy_explore_mapping *b,
                    struct fy_error *err)
{
    struct fy_diff_mapping row = {.a = a, .b = b};
    if (a && b && (a->start != b->start || a->end != b->end))
        row.changes |= FY_DIFF_SIZE;
    if (a && b && a->protection != b->protection)
        row.changes |= FY_DIFF_PROTECTION;
    return vector_push(rows, err, row);
}

static int pair_all(const struct fy_diff_side *a, const mapping_list *list_a, const struct fy_diff_side *b,
                    const mapping_list *list_b, diff_mappings *rows, struct fy_error *err)
{
    for (size_t i = 0, j = 0; i < list_a->count || j < list_b->count;) {
        const struct fy_explore_mapping *next_a = i < list_a->count ? list_a->items[i] : NULL;
        const struct fy_explore_mapping *next_b = j < list_b->count ? list_b->items[j] : NULL;
        bool overlap = next_a && next_b && next_a->start < next_b->end && next_b->start < next_a->end;
        if (!overlap || !shows_the_same(a, next_a, b, next_b)) {
            /* The one that ends first has no partner. */
            if (next_a && (!next_b || next_a->end <= next_b->end))
                next_b = NULL;
            else
                next_a = NULL;
        }
        if (add_pair(rows, next_a, next_b, err) < 0)
            return -1;
        i += next_a != NULL;
        j += next_b != NULL;
    }
    return 0;
}

int fy_diff_mappings(const struct fy_diff_side *a, const struct fy_explore_task *task_a, const struct fy_diff_side *b,
                     const struct fy_explore_task *task_b, diff_mappings *rows, struct fy_error *err)
{
    mapping_list list_a = {0}, list_b = {0};
    int status = -1;
    if (list_mappings(task_a, &list_a, err) == 0 && list_mappings(task_b, &list_b, err) == 0)
        status = pair_all(a, &list_a, b, &list_b, rows, err);
    free(list_a.items);
    free(list_b.items);
    return status;
}

static enum page_base base_of(const struct fy_explore_mapping *mapping)
{
    /* Pages of shared memory are not in the task's pagemap, so those that are have nothing to do with it. */
    unsigned elsewhere =
        FY_MAPPING_FILE_PRIVATE | FY_MAPPING_FILE_SHARED | FY_MAPPING_ANON_SHARED | FY_MAPPING_SYSV | FY_MAPPING_SOCKET;
    return mapping->status & elsewhere ? BASE_FILE : BASE_ZERO;
}

int fy_diff_areas(const diff_mappings *rows, bool of_b, struct page_area **areas, size_t *count, struct fy_error *err)
{
    size_t used = 0;
    struct page_area *made = calloc(rows->count + 1, sizeof(*made));
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for %zu mappings", rows->count);
    for (size_t i = 0; i < rows->count; i++) {
        const struct fy_explore_mapping *mapping = of_b ? rows->items[i].b : rows->items[i].a;
        if (mapping)
            made[used++] = (struct page_area){mapping->start, mapping->end, base_of(mapping), &rows->items[i].pages};
    }
    *areas = made;
    *count = used;
    return 0;
}
