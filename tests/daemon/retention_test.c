/* Retention: known cases with their words, then random histories beside a model that asks for each checkpoint alone
 * which rules want it; and the rhythm of proofs. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/schedule/retention.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400
#define NOON 1795608000 /* 2026-11-25 12:00 UTC, a Wednesday */
#define SECOND_US 1000000
#define US(seconds) ((int64_t)(seconds)*SECOND_US)
#define GIB (UINT64_C(1) << 30)
#define MOST 120

static struct fy_zone *load(const char *name)
{
    struct fy_zone *zone = NULL;
    cr_assert_eq(fy_zone_load(name, &zone, NULL), 0);
    return zone;
}

static void decide(const struct fy_keep *keep, const char *zone_name, const struct fy_kept *list, size_t count,
                   struct fy_verdict *verdicts)
{
    struct fy_space space = {.total_bytes = 100 * GIB, .free_bytes = 8 * GIB};
    struct fy_error err = FY_ERROR_INIT;
    struct fy_zone *zone = load(zone_name);
    cr_assert_eq(fy_retention_decide(keep, zone, list, count, &space, NOON, verdicts, &err), 0, "%s", err.message);
    fy_zone_free(zone);
}

Test(retention, says_why)
{
    struct fy_kept list[] = {
        {"a", "runc/web", US(NOON - 100), GIB, .verified = false},
        {"b", "runc/web", US(NOON - 7200), GIB, .verified = true},
        {"c", "runc/web", US(NOON - DAY_S), GIB, .verified = true},
        {"d", "runc/web", US(NOON - 2 * DAY_S), GIB, .verified = true, .proven = true},
        {"e", "runc/web", US(NOON - 3 * DAY_S), GIB, .pinned = true},
        {"f", "runc/web", US(NOON - 3 * DAY_S - 60), GIB, .in_use = true},
        {"g", "runc/web", US(NOON - 3 * DAY_S - 120), GIB, .verified = true},
        {"h", "runc/db", US(NOON - 200 * DAY_S), GIB, .verified = false},
    };
    struct fy_verdict verdicts[FY_ARRAY_SIZE(list)];
    const struct fy_keep keep = {.last = 1, .daily = 2, .max_age_ms = UINT64_C(100) * DAY_S * 1000};
    static const char *const why[] = {"one of the last 1",
                                      "the last verified one of runc/web",
                                      "newest of its day (2 of 2)",
                                      "the last proven restorable one of runc/web",
                                      "pinned",
                                      "in use",
                                      "no rule keeps it",
                                      "older than 100d"};
    static const bool removed[] = {false, false, false, false, false, false, true, true};
    decide(&keep, "UTC", list, FY_ARRAY_SIZE(list), verdicts);
    for (size_t i = 0; i < FY_ARRAY_SIZE(list); i++) {
        cr_expect_str_eq(verdicts[i].why, why[i]);
        cr_expect_eq(verdicts[i].remove, removed[i], "%s", list[i].id);
    }
}

Test(retention, limits)
{
    struct fy_kept list[] = {
        {"a", "runc/web", US(NOON - 100), 3 * GIB, .verified = false},
        {"b", "runc/db", US(NOON - 200), 3 * GIB, .verified = false},
        {"c", "runc/web", US(NOON - 300), 3 * GIB, .verified = false},
        {"d", "runc/db", US(NOON - 400), 3 * GIB, .verified = true},
    };
    struct fy_verdict verdicts[4];
    decide(&(struct fy_keep){0}, "UTC", list, 4, verdicts);
    for (size_t i = 0; i < 4; i++)
        cr_expect_not(verdicts[i].remove);
    cr_expect_str_eq(verdicts[0].why, "no rule counts");
    decide(&(struct fy_keep){.max_size_bytes = 9 * GIB}, "UTC", list, 4, verdicts);
    cr_expect(!verdicts[0].remove && !verdicts[1].remove && verdicts[2].remove && !verdicts[3].remove);
    cr_expect_str_eq(verdicts[2].why, "all together take more than 9.0 GiB");
    decide(&(struct fy_keep){.max_size_bytes = 1}, "UTC", list, 4, verdicts);
    cr_expect(verdicts[0].remove && verdicts[1].remove && verdicts[2].remove && !verdicts[3].remove);
    decide(&(struct fy_keep){.min_free_percent = 10}, "UTC", list, 4, verdicts); /* 8 of 100 GiB are free */
    cr_expect(!verdicts[0].remove && !verdicts[1].remove && verdicts[2].remove && !verdicts[3].remove);
    cr_expect_str_eq(verdicts[2].why, "less than 10% of the file system is free");
    decide(&(struct fy_keep){.last = 1, .min_free_percent = 10}, "UTC", list, 4, verdicts);
    cr_expect_str_eq(verdicts[2].why, "no rule keeps it");
    cr_expect(!verdicts[0].remove && !verdicts[1].remove, "what the counting rules free counts");
}

