/* The tasks as a tree, without recursion and whatever the parents say. */
#include "model.h"

#include <string.h>

struct child {
    uint32_t ppid;
    size_t task; /* index */
};

struct walk {
    const struct fy_explore *explore;
    struct child *children; /* by parent, then in the order of the image */
    uint32_t *pids;         /* sorted */
    bool *seen;
    size_t *stack;
    unsigned *stack_depths;
    size_t *out;
    unsigned *out_depths;
    size_t out_count;
};

static int compare_children(const void *left, const void *right)
{
    const struct child *a = left, *b = right;

    if (a->ppid != b->ppid)
        return a->ppid < b->ppid ? -1 : 1;
    return (a->task > b->task) - (a->task < b->task);
}

static int compare_numbers(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

/* Puts the children of `pid` on the stack, the last one first. */
static size_t push_children(struct walk *walk, size_t depth_of_stack, uint32_t pid, unsigned depth)
{
    size_t count = walk->explore->tasks.count, low = 0, high = count, end;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (walk->children[middle].ppid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    for (end = low; end < count && walk->children[end].ppid == pid;)
        end++;
    while (end-- > low) {
        size_t task = walk->children[end].task;
        if (walk->seen[task])
            continue;
        walk->seen[task] = true;
        walk->stack[depth_of_stack] = task;
        walk->stack_depths[depth_of_stack++] = depth;
    }
    return depth_of_stack;
}

static void walk_from(struct walk *walk, size_t root)
{
    size_t used = 1;

    if (walk->seen[root])
        return;
    walk->seen[root] = true;
    walk->stack[0] = root;
    walk->stack_depths[0] = 0;
    while (used > 0) {
        size_t task = walk->stack[--used];
        unsigned depth = walk->stack_depths[used];
        walk->out[walk->out_count] = task;
        walk->out_depths[walk->out_count++] = depth;
        used = push_children(walk, used, walk->explore->tasks.items[task].pid, depth + 1);
    }
}

static bool is_root(const struct walk *walk, const struct fy_explore_task *task)
{
    return task->ppid == 0 ||
           !bsearch(&task->ppid, walk->pids, walk->explore->tasks.count, sizeof(*walk->pids), compare_numbers);
}

static void walk_all(struct walk *walk)
{
    const struct fy_explore *explore = walk->explore;

    for (size_t i = 0; i < explore->tasks.count; i++) {
        walk->children[i] = (struct child){explore->tasks.items[i].ppid, i};
        walk->pids[i] = explore->tasks.items[i].pid;
    }
    qsort(walk->children, explore->tasks.count, sizeof(*walk->children), compare_children);
    qsort(walk->pids, explore->tasks.count, sizeof(*walk->pids), compare_numbers);
    for (size_t i = 0; i < explore->tasks.count; i++)
        if (is_root(walk, &explore->tasks.items[i]))
            walk_from(walk, i);
    /* What is left are circles. */
    for (size_t i = 0; i < explore->tasks.count; i++)
        walk_from(walk, i);
}

int fy_explore_tree(const struct fy_explore *explore, size_t *tasks, unsigned *depths, struct fy_error *err)
{
    size_t count = explore->tasks.count;
    struct walk walk = {.explore = explore, .out = tasks, .out_depths = depths};
    int result = 0;

    if (count == 0)
        return 0;
    walk.children = calloc(count, sizeof(*walk.children));
    walk.pids = calloc(count, sizeof(*walk.pids));
    walk.seen = calloc(count, sizeof(*walk.seen));
    walk.stack = calloc(count, sizeof(*walk.stack));
    walk.stack_depths = calloc(count, sizeof(*walk.stack_depths));
    if (walk.children && walk.pids && walk.seen && walk.stack && walk.stack_depths)
        walk_all(&walk);
    else
        result = fy_error_set(err, FY_E_NOMEM, "no memory for %zu tasks", count);
    free(walk.children);
    free(walk.pids);
    free(walk.seen);
    free(walk.stack);
    free(walk.stack_depths);
    return result;
}
