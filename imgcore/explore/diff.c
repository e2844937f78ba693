/* Comparing two sets: task by task, then shared memory. */
#include "diff_parts.h"

#include <ferry/base/cleanup.h>
#include <string.h>

#define COMMAND_MAX_BYTES 4096

/* ---- tasks ---- */

static char *command_of(const struct fy_diff_side *side, const struct fy_explore_task *task)
{
    struct fy_buf text;
    char *command = NULL;
    fy_buf_init(&text, 0);
    if (task && fy_explore_command_line(side->explore, task, COMMAND_MAX_BYTES, &text, NULL) > 0) {
        for (size_t i = 0; i + 1 < text.size; i++)
            if (text.data[i] == '\0')
                text.data[i] = ' ';
        command = fy_buf_take_string(&text);
    }
    fy_buf_done(&text);
    return command;
}

static bool differ(const char *a, const char *b)
{
    return a && b && strcmp(a, b) != 0;
}

static unsigned compare_task(const struct fy_diff_task *task)
{
    const struct fy_explore_task *a = task->a, *b = task->b;
    unsigned changes = 0;
    if (!a || !b)
        return 0;
    if (a->state != b->state && a->state != FY_TASK_NOT_KNOWN && b->state != FY_TASK_NOT_KNOWN)
        changes |= FY_DIFF_STATE;
    if (differ(a->comm, b->comm) || differ(task->command_a, task->command_b))
        changes |= FY_DIFF_COMMAND;
    if (a->ppid != b->ppid && a->state != FY_TASK_NOT_KNOWN && b->state != FY_TASK_NOT_KNOWN)
        changes |= FY_DIFF_PARENT;
    if (a->thread_count != b->thread_count && a->thread_count && b->thread_count)
        changes |= FY_DIFF_THREADS;
    return changes;
}

int fy_diff_open_memory(const struct fy_diff_side *side, char name, const struct fy_memory_id *id,
                        struct fy_memory **memory, struct fy_error *err)
{
    struct fy_error trouble = FY_ERROR_INIT;
    *memory = NULL;
    if (fy_memory_open(side->dir_fd, id, memory, &trouble) == 0 || trouble.code == FY_E_NOT_FOUND)
        return 0;
    fy_error_propagate(err, &trouble);
    return fy_error_wrap(err, "%c", name);
}

static uint64_t stored_bytes(const struct fy_memory *memory)
{
    uint64_t pages = 0;
    for (size_t i = 0; memory && i < fy_memory_run_count(memory); i++)
        if (fy_memory_run(memory, i)->kind == FY_MEMORY_STORED)
            pages += fy_memory_run(memory, i)->pages;
    return memory ? pages * fy_memory_page_bytes(memory) : 0;
}

static int compare_memory(const struct fy_diff_side *a, const struct fy_diff_side *b, const diff_mappings *rows,
                          struct fy_diff_task *task, struct fy_error *err)
{
    FY_AUTO_FREE struct page_area *areas_a = NULL;
    FY_AUTO_FREE struct page_area *areas_b = NULL;
    struct page_side side_a = {0}, side_b = {0};
    struct fy_memory *memory_a = NULL, *memory_b = NULL;
    const struct fy_memory_id id = {.id = task->pid};
    int status = -1;
    if (fy_diff_areas(rows, false, &areas_a, &side_a.area_count, err) == 0 &&
        fy_diff_areas(rows, true, &areas_b, &side_b.area_count, err) == 0 &&
        fy_diff_open_memory(a, 'A', &id, &memory_a, err) == 0 &&
        fy_diff_open_memory(b, 'B', &id, &memory_b, err) == 0) {
        side_a.memory = memory_a;
        side_a.areas = areas_a;
        side_b.memory = memory_b;
        side_b.areas = areas_b;
        status = fy_diff_pages_compare(&side_a, &side_b, &task->pages, &task->page_bytes, err);
    }
    fy_memory_free(memory_a);
    fy_memory_free(memory_b);
    return status;
}

/* A zombie has neither mappings nor descriptors; of other tasks the images may be missing. */
static bool is_zombie(const struct fy_explore_task *task)
{
    return task->state == FY_TASK_ZOMBIE;
}

static bool knows_mappings(const struct fy_explore_task *task)
{
    return !task || task->has_mm || is_zombie(task);
}

static bool knows_descriptors(const struct fy_explore_task *task)
{
    return task && (task->has_ids || is_zombie(task));
}

/* What is made so far is in `task` also on failure. */
static int fill_task(const struct fy_diff_side *a, const struct fy_diff_side *b, struct fy_diff_task *task,
                     struct fy_error *err)
{
    diff_mappings mappings = {0};
    diff_descriptors descriptors = {0};
    task->command_a = command_of(a, task->a);
    task->command_b = command_of(b, task->b);
    task->changes = compare_task(task);
    task->mappings_compared = knows_mappings(task->a) && knows_mappings(task->b);
    task->descriptors_compared = knows_descriptors(task->a) && knows_descriptors(task->b);
    int status = fy_diff_mappings(a, task->a, b, task->b, &mappings, err);
    if (status == 0 && task->descriptors_compared)
        status = fy_diff_descriptors(a, task->a, b, task->b, &descriptors, err);
    if (status == 0)
        status = compare_memory(a, b, &mappings, task, err);
    task->mappings = mappings.items;
    task->mapping_count = mappings.count;
    task->descriptors = descriptors.items;
    task->descriptor_count = descriptors.count;
    return status;
}