/* Their names are drawn, and say nothing of the order. */
Test(retention, the_order_within_a_second)
{
    struct fy_kept list[] = {
        {"b", "runc/web", US(NOON - 100) + 1, GIB, .verified = false},
        {"c", "runc/web", US(NOON - 100), GIB, .verified = false},
        {"a", "runc/web", US(NOON - 100) + 2, GIB, .verified = false},
    };
    struct fy_verdict verdicts[3];
    decide(&(struct fy_keep){.last = 2}, "UTC", list, 3, verdicts);
    cr_expect(!verdicts[0].remove && verdicts[1].remove && !verdicts[2].remove);
}

/* ---- the model ---- */

static uint32_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % below;
}

/* The name that a person would give to the hour, day, week or month. */
static void bucket_name(int rule, const struct fy_zone *zone, int64_t at_s, char name[32])
{
    time_t time = fy_zone_local_s(zone, at_s);
    struct tm date;
    (void)gmtime_r(&time, &date);
    if (rule == 0)
        (void)strftime(name, 32, "%Y-%m-%d %H", &date);
    else if (rule == 1)
        (void)strftime(name, 32, "%Y-%m-%d", &date);
    else
        (void)(rule == 2 ? strftime(name, 32, "%G-%V", &date) : strftime(name, 32, "%Y-%m", &date));
}

static bool is_newer(const struct fy_kept *a, const struct fy_kept *b)
{
    return a->taken_us != b->taken_us ? a->taken_us > b->taken_us : strcmp(a->id, b->id) > 0;
}

/* It is the newest of its bucket, and fewer than `limit` buckets have something newer. */
static bool model_bucket(int rule, uint32_t limit, const struct fy_zone *zone, const struct fy_kept *list, size_t count,
                         size_t index)
{
    char own[32], seen[MOST][32];
    size_t buckets = 0;
    bucket_name(rule, zone, list[index].taken_us / SECOND_US, own);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        bool known = false;
        if (strcmp(list[i].workload, list[index].workload) != 0 || !is_newer(&list[i], &list[index]))
            continue;
        bucket_name(rule, zone, list[i].taken_us / SECOND_US, name);
        if (!strcmp(name, own))
            return false;
        for (size_t j = 0; j < buckets; j++)
            known = known || !strcmp(seen[j], name);
        if (!known)
            memcpy(seen[buckets++], name, 32);
    }
    return buckets < limit;
}

static bool newest_with(const struct fy_kept *list, size_t count, size_t index, bool (*has)(const struct fy_kept *))
{
    bool newest = has(&list[index]);
    for (size_t i = 0; i < count; i++) {
        if (has(&list[i]) && !strcmp(list[i].workload, list[index].workload) && is_newer(&list[i], &list[index]))
            newest = false;
    }
    return newest;
}

static bool is_verified(const struct fy_kept *kept)
{
    return kept->verified;
}

static bool is_proven(const struct fy_kept *kept)
{
    return kept->proven;
}

static bool model_protected(const struct fy_kept *list, size_t count, size_t index)
{
    return list[index].pinned || list[index].in_use || newest_with(list, count, index, is_verified) ||
           newest_with(list, count, index, is_proven);
}

static bool model_counted(const struct fy_keep *keep, const struct fy_zone *zone, const struct fy_kept *list,
                          size_t count, size_t index)
{
    const uint32_t limits[] = {keep->hourly, keep->daily, keep->weekly, keep->monthly};
    size_t newer = 0;
    bool any = keep->last != 0, wanted = false;
    for (size_t i = 0; i < count; i++)
        newer += !strcmp(list[i].workload, list[index].workload) && is_newer(&list[i], &list[index]);
    for (int rule = 0; rule < 4; rule++) {
        any = any || limits[rule];
        wanted = wanted || (limits[rule] && model_bucket(rule, limits[rule], zone, list, count, index));
    }
    return !any || newer < keep->last || wanted;
}

