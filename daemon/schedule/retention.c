/* The rules of retention.h: protection first, then the counting rules workload by workload, then the limits. */
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <ferry/config/quantity.h>
#include <ferry/schedule/retention.h>

#include <stdarg.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400
#define SECOND_US 1000000

struct decision {
    const struct fy_keep *keep;
    const struct fy_zone *zone;
    const struct fy_kept *list;
    size_t count;
    size_t *order; /* indexes into `list`: by workload, the newest first */
    size_t *oldest_first;
    bool *is_protected;
    struct fy_verdict *verdicts;
};

__attribute__((format(printf, 4, 5))) static void judge(struct decision *decision, size_t index, bool remove,
                                                        const char *format, ...)
{
    struct fy_verdict *verdict = &decision->verdicts[index];
    va_list args;
    va_start(args, format);
    verdict->remove = remove;
    (void)vsnprintf(verdict->why, sizeof verdict->why, format, args);
    va_end(args);
}

/* ---- order ---- */

static int by_age(const struct fy_kept *a, const struct fy_kept *b)
{
    if (a->taken_us != b->taken_us)
        return a->taken_us < b->taken_us ? -1 : 1;
    return strcmp(a->id, b->id);
}

static int oldest_first(const void *left, const void *right, void *list)
{
    return by_age((const struct fy_kept *)list + *(const size_t *)left,
                  (const struct fy_kept *)list + *(const size_t *)right);
}

static int by_workload(const void *left, const void *right, void *list)
{
    const struct fy_kept *a = (const struct fy_kept *)list + *(const size_t *)left;
    const struct fy_kept *b = (const struct fy_kept *)list + *(const size_t *)right;
    int order = strcmp(a->workload, b->workload);
    return order ? order : by_age(b, a);
}

static bool same_workload(const struct decision *decision, size_t place, size_t other)
{
    return !strcmp(decision->list[decision->order[place]].workload, decision->list[decision->order[other]].workload);
}

/* ---- protection ---- */

/* One workload's, the newest first: [begin, end) of `order`. */
static void protect(struct decision *decision, size_t begin, size_t end)
{
    bool verified = false, proven = false;
    for (size_t place = begin; place < end; place++) {
        size_t index = decision->order[place];
        const struct fy_kept *kept = &decision->list[index];
        bool last_verified = kept->verified && !verified, last_proven = kept->proven && !proven;
        verified = verified || kept->verified;
        proven = proven || kept->proven;
        decision->is_protected[index] = kept->pinned || kept->in_use || last_verified || last_proven;
        if (kept->pinned)
            judge(decision, index, false, "pinned");
        else if (kept->in_use)
            judge(decision, index, false, "in use");
        else if (last_verified)
            judge(decision, index, false, "the last verified one of %.80s", kept->workload);
        else if (last_proven)
            judge(decision, index, false, "the last proven restorable one of %.70s", kept->workload);
    }
}

/* ---- counting rules ---- */

static int64_t hour_of(int64_t local_s)
{
    return local_s / 3600;
}

static int64_t day_of(int64_t local_s)
{
    return local_s / DAY_S;
}

static int64_t week_of(int64_t local_s)
{
    return (local_s / DAY_S + 3) / 7; /* 1970-01-01 was a Thursday */
}

static int64_t month_of(int64_t local_s)
{
    time_t time = local_s;
    struct tm date;
    (void)gmtime_r(&time, &date);
    return (int64_t)date.tm_year * 12 + date.tm_mon;
}

static const struct {
    const char *name;
    int64_t (*bucket)(int64_t local_s);
    size_t limit; /* offset in struct fy_keep */
} buckets[] = {
    {"hour", hour_of, offsetof(struct fy_keep, hourly)},
    {"day", day_of, offsetof(struct fy_keep, daily)},
    {"week", week_of, offsetof(struct fy_keep, weekly)},
    {"month", month_of, offsetof(struct fy_keep, monthly)},
};

static uint32_t limit_of(const struct fy_keep *keep, size_t rule)
{
    return *(const uint32_t *)(const void *)((const char *)keep + buckets[rule].limit);
}

static bool counts(const struct fy_keep *keep)
{
    return keep->last || keep->hourly || keep->daily || keep->weekly || keep->monthly;
}

/* How far one workload's list has used up each rule. */
struct used {
    uint32_t count[FY_ARRAY_SIZE(buckets)];
    int64_t bucket[FY_ARRAY_SIZE(buckets)];
};

/* The first rule that keeps it speaks, but all of them count it. */
static bool keep_by_bucket(struct decision *decision, size_t index, struct used *used)
{
    bool kept = false;
    int64_t local_s = fy_zone_local_s(decision->zone, decision->list[index].taken_us / SECOND_US);
    for (size_t rule = 0; rule < FY_ARRAY_SIZE(buckets); rule++) {
        int64_t bucket = buckets[rule].bucket(local_s);
        uint32_t limit = limit_of(decision->keep, rule);
        if (used->count[rule] == limit || (used->count[rule] && bucket == used->bucket[rule]))
            continue;
        used->count[rule]++;
        used->bucket[rule] = bucket;
        if (!kept && !decision->is_protected[index])
            judge(decision, index, false, "newest of its %s (%u of %u)", buckets[rule].name, used->count[rule], limit);
        kept = true;
    }
    return kept;
}

