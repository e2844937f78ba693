/* Rules about tasks: the tree is one, every number is used once, and every task and thread has all of its images. */
#include "set.h"
#include <inttypes.h>
#include <string.h>

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

struct numbers {
    VECTOR(uint32_t) list;
};

/* Pids and tids are one name space. What a zombie says about its threads is garbage. */
static int gather_numbers(const struct fy_set *set, struct numbers *numbers, struct fy_error *err)
{
    for (size_t i = 0; i < set->tasks.count; i++) {
        const struct set_task *task = &set->tasks.items[i];
        const uint32_t *threads = set->threads.items + task->first_thread;
        if (vector_push(&numbers->list, err, task->pid) < 0)
            return -1;
        for (size_t j = 1; j < task->thread_count && !fy_set_is_zombie(set, task); j++)
            if (vector_push(&numbers->list, err, threads[j]) < 0)
                return -1;
    }
    vector_sort(&numbers->list, compare_numbers);
    return 0;
}

static int check_unique(const struct numbers *numbers, struct fy_error *err)
{
    for (size_t i = 1; i < numbers->list.count; i++)
        if (numbers->list.items[i] == numbers->list.items[i - 1])
            return fy_set_fault(err, NEXT_COPY_OR_DUMP, "pstree.img", "two tasks or threads have the number %" PRIu32,
                                numbers->list.items[i]);
    return 0;
}

static int compare_tasks(const void *left, const void *right)
{
    const struct set_task *a = *(const struct set_task *const *)left, *b = *(const struct set_task *const *)right;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

/* Parents stand before their children, and only the first task has none. */
static int check_parents(const struct fy_set *set, struct fy_error *err)
{
    size_t count = set->tasks.count;
    const struct set_task **sorted = calloc(count, sizeof(const struct set_task *));
    int result = 0;

    if (!sorted)
        return fy_error_set(err, FY_E_NOMEM, "no memory for %zu tasks", count);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &set->tasks.items[i];
    qsort(sorted, count, sizeof(const struct set_task *), compare_tasks);
    for (size_t i = 1; i < count && result == 0; i++) {
        const struct set_task *task = &set->tasks.items[i];
        struct set_task parent = {.pid = task->ppid};
        const struct set_task *key = &parent;
        const struct set_task **found = bsearch(&key, sorted, count, sizeof(const struct set_task *), compare_tasks);
        if (!found || *found >= task)
            result = fy_set_fault(err, NEXT_COPY_OR_DUMP, "pstree.img",
                                  "task %" PRIu32 " has the parent %" PRIu32 ", which is not before it", task->pid,
                                  task->ppid);
    }
    free(sorted);
    return result;
}

static int check_image(const struct fy_set *set, enum fy_image_kind kind, uint32_t pid, struct fy_error *err)
{
    const struct fy_image_type *type = fy_catalogue_get(kind);

    if (fy_set_find_image(set, kind, pid))
        return 0;
    return fy_set_fault(err, NEXT_COPY_OR_DUMP, "pstree.img", "task %" PRIu32 " has no %.*s-%" PRIu32 ".img", pid,
                        (int)(strchr(type->pattern, '-') - type->pattern), type->pattern, pid);
}

static int check_thread(const struct fy_set *set, uint32_t pid, uint32_t tid, struct fy_error *err)
{
    const struct set_core *core = fy_set_find_core(set, tid);

    if (!core)
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, "pstree.img",
                            "thread %" PRIu32 " of task %" PRIu32 " has no core-%" PRIu32 ".img", tid, pid, tid);
    if (!core->has_thread_core)
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, core->file->name,
                            "says nothing of the thread (thread_core is missing)");
    return 0;
}

static int check_threads(const struct fy_set *set, const struct set_task *task, struct fy_error *err)
{
    const uint32_t *threads = set->threads.items + task->first_thread;

    if (task->thread_count == 0 || threads[0] != task->pid)
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, "pstree.img",
                            "the threads of task %" PRIu32 " do not begin with itself", task->pid);
    for (size_t i = 0; i < task->thread_count; i++)
        if (check_thread(set, task->pid, threads[i], err) < 0)
            return -1;
    return 0;
}

static int check_task(const struct fy_set *set, const struct set_task *task, struct fy_error *err)
{
    static const enum fy_image_kind needed[] = {FY_IMAGE_IDS, FY_IMAGE_MM, FY_IMAGE_FS, FY_IMAGE_PAGEMAP};
    const struct set_core *core = fy_set_find_core(set, task->pid);

    if (!core)
        return check_image(set, FY_IMAGE_CORE, task->pid, err);
    if (core->task_state < TASK_ALIVE || core->task_state > TASK_STOPPED)
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, core->file->name,
                            core->task_state == TASK_NOT_STATED
                                ? "says nothing of the task (tc is missing)"
                                : "has a task state that is none of alive, dead and stopped");
    if (core->task_state == TASK_ZOMBIE)
        return 0;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (check_image(set, needed[i], task->pid, err) < 0)
            return -1;
    return check_threads(set, task, err);
}

int fy_rules_tasks(struct fy_set *set, struct fy_error *err)
{
    struct numbers numbers = {0};
    int result;

    if (set->tasks.count == 0)
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, "pstree.img", "is missing or has no tasks");
    if (set->tasks.items[0].ppid != 0)
        return fy_set_fault(err, NEXT_COPY_OR_DUMP, "pstree.img", "the first task is not the root of the tree");
    for (size_t i = 0; i < set->tasks.count; i++)
        if (check_task(set, &set->tasks.items[i], err) < 0)
            return -1;
    result = gather_numbers(set, &numbers, err);
    if (result == 0)
        result = check_unique(&numbers, err);
    free(numbers.list.items);
    return result < 0 ? -1 : check_parents(set, err);
}
