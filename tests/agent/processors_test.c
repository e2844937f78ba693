/* The machine's own figures: what they must be whatever else runs on it. */
#include "processors.h"

#include <criterion/criterion.h>
#include <ferry/base/clock.h>
#include <unistd.h>

static void work_until(uint64_t ns)
{
    while (fy_clock_thread_ns() < ns) {
    }
}

Test(processors, says_nothing_at_first)
{
    struct fy_processors processors = {0};
    struct fy_processors_share share = {.idle = 7.0, .own = 7.0};
    cr_expect_not(fy_processors_look(&processors, &share));
    cr_expect_not(fy_processors_look(&processors, &share), "too soon to tell");
    cr_expect_eq(share.idle, 7.0);
}

/* One thread that works is at most one processor's worth, and more than one that sleeps. */
Test(processors, tells_work_from_sleep)
{
    struct fy_processors processors = {0};
    struct fy_processors_share share;
    (void)fy_processors_look(&processors, &share);
    work_until(fy_clock_thread_ns() + 150000000);
    cr_assert(fy_processors_look(&processors, &share));
    double worked = share.own;
    cr_expect_gt(worked, 0.0);
    cr_expect_leq(share.own, 1.0);
    cr_expect_geq(share.idle, 0.0);
    cr_expect_leq(share.idle, 1.0);
    (void)usleep(150000);
    cr_assert(fy_processors_look(&processors, &share));
    cr_expect_lt(share.own, worked);
}
