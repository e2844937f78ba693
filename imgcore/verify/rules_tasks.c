/* Rules about tasks: the tree is one, every number is used once, and every task and thread has all of its images. */
#include "set.h"
#include <inttypes.h>

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

struct numbers {
    VECTOR(uint32_t) list;
};

/* NULL when it has none. */
static const uint32_t *threads_of(const struct fy_set *set, const struct set_task *task)
{
    return task->thread_count > 0 ? &set->threads.items[task->first_thread] : NULL;
}

/* Pids and tids are one name space. What a zombie says about its threads is garbage. */
static int gather_numbers(const struct fy_set *set, struct numbers *numbers, struct fy_error *err)
{
    for (size_t i = 0; i < set->tasks.count; i++) {
        const struct set_task *task = &set->tasks.items[i];
        const uint32_t *threads = threads_of(set, task);
        if (vector_push(&numbers->list, err, task->pid) < 0)
            return -1;
        for (size_t j = 1; j < task->thread_count && !fy_set_is_zombie(set, task); j++)
            if (vector_push(&numbers->list, err, threads[j]) < 0)
                return -1;
    }
    vector_sort(&numbers->list, compare_numbers);
    return 0;
}

static void check_unique(const struct fy_set *set, const struct numbers *numbers)
{
    for (size_t i = 1; i < numbers->list.count; i++)
        if (numbers->list.items[i] == numbers->list.items[i - 1])
            fy_set_report(set, FY_FINDING_PID_TWICE, "pstree.img", "two tasks or threads have the number %" PRIu32,
                          numbers->list.items[i]);
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

    if (!sorted)
        return fy_error_set(err, FY_E_NOMEM, "no memory for %zu tasks", count);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &set->tasks.items[i];
    qsort(sorted, count, sizeof(const struct set_task *), compare_tasks);
    for (size_t i = 1; i < count; i++) {
        const struct set_task *task = &set->tasks.items[i];
        struct set_task parent = {.pid = task->ppid};
        const struct set_task *key = &parent;
        const struct set_task **found = bsearch(&key, sorted, count, sizeof(const struct set_task *), compare_tasks);
        if (!found || *found >= task)
            fy_set_report_entry(set, FY_FINDING_PARENT_TASK, "pstree.img", i,
                                "task %" PRIu32 " has the parent %" PRIu32 ", which is not before it", task->pid,
                                task->ppid);
    }
    free(sorted);
    return 0;
}

static void report_missing(const struct fy_set *set, enum fy_finding_id id, enum fy_image_kind kind, uint32_t pid,
                           uint32_t tid)
{
    char name[64];

    fy_set_image_name(kind, tid, name);
    if (pid == tid)
        fy_set_report(set, id, name, "is missing: task %" PRIu32 " has none", pid);
    else
        fy_set_report(set, id, name, "is missing: thread %" PRIu32 " of task %" PRIu32 " has none", tid, pid);
}

static void check_thread(const struct fy_set *set, uint32_t pid, uint32_t tid)
{
    const struct set_core *core = fy_set_find_core(set, tid);

    if (core && !core->has_thread_core)
        fy_set_report(set, FY_FINDING_CORE_THREAD, core->file->name,
                      "says nothing of the thread (thread_core is missing)");
    if (core && core->has_task_core && tid != pid)
        fy_set_report(set, FY_FINDING_THREAD_TASK, core->file->name,
                      "says what is of the whole task, but is of thread %" PRIu32 " of task %" PRIu32, tid, pid);
    if (!core && !fy_set_find_image(set, FY_IMAGE_CORE, tid))
        report_missing(set, FY_FINDING_CORE_MISSING, FY_IMAGE_CORE, pid, tid);
}

static void check_threads(const struct fy_set *set, const struct set_task *task)
{
    const uint32_t *threads = threads_of(set, task);

    if (task->thread_count == 0 || threads[0] != task->pid)
        fy_set_report_entry(set, FY_FINDING_THREADS, "pstree.img", (uint64_t)(task - set->tasks.items),
                            "the threads of task %" PRIu32 " do not begin with itself", task->pid);
    for (size_t i = 0; i < task->thread_count; i++)
        check_thread(set, task->pid, threads[i]);
}

static void check_live_task(const struct fy_set *set, const struct set_task *task)
{
    static const struct {
        enum fy_image_kind kind;
        enum fy_finding_id id;
    } needed[] = {
        {FY_IMAGE_IDS, FY_FINDING_IDS_MISSING},
        {FY_IMAGE_MM, FY_FINDING_MM_MISSING},
        {FY_IMAGE_FS, FY_FINDING_FS_MISSING},
        {FY_IMAGE_PAGEMAP, FY_FINDING_PAGEMAP_MISSING},
    };

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!fy_set_find_image(set, needed[i].kind, task->pid))
            report_missing(set, needed[i].id, needed[i].kind, task->pid, task->pid);
    check_threads(set, task);
}

/* Of a task whose core is missing or damaged nothing is known: it may be a zombie, which has no other images. */
static void check_task(const struct fy_set *set, const struct set_task *task)
{
    const struct set_core *core = fy_set_find_core(set, task->pid);

    if (!core) {
        if (!fy_set_find_image(set, FY_IMAGE_CORE, task->pid))
            report_missing(set, FY_FINDING_CORE_MISSING, FY_IMAGE_CORE, task->pid, task->pid);
        return;
    }
    if (core->task_state == TASK_NOT_STATED)
        fy_set_report(set, FY_FINDING_CORE_TASK, core->file->name, "says nothing of the task (tc is missing)");
    else if (core->task_state > TASK_STOPPED)
        fy_set_report(set, FY_FINDING_TASK_STATE, core->file->name,
                      "has the task state %" PRIu32 ", which is none of alive, dead and stopped", core->task_state);
    if (core->task_state != TASK_ZOMBIE)
        check_live_task(set, task);
}

static int check_tree(const struct fy_set *set, struct fy_error *err)
{
    struct numbers numbers = {0};
    int result = gather_numbers(set, &numbers, err);

    if (result == 0)
        check_unique(set, &numbers);
    free(numbers.list.items);
    return result < 0 ? -1 : check_parents(set, err);
}

int fy_rules_tasks(struct fy_set *set, struct fy_error *err)
{
    if (set->tasks.count == 0) {
        /* Without an inventory, it is the dump that did not get so far. */
        if (fy_set_is_whole(set, FY_IMAGE_PSTREE) && fy_set_find_image(set, FY_IMAGE_INVENTORY, 0))
            fy_set_report(set, FY_FINDING_PSTREE_MISSING, "pstree.img", "is missing or has no tasks");
        return 0;
    }
    if (set->tasks.items[0].ppid != 0)
        fy_set_report_entry(set, FY_FINDING_PSTREE_ROOT, "pstree.img", 0, "the first task is not the root of the tree");
    for (size_t i = 0; i < set->tasks.count; i++)
        check_task(set, &set->tasks.items[i]);
    return check_tree(set, err);
}
