/* Descriptors of a task in A and in B, number by number. */
#include "diff_parts.h"

#include <criu/files.pb-c.h>
#include <ferry/base/cleanup.h>
#include <string.h>

typedef VECTOR(const struct fy_explore_descriptor *) descriptor_list;

static int compare_numbers(const void *left, const void *right)
{
    const struct fy_explore_descriptor *a = *(const struct fy_explore_descriptor *const *)left;
    const struct fy_explore_descriptor *b = *(const struct fy_explore_descriptor *const *)right;
    return (a->fd > b->fd) - (a->fd < b->fd);
}

static int list_descriptors(const struct fy_diff_side *side, const struct fy_explore_task *task, descriptor_list *list,
                            struct fy_error *err)
{
    const struct fy_explore_table *table =
        task && task->has_ids ? fy_explore_find_table(side->explore, task->table_id) : NULL;
    for (size_t i = 0; table && i < table->descriptor_count; i++)
        if (vector_push(list, err, &table->descriptors[i]) < 0)
            return -1;
    vector_sort(list, compare_numbers);
    return 0;
}

static bool differ(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

static unsigned compare_sockets(const struct fy_explore_socket *a, const struct fy_explore_socket *b)
{
    unsigned changes = 0;
    if (a->family != b->family || a->type != b->type || a->protocol != b->protocol || differ(a->local, b->local) ||
        differ(a->remote, b->remote))
        changes |= FY_DIFF_FILE;
    if (a->state != b->state || a->is_listening != b->is_listening || a->is_shut_read != b->is_shut_read ||
        a->is_shut_write != b->is_shut_write)
        changes |= FY_DIFF_STATE;
    return changes;
}

static unsigned compare_files(const struct fy_explore_file *a, const struct fy_explore_file *b)
{
    unsigned changes = 0;
    if (!a || !b)
        return a || b ? FY_DIFF_FILE : 0;
    if (differ(a->path, b->path))
        return FY_DIFF_FILE;
    if (a->socket && b->socket)
        changes = compare_sockets(a->socket, b->socket);
    if (a->has_position && b->has_position && a->position_bytes != b->position_bytes)
        changes |= FY_DIFF_POSITION;
    if (a->has_flags && b->has_flags && a->flags != b->flags)
        changes |= FY_DIFF_FLAGS;
    return changes;
}

static unsigned compare_pair(const struct fy_diff_side *side_a, const struct fy_explore_descriptor *a,
                             const struct fy_diff_side *side_b, const struct fy_explore_descriptor *b)
{
    if (a->file_type != b->file_type)
        return FY_DIFF_FILE;
    unsigned changes = compare_files(fy_explore_find_file(side_a->explore, a->file_type, a->file_id),
                                     fy_explore_find_file(side_b->explore, b->file_type, b->file_id));
    return a->close_on_exec == b->close_on_exec ? changes : changes | FY_DIFF_FLAGS;
}

static int pair_all(const struct fy_diff_side *a, const descriptor_list *list_a, const struct fy_diff_side *b,
                    const descriptor_list *list_b, diff_descriptors *rows, struct fy_error *err)
{
    for (size_t i = 0, j = 0; i < list_a->count || j < list_b->count;) {
        struct fy_diff_descriptor row = {.a = i < list_a->count ? list_a->items[i] : NULL,
                                         .b = j < list_b->count ? list_b->items[j] : NULL};
        if (row.a && row.b && row.a->fd != row.b->fd) {
            if (row.a->fd < row.b->fd)
                row.b = NULL;
            else
                row.a = NULL;
        }
        i += row.a != NULL;
        j += row.b != NULL;
        if (row.a && row.b)
            row.changes = compare_pair(a, row.a, b, row.b);
        if ((!row.a || !row.b || row.changes) && vector_push(rows, err, row) < 0)
            return -1;
    }
    return 0;
}

int fy_diff_descriptors(const struct fy_diff_side *a, const struct fy_explore_task *task_a,
                        const struct fy_diff_side *b, const struct fy_explore_task *task_b, diff_descriptors *rows,
                        struct fy_error *err)
{
    descriptor_list list_a = {0}, list_b = {0};
    int status = -1;
    if (list_descriptors(a, task_a, &list_a, err) == 0 && list_descriptors(b, task_b, &list_b, err) == 0)
        status = pair_all(a, &list_a, b, &list_b, rows, err);
    free(list_a.items);
    free(list_b.items);
    return status;
}
