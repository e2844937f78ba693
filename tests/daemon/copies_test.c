/* Copies on another host: which comes next, how long a failure is waited for; then random histories of a peer that
 * comes and goes, beside what must hold for each. Virtual time: nothing here waits. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/schedule/copies.h>
#include <string.h>

#define NOON 1795608000

static void expect_copy(const struct fy_copies_step *step, size_t index)
{
    cr_expect(step->index == index && !step->round_over, "index %zu, over %d", step->index, step->round_over);
}

static void expect_wait(const struct fy_copies_step *step, int64_t wake_s, bool round_over)
{
    cr_expect(step->index == SIZE_MAX && step->wake_s == wake_s && step->round_over == round_over,
              "index %zu, wake %lld, over %d", step->index, (long long)step->wake_s, step->round_over);
}

Test(copies, the_newest_comes_first)
{
    struct fy_copies_state state = {0};
    struct fy_copy list[] = {{NOON - 30, false, false}, {NOON - 20, true, false}, {NOON - 10, false, false}};
    cr_expect_eq(fy_copies_behind(list, 3), 2);
    struct fy_copies_step step = fy_copies_step(list, 3, &state, NOON);
    expect_copy(&step, 2);
    list[2].there = true;
    step = fy_copies_step(list, 3, &state, NOON);
    expect_copy(&step, 0);
    list[0].there = true;
    step = fy_copies_step(list, 3, &state, NOON);
    expect_wait(&step, INT64_MAX, true);
    step = fy_copies_step(list, 0, &state, NOON);
    expect_wait(&step, INT64_MAX, true);
}

Test(copies, one_that_fails_does_not_keep_the_others)
{
    struct fy_copies_state state = {0};
    struct fy_copy list[] = {{NOON - 20, false, false}, {NOON - 10, false, true}};
    struct fy_copies_step step = fy_copies_step(list, 2, &state, NOON);
    expect_copy(&step, 0);
    list[0].there = true;
    step = fy_copies_step(list, 2, &state, NOON);
    expect_wait(&step, NOON + FY_COPIES_FIRST_WAIT_S, true);
    list[1].tried = false;
    step = fy_copies_step(list, 2, &state, NOON + FY_COPIES_FIRST_WAIT_S - 1);
    expect_wait(&step, NOON + FY_COPIES_FIRST_WAIT_S, false);
    step = fy_copies_step(list, 2, &state, NOON + FY_COPIES_FIRST_WAIT_S);
    expect_copy(&step, 1);
}

Test(copies, waits_grow_to_an_hour)
{
    static const int64_t waits[] = {10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600};
    struct fy_copies_state state = {0};
    for (size_t i = 0; i < FY_ARRAY_SIZE(waits); i++) {
        fy_copies_failed(&state, NOON);
        cr_expect_eq(fy_copies_due_s(&state, NOON), NOON + waits[i], "after %zu", i + 1);
    }
    state.failed_rounds = UINT32_MAX;
    fy_copies_failed(&state, NOON);
    cr_expect_eq(fy_copies_due_s(&state, NOON), NOON + FY_COPIES_MOST_WAIT_S);
}

/* A run is over, or the clock was set back: nothing is waited for. What came before still counts. */
Test(copies, hurry)
{
    struct fy_copies_state state = {0};
    fy_copies_failed(&state, NOON);
    fy_copies_failed(&state, NOON);
    cr_expect_eq(fy_copies_due_s(&state, NOON - 1), NOON - 1);
    fy_copies_hurry(&state);
    cr_expect_eq(fy_copies_due_s(&state, NOON + 1), NOON + 1);
    fy_copies_failed(&state, NOON + 1);
    cr_expect_eq(fy_copies_due_s(&state, NOON + 1), NOON + 1 + 40);
}

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}

/* Checkpoints come at random moments, the peer is there or not, some are damaged. No attempt comes before its time; as
 * soon as the peer is there again, all that can be copied is there within one wait. */
static void history(uint64_t seed)
{
    struct fy_copy list[40] = {0};
    bool damaged[40] = {false};
    size_t count = 0;
    struct fy_copies_state state = {0};
    int64_t now_s = NOON, back_s = NOON;
    bool up = true;
    for (int event = 0; event < 300; event++) {
        if (count < FY_ARRAY_SIZE(list) && draw(&seed, 6) == 0) {
            damaged[count] = draw(&seed, 5) == 0;
            list[count++].taken_s = now_s;
            fy_copies_hurry(&state);
        }
        if (draw(&seed, 12) == 0) {
            up = !up;
            back_s = now_s;
        }
        struct fy_copies_step step = fy_copies_step(list, count, &state, now_s);
        if (step.index == SIZE_MAX) {
            for (size_t i = 0; i < count && step.round_over; i++)
                list[i].tried = false;
            cr_assert(step.wake_s == INT64_MAX ? fy_copies_behind(list, count) == 0 : step.wake_s > now_s);
            cr_assert(step.wake_s == INT64_MAX || step.wake_s <= now_s + FY_COPIES_MOST_WAIT_S);
            now_s = step.wake_s == INT64_MAX || draw(&seed, 2) ? now_s + 1 + draw(&seed, 60) : step.wake_s;
        } else if (!up) {
            for (size_t i = 0; i < count; i++)
                list[i].tried = false;
            fy_copies_failed(&state, now_s);
        } else if (damaged[step.index]) {
            list[step.index].tried = true;
        } else {
            cr_assert(!list[step.index].there && !list[step.index].tried);
            list[step.index].there = true;
        }
        for (size_t i = 0; i < count && up && now_s > back_s + FY_COPIES_MOST_WAIT_S && step.round_over; i++)
            cr_assert(list[i].there || damaged[i] || list[i].taken_s > back_s, "%zu is behind", i);
    }
}

Test(copies, random_histories)
{
    for (uint64_t seed = 1; seed <= 3000; seed++)
        history(seed);
}