/* ---- all tasks ---- */

typedef VECTOR(struct fy_diff_task) diff_tasks;
typedef VECTOR(const struct fy_explore_task *) task_list;

static int compare_pids(const void *left, const void *right)
{
    const struct fy_explore_task *a = *(const struct fy_explore_task *const *)left;
    const struct fy_explore_task *b = *(const struct fy_explore_task *const *)right;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

/* By pid; of tasks with the same one, which no whole set has, the first. */
static int list_tasks(const struct fy_explore *explore, task_list *list, struct fy_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < fy_explore_task_count(explore); i++)
        if (vector_push(list, err, fy_explore_task(explore, i)) < 0)
            return -1;
    vector_sort(list, compare_pids);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || list->items[i]->pid != list->items[kept - 1]->pid)
            list->items[kept++] = list->items[i];
    list->count = kept;
    return 0;
}

static int pair_tasks(const task_list *list_a, const task_list *list_b, diff_tasks *tasks, struct fy_error *err)
{
    for (size_t i = 0, j = 0; i < list_a->count || j < list_b->count;) {
        struct fy_diff_task task = {.a = i < list_a->count ? list_a->items[i] : NULL,
                                    .b = j < list_b->count ? list_b->items[j] : NULL};
        if (task.a && task.b && task.a->pid != task.b->pid) {
            if (task.a->pid < task.b->pid)
                task.b = NULL;
            else
                task.a = NULL;
        }
        task.pid = task.a ? task.a->pid : task.b->pid;
        i += task.a != NULL;
        j += task.b != NULL;
        if (vector_push(tasks, err, task) < 0)
            return -1;
    }
    return 0;
}

static int make_tasks(const struct fy_diff_side *a, const struct fy_diff_side *b, diff_tasks *tasks,
                      struct fy_error *err)
{
    task_list list_a = {0}, list_b = {0};
    int status = -1;
    if (list_tasks(a->explore, &list_a, err) == 0 && list_tasks(b->explore, &list_b, err) == 0)
        status = pair_tasks(&list_a, &list_b, tasks, err);
    free(list_a.items);
    free(list_b.items);
    for (size_t i = 0; status == 0 && i < tasks->count; i++)
        status = fill_task(a, b, &tasks->items[i], err);
    return status;
}

/* ---- totals ---- */

static void add_up(struct fy_diff *diff, const struct fy_diff_pages *pages, uint32_t page_bytes)
{
    fy_diff_pages_add(&diff->pages, pages);
    diff->send_bytes += (pages->changed + pages->only_b) * page_bytes;
}

static int sum_stored(const struct fy_diff_side *b, struct fy_diff *diff, struct fy_error *err)
{
    size_t count = 0;
    FY_AUTO_FREE struct fy_memory_id *ids = NULL;
    if (fy_memory_list(b->dir_fd, &ids, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct fy_memory *memory = NULL;
        if (fy_diff_open_memory(b, 'B', &ids[i], &memory, err) < 0)
            return -1;
        diff->stored_bytes_b += stored_bytes(memory);
        fy_memory_free(memory);
    }
    return 0;
}

int fy_diff_make(const struct fy_diff_side *a, const struct fy_diff_side *b, struct fy_diff *diff, struct fy_error *err)
{
    struct fy_diff made = {0};
    diff_tasks tasks = {0};
    diff_shared shared = {0};
    int status = make_tasks(a, b, &tasks, err);
    if (status == 0)
        status = fy_diff_shared(a, b, &shared, err);
    made.tasks = tasks.items;
    made.task_count = tasks.count;
    made.shared = shared.items;
    made.shared_count = shared.count;
    if (status == 0)
        status = sum_stored(b, &made, err);
    if (status < 0) {
        fy_diff_done(&made);
        return -1;
    }
    for (size_t i = 0; i < made.task_count; i++)
        add_up(&made, &made.tasks[i].pages, made.tasks[i].page_bytes);
    for (size_t i = 0; i < made.shared_count; i++)
        add_up(&made, &made.shared[i].pages, made.shared[i].page_bytes);
    *diff = made;
    return 0;
}

void fy_diff_done(struct fy_diff *diff)
{
    for (size_t i = 0; i < diff->task_count; i++) {
        free(diff->tasks[i].command_a);
        free(diff->tasks[i].command_b);
        free(diff->tasks[i].descriptors);
        free(diff->tasks[i].mappings);
    }
    free(diff->tasks);
    free(diff->shared);
    *diff = (struct fy_diff){0};
}

bool fy_diff_pages_differ(const struct fy_diff_pages *pages)
{
    return pages->changed || pages->zeroed || pages->only_a || pages->only_b || pages->unknown;
}

bool fy_diff_task_differs(const struct fy_diff_task *task)
{
    if (!task->a || !task->b || task->changes || task->descriptor_count || fy_diff_pages_differ(&task->pages))
        return true;
    for (size_t i = 0; task->mappings_compared && i < task->mapping_count; i++)
        if (!task->mappings[i].a || !task->mappings[i].b || task->mappings[i].changes)
            return true;
    return false;
}
