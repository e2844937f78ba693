/* How much is under way while CRIU writes, for made-up looks at how long it waited. */
#include "pace.h"

#include <criterion/criterion.h>

#define MS UINT64_C(1000000)

/* One look every 10 ms; between two of them as much is sent as may be. */
static uint32_t look(struct fy_pace *pace, uint64_t *now_ns, uint64_t *wait_ns, uint64_t waited_ns)
{
    uint32_t under_way = 0;
    while (under_way < 1000 && fy_pace_takes_more(pace, under_way))
        under_way++;
    *now_ns += FY_PACE_LOOK_EVERY_NS;
    *wait_ns += waited_ns;
    fy_pace_looked(pace, *now_ns, *wait_ns);
    return under_way;
}

Test(pace, nothing_is_held_where_nobody_looks)
{
    struct fy_pace pace = {0};
    cr_expect(fy_pace_takes_more(&pace, 0));
    cr_expect(fy_pace_takes_more(&pace, 1000000));
}

Test(pace, nothing_is_held_any_more_when_it_cannot_be_told)
{
    struct fy_pace pace = {0};
    uint64_t now_ns = 300 * MS;
    uint64_t wait_ns = 0;
    fy_pace_looked(&pace, now_ns, wait_ns);
    cr_expect_eq(look(&pace, &now_ns, &wait_ns, 5 * MS), FY_PACE_LEAST_BLOCKS);
    fy_pace_not_known(&pace, now_ns);
    cr_expect_not(fy_pace_is_due(&pace, now_ns), "it is asked as rarely as before");
    cr_expect_eq(look(&pace, &now_ns, &wait_ns, 5 * MS), 1000);
    cr_expect_eq(look(&pace, &now_ns, &wait_ns, 5 * MS), FY_PACE_LEAST_BLOCKS);
}

Test(pace, a_look_is_due_when_enough_time_has_passed)
{
    struct fy_pace pace = {0};
    cr_expect(fy_pace_is_due(&pace, 500 * MS));
    fy_pace_looked(&pace, 500 * MS, 7 * MS);
    cr_expect_not(fy_pace_is_due(&pace, 500 * MS));
    cr_expect_not(fy_pace_is_due(&pace, 500 * MS + FY_PACE_LOOK_EVERY_NS - 1));
    cr_expect(fy_pace_is_due(&pace, 500 * MS + FY_PACE_LOOK_EVERY_NS));
}

/* What had been waited before the first look is no news. */
Test(pace, grows_without_limit_while_nobody_waits)
{
    static const uint32_t expected[] = {2, 4, 8, 16, 32, 1000, 1000};
    struct fy_pace pace = {0};
    uint64_t now_ns = 77 * MS;
    uint64_t wait_ns = 3000 * MS;
    fy_pace_looked(&pace, now_ns, wait_ns);
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++)
        cr_expect_eq(look(&pace, &now_ns, &wait_ns, MS / 2), expected[i], "look %u", i);
}

Test(pace, is_little_as_long_as_criu_waits)
{
    struct fy_pace pace = {0};
    uint64_t now_ns = 0;
    uint64_t wait_ns = 0;
    fy_pace_looked(&pace, now_ns, wait_ns);
    for (unsigned i = 0; i < 100; i++)
        cr_expect_eq(look(&pace, &now_ns, &wait_ns, 2 * MS), FY_PACE_LEAST_BLOCKS, "look %u", i);
}

Test(pace, is_little_at_once_when_criu_waits_and_grows_again_after)
{
    struct fy_pace pace = {0};
    uint64_t now_ns = 0;
    uint64_t wait_ns = 0;
    fy_pace_looked(&pace, now_ns, wait_ns);
    for (unsigned i = 0; i < 10; i++)
        (void)look(&pace, &now_ns, &wait_ns, 0);
    cr_expect_eq(look(&pace, &now_ns, &wait_ns, 5 * MS), 1000);
    cr_expect_eq(look(&pace, &now_ns, &wait_ns, 0), FY_PACE_LEAST_BLOCKS);
    cr_expect_eq(look(&pace, &now_ns, &wait_ns, 0), 2 * FY_PACE_LEAST_BLOCKS);
}

/* That CRIU did not wait says nothing of what would be if more were sent. */
Test(pace, does_not_grow_when_it_was_not_used)
{
    struct fy_pace pace = {0};
    fy_pace_looked(&pace, 0, 0);
    for (unsigned i = 1; i < 10; i++) {
        cr_expect(fy_pace_takes_more(&pace, FY_PACE_LEAST_BLOCKS - 1));
        fy_pace_looked(&pace, i * FY_PACE_LOOK_EVERY_NS, 0);
    }
    cr_expect_not(fy_pace_takes_more(&pace, FY_PACE_LEAST_BLOCKS));
}

/* One of those that were counted is gone, and what it had waited with it. */
Test(pace, less_than_before_is_no_wait)
{
    struct fy_pace pace = {0};
    uint64_t now_ns = 0;
    uint64_t wait_ns = 900 * MS;
    fy_pace_looked(&pace, now_ns, wait_ns);
    wait_ns = 100 * MS;
    cr_expect_eq(look(&pace, &now_ns, &wait_ns, 0), 2);
    cr_expect_eq(look(&pace, &now_ns, &wait_ns, 0), 4);
    cr_expect_eq(look(&pace, &now_ns, &wait_ns, 9 * MS), 8);
    cr_expect_eq(look(&pace, &now_ns, &wait_ns, 0), 2);
}

/* A look that comes late measures a longer time. */
Test(pace, the_share_of_the_time_counts)
{
    struct fy_pace pace = {0};
    fy_pace_looked(&pace, 0, 0);
    cr_expect_not(fy_pace_takes_more(&pace, 2));
    fy_pace_looked(&pace, 100 * MS, 9 * MS);
    cr_expect(fy_pace_takes_more(&pace, 3));
    cr_expect_not(fy_pace_takes_more(&pace, 4));
    fy_pace_looked(&pace, 200 * MS, 20 * MS);
    cr_expect_not(fy_pace_takes_more(&pace, 2));
}