static void count_rules(struct decision *decision, size_t begin, size_t end)
{
    struct used used = {0};
    for (size_t place = begin; place < end; place++) {
        size_t index = decision->order[place];
        bool by_count = place - begin < decision->keep->last;
        bool kept = keep_by_bucket(decision, index, &used) || by_count;
        if (decision->is_protected[index])
            continue;
        if (by_count)
            judge(decision, index, false, "one of the last %u", decision->keep->last);
        else if (!counts(decision->keep))
            judge(decision, index, false, "no rule counts");
        else if (!kept)
            judge(decision, index, true, "no rule keeps it");
    }
}

static void each_workload(struct decision *decision, void (*apply)(struct decision *decision, size_t begin, size_t end))
{
    for (size_t begin = 0, end; begin < decision->count; begin = end) {
        for (end = begin + 1; end < decision->count && same_workload(decision, begin, end);)
            end++;
        apply(decision, begin, end);
    }
}

/* ---- limits ---- */

static void limit_age(struct decision *decision, int64_t now_s)
{
    uint64_t max_ms = decision->keep->max_age_ms;
    char age[FY_DURATION_TEXT_SIZE];
    fy_duration_format(max_ms, age);
    for (size_t i = 0; i < decision->count && max_ms; i++) {
        int64_t old_s = now_s - decision->list[i].taken_us / SECOND_US;
        if (!decision->is_protected[i] && !decision->verdicts[i].remove && old_s > (int64_t)(max_ms / 1000))
            judge(decision, i, true, "older than %s", age);
    }
}

/* Takes the oldest that may go; its bytes, or 0 with *none set. */
static uint64_t take_oldest(struct decision *decision, const char *why, bool *none)
{
    for (size_t i = 0; i < decision->count; i++) {
        size_t index = decision->oldest_first[i];
        if (decision->is_protected[index] || decision->verdicts[index].remove)
            continue;
        judge(decision, index, true, "%s", why);
        return decision->list[index].real_bytes;
    }
    *none = true;
    return 0;
}

static void limit_size(struct decision *decision)
{
    uint64_t limit = decision->keep->max_size_bytes, total = 0;
    char why[FY_VERDICT_SIZE], limit_text[FY_TEXT_SIZE];
    bool none = false;
    fy_text_bytes(limit, limit_text);
    (void)snprintf(why, sizeof why, "all together take more than %s", limit_text);
    for (size_t i = 0; i < decision->count; i++)
        total += decision->verdicts[i].remove ? 0 : decision->list[i].real_bytes;
    while (limit && total > limit && !none)
        total -= take_oldest(decision, why, &none);
}

static void limit_free(struct decision *decision, const struct fy_space *space)
{
    uint64_t wanted = space->total_bytes / 100 * decision->keep->min_free_percent, free_bytes = space->free_bytes;
    char why[FY_VERDICT_SIZE];
    bool none = false;
    (void)snprintf(why, sizeof why, "less than %u%% of the file system is free", decision->keep->min_free_percent);
    for (size_t i = 0; i < decision->count; i++)
        free_bytes += decision->verdicts[i].remove ? decision->list[i].real_bytes : 0;
    while (free_bytes < wanted && !none)
        free_bytes += take_oldest(decision, why, &none);
}

/* ---- the whole ---- */

int fy_retention_decide(const struct fy_keep *keep, const struct fy_zone *zone, const struct fy_kept *list,
                        size_t count, const struct fy_space *space, int64_t now_s, struct fy_verdict *verdicts,
                        struct fy_error *err)
{
    FY_AUTO_FREE size_t *order = calloc(count + 1, sizeof *order);
    FY_AUTO_FREE size_t *by_time = calloc(count + 1, sizeof *by_time);
    FY_AUTO_FREE bool *is_protected = calloc(count + 1, sizeof *is_protected);
    if (!order || !by_time || !is_protected)
        return fy_error_set(err, FY_E_NOMEM, "no memory for deciding about %zu checkpoints", count);
    struct decision decision = {keep, zone, list, count, order, by_time, is_protected, verdicts};
    for (size_t i = 0; i < count; i++)
        order[i] = by_time[i] = i;
    qsort_r(order, count, sizeof *order, by_workload, (void *)list);
    qsort_r(by_time, count, sizeof *by_time, oldest_first, (void *)list);
    memset(verdicts, 0, count * sizeof *verdicts);
    each_workload(&decision, protect);
    each_workload(&decision, count_rules);
    limit_age(&decision, now_s);
    limit_size(&decision);
    limit_free(&decision, space);
    return 0;
}
