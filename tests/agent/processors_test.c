/* Shares of the machine's processors: of figures that are given, and that the machine's own can be looked at. */
#include "processors.h"

#include <criterion/criterion.h>
#include <ferry/base/clock.h>

#define SECOND_NS UINT64_C(1000000000)

static struct fy_processors look_at(uint64_t since_ns, uint64_t idle_ns, uint64_t own_ns)
{
    return (struct fy_processors){.since_ns = since_ns, .idle_ns = idle_ns, .own_ns = own_ns};
}

static void expect(const struct fy_processors_share *share, double idle, double own)
{
    cr_expect_float_eq(share->idle, idle, 1e-9);
    cr_expect_float_eq(share->own, own, 1e-9);
}

/* Two processors over a second: half a second of one of them was idle, three quarters were ours. */
Test(processors, shares_are_of_all_of_them)
{
    struct fy_processors processors = {0}, now = look_at(50 * SECOND_NS, 7 * SECOND_NS, 3 * SECOND_NS);
    struct fy_processors_share share = {.idle = 7.0, .own = 7.0};
    cr_expect_not(fy_processors_take(&processors, &now, 2, &share), "there is nothing to compare with yet");
    now = look_at(51 * SECOND_NS, 7 * SECOND_NS + SECOND_NS / 2, 3 * SECOND_NS + 3 * SECOND_NS / 4);
    cr_assert(fy_processors_take(&processors, &now, 2, &share));
    expect(&share, 0.25, 0.375);
    now.since_ns += 2 * SECOND_NS;
    now.own_ns += SECOND_NS;
    cr_assert(fy_processors_take(&processors, &now, 2, &share));
    expect(&share, 0.0, 0.25);
}

Test(processors, too_soon_says_nothing_and_begins_nothing)
{
    struct fy_processors processors = look_at(SECOND_NS, SECOND_NS, SECOND_NS), now = processors;
    struct fy_processors_share share = {.idle = 7.0, .own = 7.0};
    now.since_ns += SECOND_NS / 10 - 1;
    now.own_ns += SECOND_NS / 20;
    cr_expect_not(fy_processors_take(&processors, &now, 1, &share));
    expect(&share, 7.0, 7.0);
    now.since_ns++;
    cr_assert(fy_processors_take(&processors, &now, 1, &share));
    expect(&share, 0.0, 0.5);
}

/* The kernel counts in hundredths of a second, and not everything that it has counted stays counted. */
Test(processors, is_never_more_than_all_and_never_less_than_nothing)
{
    struct fy_processors processors = look_at(SECOND_NS, SECOND_NS, SECOND_NS);
    struct fy_processors now = look_at(2 * SECOND_NS, 9 * SECOND_NS, 9 * SECOND_NS);
    struct fy_processors_share share;
    cr_assert(fy_processors_take(&processors, &now, 2, &share));
    expect(&share, 1.0, 1.0);
    now = look_at(3 * SECOND_NS, 8 * SECOND_NS, 9 * SECOND_NS);
    cr_expect_not(fy_processors_take(&processors, &now, 2, &share), "less idle than a second ago");
    now = look_at(4 * SECOND_NS, 9 * SECOND_NS, 10 * SECOND_NS);
    cr_assert(fy_processors_take(&processors, &now, 2, &share));
    expect(&share, 0.5, 0.5);
}

/* This one, whatever else runs on it. */
Test(processors, of_this_machine)
{
    struct fy_processors processors = {0};
    struct fy_processors_share share;
    (void)fy_processors_look(&processors, &share);
    cr_assert_gt(processors.since_ns, 0);
    cr_assert_gt(processors.idle_ns, 0);
    uint64_t began_ns = processors.since_ns;
    while (!fy_processors_look(&processors, &share)) {
    }
    cr_expect_geq(processors.since_ns - began_ns, SECOND_NS / 10);
    cr_expect(share.idle >= 0.0 && share.idle <= 1.0);
    cr_expect(share.own > 0.0 && share.own <= 1.0, "it did nothing but look");
}
