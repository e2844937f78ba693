/* The scheduling engine: known cases, then random plans under random clocks, beside slots that are counted one by
 * one. Virtual time: nothing here waits. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/config/plan.h>
#include <ferry/schedule/engine.h>
#include <string.h>

#define DAY_S 86400
#define NOON 1795608000 /* 2026-11-25 12:00 UTC */
#define PLAN(keys) "version: 1\nschedules:\n  - {name: a, workloads: [runc/a], " keys "}\n"

static struct fy_plan *parse(const char *text)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_plan *plan = NULL;
    if (fy_plan_parse("p", text, strlen(text), &plan, NULL, &err))
        cr_assert_fail("%s\n%s", err.message, text);
    return plan;
}

static void expect_run(const struct fy_schedule_step *step, int64_t slot_s, uint32_t missed)
{
    cr_expect(step->run && step->slot_s == slot_s && step->missed == missed, "run %d slot %lld missed %u", step->run,
              (long long)step->slot_s, step->missed);
}

static void expect_wait(const struct fy_schedule_step *step, int64_t wake_s)
{
    cr_expect(!step->run && step->wake_s == wake_s, "run %d wake %lld", step->run, (long long)step->wake_s);
}

/* Down from 12:00 to 13:10 with a run each quarter of an hour: four have passed, the last ten minutes ago. */
static void come_back(const char *text, int64_t minutes, struct fy_schedule_step steps[6])
{
    struct fy_plan *plan = parse(text);
    struct fy_schedule_state state = {.settled_s = NOON};
    for (size_t i = 0; i < 6; i++)
        steps[i] = fy_schedule_step(plan->schedules, 1, &state, NOON + minutes * 60, false);
    fy_plan_free(plan);
}

Test(engine, missed_runs)
{
    struct fy_schedule_step steps[6];
    come_back(PLAN("every: 15m, missed: run-once"), 70, steps);
    expect_run(&steps[0], NOON + 3600, 3);
    expect_wait(&steps[1], NOON + 75 * 60);
    come_back(PLAN("every: 15m, missed: skip"), 70, steps);
    expect_wait(&steps[0], NOON + 75 * 60);
    come_back(PLAN("every: 15m, missed: skip"), 60, steps);
    expect_run(&steps[0], NOON + 3600, 3);
    come_back(PLAN("every: 15m, missed: run-all"), 70, steps);
    for (int i = 0; i < 4; i++)
        expect_run(&steps[i], NOON + (i + 1) * 900, 0);
    expect_wait(&steps[4], NOON + 75 * 60);
    come_back(PLAN("cron: 0 3 * * *, missed: run-once"), (int64_t)60 * 24 * 8, steps);
    expect_run(&steps[0], NOON + 7 * DAY_S + 15 * 3600, 7);
}

Test(engine, what_was_missed_waits_for_the_window)
{
    struct fy_schedule_step steps[6];
    come_back(PLAN("cron: 0 3 * * *, window: 02:00-04:00"), 24 * 60, steps);
    expect_wait(&steps[0], NOON + DAY_S + 14 * 3600); /* 02:00 */
    come_back(PLAN("cron: 0 3 * * *, window: 02:00-04:00"), 24 * 60 + 14 * 60, steps);
    expect_run(&steps[0], NOON + 15 * 3600, 0);
    expect_wait(&steps[1], NOON + DAY_S + 15 * 3600);
    come_back(PLAN("every: 1h, window: 22:00-00:00"), 1, steps);
    expect_wait(&steps[0], NOON + 10 * 3600);
}

Test(engine, the_clock_is_set)
{
    struct fy_plan *plan = parse(PLAN("every: 15m"));
    struct fy_schedule_state state = {.settled_s = NOON};
    struct fy_schedule_step step = fy_schedule_step(plan->schedules, 1, &state, NOON - 1800, false);
    expect_wait(&step, NOON + 900);
    step = fy_schedule_step(plan->schedules, 1, &state, NOON - 2 * DAY_S, false);
    expect_wait(&step, NOON - 2 * DAY_S + 900);
    step = fy_schedule_step(plan->schedules, 1, &state, NOON + 1000 * DAY_S, false);
    expect_run(&step, NOON + 1000 * DAY_S, 1002 * 96 - 1);
    cr_expect_eq(state.settled_s, NOON + 1000 * DAY_S);
    fy_plan_free(plan);
    /* More than one step looks at: asked again at once, and all are counted. */
    plan = parse(PLAN("cron: '* * * * *'"));
    state = (struct fy_schedule_state){.settled_s = NOON};
    size_t asked = 0;
    do {
        step = fy_schedule_step(plan->schedules, 1, &state, NOON + 3 * DAY_S, false);
        asked++;
    } while (!step.run && step.wake_s <= NOON + 3 * DAY_S && asked < 100);
    expect_run(&step, NOON + 3 * DAY_S, 3 * 1440 - 1);
    cr_expect_eq(asked, 5);
    fy_plan_free(plan);
}