static size_t oldest_free(const struct fy_kept *list, size_t count, const bool *stays)
{
    size_t oldest = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (stays[i] && !model_protected(list, count, i) && (oldest == SIZE_MAX || is_newer(&list[oldest], &list[i])))
            oldest = i;
    }
    return oldest;
}

static uint64_t bytes_of(const struct fy_kept *list, size_t count, const bool *stays, bool staying)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += stays[i] == staying ? list[i].real_bytes : 0;
    return total;
}

static void model(const struct fy_keep *keep, const struct fy_zone *zone, const struct fy_kept *list, size_t count,
                  const struct fy_space *space, bool *stays)
{
    size_t oldest;
    for (size_t i = 0; i < count; i++) {
        bool young = !keep->max_age_ms || (uint64_t)(NOON - list[i].taken_us / SECOND_US) * 1000 <= keep->max_age_ms;
        stays[i] = model_protected(list, count, i) || (young && model_counted(keep, zone, list, count, i));
    }
    while (keep->max_size_bytes && bytes_of(list, count, stays, true) > keep->max_size_bytes &&
           (oldest = oldest_free(list, count, stays)) != SIZE_MAX)
        stays[oldest] = false;
    while (keep->min_free_percent &&
           space->free_bytes + bytes_of(list, count, stays, false) <
               space->total_bytes / 100 * keep->min_free_percent &&
           (oldest = oldest_free(list, count, stays)) != SIZE_MAX)
        stays[oldest] = false;
}

static struct fy_keep random_keep(void)
{
    return (struct fy_keep){
        .last = draw(2) ? draw(8) : 0,
        .hourly = draw(2) ? draw(30) : 0,
        .daily = draw(2) ? draw(10) : 0,
        .weekly = draw(3) ? 0 : draw(6),
        .monthly = draw(3) ? 0 : draw(6),
        .max_age_ms = draw(3) ? 0 : (uint64_t)(1 + draw(60)) * DAY_S * 1000,
        .max_size_bytes = draw(3) ? 0 : (1 + draw(40)) * GIB,
        .min_free_percent = draw(3) ? 0 : 1 + draw(99),
    };
}

static size_t random_list(struct fy_kept *list, char ids[][8])
{
    static const char *const workloads[] = {"runc/web", "runc/db", "process/7"};
    static const uint32_t reach_s[] = {7200, 3 * DAY_S, 40 * DAY_S, 400 * DAY_S};
    size_t count = draw(MOST);
    uint32_t reach = reach_s[draw(4)];
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(ids[i], 8, "%04u", (unsigned)(i * 7 % 1000));
        list[i] = (struct fy_kept){
            .id = ids[i],
            .workload = workloads[draw(3)],
            .taken_us = US(NOON - draw(reach) / 10 * 10) + draw(3) * 400000, /* some in the same second */
            .real_bytes = draw(8) ? draw(1024) * GIB / 512 : 0,
            .verified = draw(3) == 0,
            .proven = draw(6) == 0,
            .pinned = draw(12) == 0,
            .in_use = draw(20) == 0,
        };
    }
    return count;
}

Test(retention, random_histories_as_the_model)
{
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"};
    size_t kept = 0, removed = 0;
    for (uint32_t seed = 1; seed <= 5000; seed++) {
        struct fy_kept list[MOST];
        char ids[MOST][8];
        bool stays[MOST];
        struct fy_verdict verdicts[MOST];
        random_state = seed * 2654435761u + 1;
        struct fy_keep keep = random_keep();
        struct fy_space space = {.total_bytes = 100 * GIB, .free_bytes = draw(100) * GIB};
        size_t count = random_list(list, ids);
        struct fy_zone *zone = load(zones[draw(4)]);
        model(&keep, zone, list, count, &space, stays);
        if (fy_retention_decide(&keep, zone, list, count, &space, NOON, verdicts, NULL))
            cr_assert_fail("seed %u", seed);
        for (size_t i = 0; i < count; i++) {
            if (verdicts[i].remove == stays[i] || !verdicts[i].why[0])
                cr_assert_fail("seed %u: %s of %s: %s, the model %s it", seed, list[i].id, list[i].workload,
                               verdicts[i].why, stays[i] ? "keeps" : "removes");
            kept += stays[i];
            removed += !stays[i];
        }
        fy_zone_free(zone);
    }
    cr_log_info("%zu kept, %zu removed", kept, removed);
    cr_expect(kept > 20000 && removed > 20000);
}

