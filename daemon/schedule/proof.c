/* The rhythm of looking at what is kept. */
#include <ferry/base/cleanup.h>
#include <ferry/schedule/retention.h>

#include <string.h>

#define NO_MEMORY_S 60 /* until it is tried again */

/* A look from the future says that the clock had been wrong: it counts as none. */
static int64_t due_s(const struct fy_proof *proof, int64_t every_s, int64_t now_s)
{
    return proof->last_s && proof->last_s <= now_s ? proof->last_s + every_s : proof->taken_s + every_s;
}

static size_t choose(size_t best, int64_t best_s, int64_t now_s, int64_t *wake_s)
{
    *wake_s = best_s;
    return best_s <= now_s ? best : SIZE_MAX;
}

size_t fy_proof_verify_next(const struct fy_proof *list, size_t count, int64_t every_s, int64_t now_s, int64_t *wake_s)
{
    size_t best = SIZE_MAX;
    int64_t best_s = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        int64_t due = due_s(&list[i], every_s, now_s);
        if (list[i].skip || due >= best_s)
            continue;
        best = i;
        best_s = due;
    }
    return choose(best, best_s, now_s, wake_s);
}

/* By workload, and of each the newest first. */
static int by_workload(const void *left, const void *right, void *list)
{
    size_t one = *(const size_t *)left, other = *(const size_t *)right;
    const struct fy_proof *a = (const struct fy_proof *)list + one, *b = (const struct fy_proof *)list + other;
    int order = strcmp(a->workload, b->workload);
    if (order)
        return order;
    if (a->taken_s != b->taken_s)
        return a->taken_s > b->taken_s ? -1 : 1;
    return one > other ? -1 : 1;
}

/* One workload's, [begin, end) of `order`: the newest that may be, SIZE_MAX: none, and when it is due. */
static size_t of_workload(const struct fy_proof *list, const size_t *order, size_t begin, size_t end, int64_t every_s,
                          int64_t now_s, int64_t *due)
{
    size_t newest = SIZE_MAX;
    int64_t last_s = 0;
    for (size_t place = begin; place < end; place++) {
        const struct fy_proof *proof = &list[order[place]];
        if (newest == SIZE_MAX && !proof->skip)
            newest = order[place];
        if (proof->last_s <= now_s && proof->last_s > last_s)
            last_s = proof->last_s;
    }
    if (newest != SIZE_MAX) /* the first one soon: nothing is proven yet */
        *due = last_s ? last_s + every_s : list[newest].taken_s;
    return newest;
}

size_t fy_proof_rehearse_next(const struct fy_proof *list, size_t count, int64_t every_s, int64_t now_s,
                              int64_t *wake_s)
{
    size_t best = SIZE_MAX;
    int64_t best_s = INT64_MAX, due = 0;
    FY_AUTO_FREE size_t *order = calloc(count + 1, sizeof *order);
    if (!order)
        return choose(SIZE_MAX, now_s + NO_MEMORY_S, now_s, wake_s);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, by_workload, (void *)list);
    for (size_t begin = 0, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && !strcmp(list[order[begin]].workload, list[order[end]].workload);)
            end++;
        size_t newest = of_workload(list, order, begin, end, every_s, now_s, &due);
        if (newest != SIZE_MAX && (due < best_s || (due == best_s && newest < best))) {
            best = newest;
            best_s = due;
        }
    }
    return choose(best, best_s, now_s, wake_s);
}
