/* The rhythm of looking at what is kept. */
#include <ferry/schedule/retention.h>

#include <string.h>

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

/* Whether it is the one of its workload that would be rehearsed: the newest that may be. */
static bool is_newest(const struct fy_proof *list, size_t count, size_t index)
{
    for (size_t i = 0; i < count; i++) {
        if (i == index || list[i].skip || strcmp(list[i].workload, list[index].workload) != 0)
            continue;
        if (list[i].taken_s > list[index].taken_s || (list[i].taken_s == list[index].taken_s && i > index))
            return false;
    }
    return !list[index].skip;
}

/* The last rehearsal of any of the workload's, or 0. */
static int64_t last_of_workload(const struct fy_proof *list, size_t count, const char *workload, int64_t now_s)
{
    int64_t last_s = 0;
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(list[i].workload, workload) && list[i].last_s <= now_s && list[i].last_s > last_s)
            last_s = list[i].last_s;
    }
    return last_s;
}

size_t fy_proof_rehearse_next(const struct fy_proof *list, size_t count, int64_t every_s, int64_t now_s,
                              int64_t *wake_s)
{
    size_t best = SIZE_MAX;
    int64_t best_s = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (!is_newest(list, count, i))
            continue;
        int64_t last_s = last_of_workload(list, count, list[i].workload, now_s);
        int64_t due = last_s ? last_s + every_s : list[i].taken_s; /* the first one soon: nothing is proven yet */
        if (due < best_s) {
            best = i;
            best_s = due;
        }
    }
    return choose(best, best_s, now_s, wake_s);
}
