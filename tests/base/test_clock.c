/* Points in time as text, and clocks that go forward. */
#include <criterion/criterion.h>
#include <ferry/base/clock.h>

Test(clock, formats_points_in_time)
{
    static const struct {
        int64_t wall_us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1769860800123456, "2026-01-31T12:00:00.123Z"},
        {951782399999999, "2000-02-28T23:59:59.999Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000000, "1969-12-31T23:59:59.000Z"},
        {INT64_MAX, "294247-01-10T04:00:54.775Z"},
        {INT64_MIN, "-290308-12-21T19:59:05.224Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[FY_CLOCK_TEXT_SIZE];
        fy_clock_format(cases[i].wall_us, text);
        cr_expect_str_eq(text, cases[i].text);
    }
}

Test(clock, clocks_tell_time)
{
    uint64_t first = fy_clock_monotonic_ns();
    cr_expect_gt(first, 0);
    cr_expect_geq(fy_clock_monotonic_ns(), first);
    cr_expect_gt(fy_clock_wall_us(), INT64_C(1700000000000000));
}