Test(engine, busy_and_paused)
{
    struct fy_plan *plan = parse(PLAN("every: 15m"));
    struct fy_schedule_state state = {.settled_s = NOON};
    struct fy_schedule_step step = fy_schedule_step(plan->schedules, 1, &state, NOON + 1800, true);
    expect_wait(&step, INT64_MAX);
    step = fy_schedule_step(plan->schedules, 1, &state, NOON + 2000, false);
    expect_run(&step, NOON + 1800, 1);
    state.paused = true;
    step = fy_schedule_step(plan->schedules, 1, &state, NOON + 5000, false);
    expect_wait(&step, INT64_MAX);
    state.paused = false;
    step = fy_schedule_step(plan->schedules, 1, &state, NOON + 5000, false);
    expect_wait(&step, NOON + 5400);
    fy_plan_free(plan);
}

Test(engine, jitter_is_spread_and_stays)
{
    struct fy_plan *plan = parse(PLAN("every: 1h, jitter: 10m"));
    uint64_t seed = fy_schedule_seed("host", "a"), other = fy_schedule_seed("hosta", "");
    size_t seen[10] = {0}, same = 0;
    cr_expect_neq(seed, other);
    for (int64_t slot_s = 0; slot_s < 1000 * 3600; slot_s += 3600) {
        int64_t start_s = fy_schedule_start_s(plan->schedules, seed, slot_s);
        cr_assert(start_s >= slot_s && start_s < slot_s + 600);
        cr_assert_eq(start_s, fy_schedule_start_s(plan->schedules, seed, slot_s));
        seen[(start_s - slot_s) / 60]++;
        same += start_s == fy_schedule_start_s(plan->schedules, other, slot_s);
    }
    for (size_t i = 0; i < 10; i++)
        cr_expect(seen[i] > 50, "minute %zu: %zu of 1000", i, seen[i]);
    cr_expect_lt(same, 20);
    fy_plan_free(plan);
}

/* ---- random ---- */

static uint32_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % below;
}

static struct fy_plan *random_plan(void)
{
    static const char *const when[] = {"every: 7s",           "every: 61s",
                                       "every: 15m",          "every: 1h",
                                       "cron: '*/5 * * * *'", "cron: '17,40 1-3 * * *'",
                                       "cron: 30 2 * * *",    "cron: 0 */4 * * mon-fri"};
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"};
    static const char *const rules[] = {"run-once", "skip", "run-all"};
    static const char *const windows[] = {"", "", ", window: 01:00-04:30", ", window: [22:00-03:00, 12:00-13:00]"};
    static const char *const jitters[] = {"", ", jitter: 5s"};
    char text[512];
    (void)snprintf(text, sizeof text, PLAN("%s, timezone: %s, missed: %s%s%s"), when[draw(FY_ARRAY_SIZE(when))],
                   zones[draw(4)], rules[draw(3)], windows[draw(4)], jitters[draw(2)]);
    return parse(text);
}

/* The plan's times in (from_s, to_s], one by one; cron has a model of its own. */
static uint64_t count_slots(const struct fy_schedule_spec *spec, int64_t from_s, int64_t to_s)
{
    uint64_t count = 0;
    int64_t every_s = (int64_t)spec->every_ms / 1000, at_s = every_s ? from_s - from_s % every_s : from_s;
    for (;;) {
        at_s = every_s ? at_s + every_s : fy_cron_next(&spec->cron, spec->zone, at_s);
        if (at_s > to_s)
            return count;
        count += fy_schedule_is_open(spec, at_s);
    }
}