/* ---- proofs ---- */

Test(proof, verify_takes_the_longest_untouched)
{
    struct fy_proof list[] = {{"runc/a", NOON - 5 * DAY_S, NOON - DAY_S - 5, false},
                              {"runc/a", NOON - 4 * DAY_S, NOON - DAY_S - 9, false},
                              {"runc/a", NOON - 9 * DAY_S, NOON - 9 * DAY_S, true}};
    int64_t wake_s;
    cr_expect_eq(fy_proof_verify_next(list, 3, DAY_S, NOON, &wake_s), 1);
    list[1].last_s = NOON;
    cr_expect_eq(fy_proof_verify_next(list, 3, DAY_S, NOON, &wake_s), 0);
    list[0].last_s = NOON - 100;
    cr_expect_eq(fy_proof_verify_next(list, 3, DAY_S, NOON, &wake_s), SIZE_MAX);
    cr_expect_eq(wake_s, NOON - 100 + DAY_S);
    list[0].last_s = NOON + 1000 * DAY_S; /* a clock that had been wrong */
    cr_expect_eq(fy_proof_verify_next(list, 3, DAY_S, NOON, &wake_s), 0);
    cr_expect_eq(fy_proof_verify_next(list, 0, DAY_S, NOON, &wake_s), SIZE_MAX);
    cr_expect_eq(wake_s, INT64_MAX);
}

Test(proof, rehearsal_takes_the_newest_of_a_workload)
{
    struct fy_proof list[] = {{"runc/a", NOON - 5 * DAY_S, NOON - 4 * DAY_S, false},
                              {"runc/a", NOON - DAY_S, 0, false},
                              {"runc/b", NOON - 2 * DAY_S, 0, false}};
    int64_t wake_s;
    cr_expect_eq(fy_proof_rehearse_next(list, 3, 7 * DAY_S, NOON, &wake_s), 2, "never rehearsed");
    list[2].last_s = NOON - 10;
    cr_expect_eq(fy_proof_rehearse_next(list, 3, 7 * DAY_S, NOON, &wake_s), SIZE_MAX);
    cr_expect_eq(wake_s, NOON + 3 * DAY_S);
    cr_expect_eq(fy_proof_rehearse_next(list, 3, 3 * DAY_S, NOON, &wake_s), 1, "the newest, not the one before");
    list[1].skip = true;
    cr_expect_eq(fy_proof_rehearse_next(list, 3, 3 * DAY_S, NOON, &wake_s), 0);
}

/* As it is said in retention.h, without regard to how long it takes. */
static size_t model_rehearse(const struct fy_proof *list, size_t count, int64_t every_s, int64_t now_s)
{
    size_t best = SIZE_MAX;
    int64_t best_s = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        bool newest = !list[i].skip;
        int64_t last_s = 0;
        for (size_t j = 0; j < count; j++) {
            if (strcmp(list[j].workload, list[i].workload) != 0)
                continue;
            if (!list[j].skip && (list[j].taken_s > list[i].taken_s || (list[j].taken_s == list[i].taken_s && j > i)))
                newest = false;
            if (list[j].last_s <= now_s && list[j].last_s > last_s)
                last_s = list[j].last_s;
        }
        int64_t due_s = last_s ? last_s + every_s : list[i].taken_s;
        if (newest && due_s < best_s) {
            best = i;
            best_s = due_s;
        }
    }
    return best_s <= now_s ? best : SIZE_MAX;
}

Test(proof, rehearsal_beside_a_model)
{
    static const char *const workloads[] = {"runc/a", "runc/b", "process/1"};
    unsigned seed = 7;
    for (unsigned round = 0; round < 20000; round++) {
        struct fy_proof list[12];
        size_t count = (size_t)rand_r(&seed) % (FY_ARRAY_SIZE(list) + 1);
        int64_t every_s = 1 + rand_r(&seed) % 20, wake_s;
        for (size_t i = 0; i < count; i++)
            list[i] = (struct fy_proof){workloads[rand_r(&seed) % 3], NOON - rand_r(&seed) % 30,
                                        rand_r(&seed) % 3 ? 0 : NOON + 5 - rand_r(&seed) % 30, rand_r(&seed) % 4 == 0};
        cr_assert_eq(fy_proof_rehearse_next(list, count, every_s, NOON, &wake_s),
                     model_rehearse(list, count, every_s, NOON), "round %u", round);
    }
}