struct history {
    const struct fy_schedule_spec *spec;
    struct fy_schedule_state state;
    int64_t begin_s, now_s;
    uint64_t accounted; /* run, stood for, or given up */
    int64_t last_run_s;
    size_t runs;
};

/* What holds of any run. False: broken. */
static bool run_is_right(const struct history *history, const struct fy_schedule_step *step)
{
    const struct fy_schedule_spec *spec = history->spec;
    int64_t start_s = fy_schedule_start_s(spec, 9, step->slot_s);
    if (step->slot_s <= history->last_run_s || start_s > history->now_s || !fy_schedule_is_open(spec, history->now_s))
        return false;
    if (spec->missed == FY_MISSED_SKIP && history->now_s - start_s > FY_SCHEDULE_GRACE_S)
        return false;
    int64_t reach_s = (int64_t)spec->every_ms / 1000 * (FY_SCHEDULE_AT_ONCE - 1);
    bool given_up = spec->every_ms && !spec->window_count &&
                    step->slot_s <= history->now_s - reach_s; /* more than are made up for */
    return spec->missed != FY_MISSED_RUN_ALL || step->missed == 0 || given_up;
}

/* Nothing runs before the moment at which it wants to be asked again. */
static bool wake_is_right(const struct history *history, const struct fy_schedule_step *step)
{
    if (step->wake_s <= history->now_s)
        return true;
    int64_t until_s = step->wake_s < history->now_s + DAY_S ? step->wake_s : history->now_s + DAY_S;
    for (int i = 0; i < 8; i++) {
        struct fy_schedule_state copy = history->state;
        int64_t at_s = history->now_s + draw((uint32_t)(until_s - history->now_s));
        if (fy_schedule_step(history->spec, 9, &copy, at_s, false).run)
            return false;
    }
    return true;
}

static bool ask(struct history *history)
{
    for (size_t tries = 0; tries < 100000; tries++) {
        struct fy_schedule_step step = fy_schedule_step(history->spec, 9, &history->state, history->now_s, false);
        if (!step.run && step.wake_s <= history->now_s)
            continue;
        if (!step.run)
            return wake_is_right(history, &step);
        if (!run_is_right(history, &step))
            return false;
        history->accounted += 1 + (uint64_t)step.missed;
        history->last_run_s = step.slot_s;
        history->runs++;
    }
    return false;
}

static int64_t random_advance(int64_t wake_s, int64_t now_s)
{
    switch (draw(8)) {
    case 0:
        return (int64_t)draw(3 * DAY_S); /* down */
    case 1:
        return -(int64_t)draw(FY_SCHEDULE_BACK_S / 4); /* set back a little */
    case 2:
        return (int64_t)draw(90);
    default:
        return wake_s > now_s && wake_s < now_s + 3 * DAY_S ? wake_s - now_s : 600;
    }
}

Test(engine, random_clocks)
{
    size_t runs = 0, slots = 0;
    for (uint32_t seed = 1; seed <= 2000; seed++) {
        random_state = seed * 2654435761u + 1;
        struct fy_plan *plan = random_plan();
        struct history history = {.spec = plan->schedules, .begin_s = (int64_t)1700000000 + draw(100000000)};
        history.now_s = history.state.settled_s = history.begin_s;
        for (int step = 0; step < 25; step++) {
            if (history.now_s < history.state.settled_s - FY_SCHEDULE_BACK_S) /* a little, but many times */
                history.now_s = history.state.settled_s;
            if (!ask(&history))
                cr_assert_fail("seed %u, step %d, at %lld", seed, step, (long long)history.now_s);
            struct fy_schedule_state copy = history.state;
            int64_t wake_s = fy_schedule_step(history.spec, 9, &copy, history.now_s, false).wake_s;
            history.now_s += random_advance(wake_s, history.now_s);
        }
        uint64_t expected = count_slots(history.spec, history.begin_s, history.state.settled_s);
        if (history.accounted + history.state.missed != expected)
            cr_assert_fail("seed %u: %llu runs and missed, %u pending, %llu slots", seed,
                           (unsigned long long)history.accounted, history.state.missed, (unsigned long long)expected);
        runs += history.runs;
        slots += expected;
        fy_plan_free(plan);
    }
    cr_log_info("%zu runs of %zu slots", runs, slots);
    cr_expect_gt(runs, 10000);
}
