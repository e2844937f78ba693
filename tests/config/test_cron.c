/* Cron: what is refused, the known cases of clocks that change, then random lines in many zones beside a model that
 * goes through time minute by minute with the C library's own local time. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/config/cron.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MINUTE_S 60
#define DAY_S 86400

static int64_t utc(const char *text)
{
    struct tm date = {0};
    cr_assert_not_null(strptime(text, "%Y-%m-%d %H:%M", &date), "%s", text);
    return timegm(&date);
}

static struct fy_zone *load(const char *name)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_zone *zone = NULL;
    cr_assert_eq(fy_zone_load(name, &zone, &err), 0, "%s", err.message);
    return zone;
}

static struct fy_cron parse(const char *text)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_cron cron = {0};
    cr_assert_eq(fy_cron_parse(text, &cron, &err), 0, "'%s': %s", text, err.message);
    return cron;
}

Test(cron, refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "cron: expected five fields (minute, hour, day, month, weekday) or a word such as @daily, got 0 fields"},
        {"1", "cron: expected five fields (minute, hour, day, month, weekday) or a word such as @daily, got 1 field"},
        {"0 0 * * * *",
         "cron: expected five fields (minute, hour, day, month, weekday) or a word such as @daily, got 6 fields"},
        {"60 * * * *", "cron: minute '60': expected *, or numbers from 0 to 59 such as 0,1-59/2"},
        {"* 24 * * *", "cron: hour '24': expected *, or numbers from 0 to 23 such as 0,1-23/2"},
        {"* * 0 * *", "cron: day of the month '0': expected *, or numbers from 1 to 31 such as 1,2-31/2"},
        {"* * * 13 *", "cron: month '13': expected *, or numbers from 1 to 12 or names such as 1,2-12/2"},
        {"* * * * 8", "cron: day of the week '8': expected *, or numbers from 0 to 7 or names such as 0,1-7/2"},
        {"5-1 * * * *", "cron: minute '5-1': expected *, or numbers from 0 to 59 such as 0,1-59/2"},
        {"*/0 * * * *", "cron: minute '*/0': expected *, or numbers from 0 to 59 such as 0,1-59/2"},
        {"*/60 * * * *", "cron: minute '*/60': expected *, or numbers from 0 to 59 such as 0,1-59/2"},
        {"1, * * * *", "cron: minute '1,': expected *, or numbers from 0 to 59 such as 0,1-59/2"},
        {"1,,2 * * * *", "cron: minute '1,,2': expected *, or numbers from 0 to 59 such as 0,1-59/2"},
        {"-1 * * * *", "cron: minute '-1': expected *, or numbers from 0 to 59 such as 0,1-59/2"},
        {"1- * * * *", "cron: minute '1-': expected *, or numbers from 0 to 59 such as 0,1-59/2"},
        {"* jan * * *", "cron: hour 'jan': expected *, or numbers from 0 to 23 such as 0,1-23/2"},
        {"@dayly", "cron: unknown word '@dayly'; use '@daily'"},
        {"0 0 30 2 *", "cron: '0 0 30 2 *' names a day that never comes"},
        {"0 0 31 4,6,9,11 *", "cron: '0 0 31 4,6,9,11 *' names a day that never comes"},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_error err = FY_ERROR_INIT;
        struct fy_cron cron = {.hours = 7};
        cr_expect_eq(fy_cron_parse(cases[i].text, &cron, &err), -1, "'%s'", cases[i].text);
        cr_expect_eq(err.code, FY_E_USAGE);
        cr_expect_str_eq(err.message, cases[i].message);
        cr_expect_eq(cron.hours, 7, "untouched on failure");
    }
}

Test(cron, read)
{
    struct fy_cron cron = parse("0,10-20/5,59 8-10 1,15 jan-Mar sun,5-7");
    cr_expect_eq(cron.minutes, UINT64_C(1) | 1 << 10 | 1 << 15 | 1 << 20 | UINT64_C(1) << 59);
    cr_expect_eq(cron.hours, 1u << 8 | 1u << 9 | 1u << 10);
    cr_expect_eq(cron.days, 1u << 1 | 1u << 15);
    cr_expect_eq(cron.months, 1u << 1 | 1u << 2 | 1u << 3);
    cr_expect_eq(cron.weekdays, 1u | 1u << 5 | 1u << 6, "7 is Sunday");
    cr_expect_not(cron.any_hour || cron.any_day || cron.any_weekday);
    cron = parse("  5/20\t*/6 * * *  ");
    cr_expect_eq(cron.minutes, UINT64_C(1) << 5 | UINT64_C(1) << 25 | UINT64_C(1) << 45);
    cr_expect_eq(cron.hours, 1u | 1u << 6 | 1u << 12 | 1u << 18);
    cr_expect(cron.any_hour && cron.any_day && cron.any_weekday);
    cr_expect_eq(parse("@Weekly").weekdays, 1);
    cr_expect_not(parse("@daily").any_hour);
}

Test(cron, known_cases)
{
    static const struct {
        const char *zone, *cron, *after, *next;
    } cases[] = {
        {"UTC", "0 3 * * *", "2026-11-25 03:00", "2026-11-26 03:00"},
        {"UTC", "0 3 * * *", "2026-11-25 02:59", "2026-11-25 03:00"},
        {"UTC", "0 0 29 2 *", "2026-11-25 00:00", "2028-02-29 00:00"},
        {"UTC", "0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00"},
        {"UTC", "0 0 13 * fri", "2026-11-25 00:00", "2026-11-27 00:00"},  /* either day */
        {"UTC", "0 0 */2 * mon", "2026-11-25 00:00", "2026-12-07 00:00"}, /* both: the 7th is a Monday */
        /* Berlin, 2026-03-29: 02:00 becomes 03:00, which is 01:00 UTC. */
        {"Europe/Berlin", "30 2 * * *", "2026-03-28 12:00", "2026-03-29 01:00"},
        {"Europe/Berlin", "30 2 * * *", "2026-03-29 01:00", "2026-03-30 00:30"},
        {"Europe/Berlin", "0 3 * * *", "2026-03-28 12:00", "2026-03-29 01:00"},
        {"Europe/Berlin", "0 3 * * *", "2026-03-29 01:00", "2026-03-30 01:00"},
        {"Europe/Berlin", "30 * * * *", "2026-03-29 00:30", "2026-03-29 01:30"},
        /* Berlin, 2026-10-25: 03:00 becomes 02:00, which is 01:00 UTC. */
        {"Europe/Berlin", "30 2 * * *", "2026-10-24 12:00", "2026-10-25 00:30"},
        {"Europe/Berlin", "30 2 * * *", "2026-10-25 00:30", "2026-10-26 01:30"},
        {"Europe/Berlin", "30 * * * *", "2026-10-25 00:30", "2026-10-25 01:30"},
        {"Europe/Berlin", "0 3 * * *", "2026-10-24 12:00", "2026-10-25 02:00"},
        /* Lord Howe, 2026-04-05: 02:00 becomes 01:30. */
        {"Australia/Lord_Howe", "45 1 * * *", "2026-04-04 12:00", "2026-04-04 14:45"},
        {"Australia/Lord_Howe", "45 1 * * *", "2026-04-04 14:45", "2026-04-05 15:15"},
        /* Samoa had no 30 December 2011. */
        {"Pacific/Apia", "0 12 30 12 *", "2011-12-29 00:00", "2011-12-30 10:00"},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_zone *zone = load(cases[i].zone);
        struct fy_cron cron = parse(cases[i].cron);
        int64_t next_s = fy_cron_next(&cron, zone, utc(cases[i].after));
        char text[64] = "";
        time_t next = next_s;
        struct tm date;
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M", gmtime_r(&next, &date));
        cr_expect_str_eq(text, cases[i].next, "%s in %s after %s: %s, expected %s", cases[i].cron, cases[i].zone,
                         cases[i].after, text, cases[i].next);
        fy_zone_free(zone);
    }
}

/* ---- the model ---- */

static uint32_t seed = 0x5eed4;

static uint32_t draw(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % below;
}

static int64_t local_minute(int64_t at_s)
{
    time_t time = at_s;
    struct tm local;
    (void)localtime_r(&time, &local);
    return (at_s + local.tm_gmtoff) / MINUTE_S;
}

static bool in_field(uint64_t bits, int value)
{
    return bits & UINT64_C(1) << value;
}

static bool minute_matches(const struct fy_cron *cron, int64_t minute)
{
    time_t time = minute * MINUTE_S;
    struct tm date;
    (void)gmtime_r(&time, &date);
    bool day = in_field(cron->days, date.tm_mday), weekday = in_field(cron->weekdays, date.tm_wday);
    bool both = cron->any_day || cron->any_weekday;
    return in_field(cron->minutes, date.tm_min) && in_field(cron->hours, date.tm_hour) &&
           in_field(cron->months, date.tm_mon + 1) && (both ? day && weekday : day || weekday);
}

/* The first run after `after_s` and before `end_s`, or INT64_MAX; begins two days earlier to know what has been. */
static int64_t model_next(const struct fy_cron *cron, int64_t after_s, int64_t end_s)
{
    int64_t at_s = after_s - after_s % MINUTE_S - 2 * DAY_S, latest = local_minute(at_s) - 1;
    for (; at_s < end_s; at_s += MINUTE_S) {
        int64_t minute = local_minute(at_s);
        bool run = minute_matches(cron, minute) && (cron->any_hour || minute > latest);
        for (int64_t skipped = latest + 1; skipped < minute && !cron->any_hour; skipped++)
            run = run || minute_matches(cron, skipped);
        if (run && at_s > after_s)
            return at_s;
        latest = minute > latest ? minute : latest;
    }
    return INT64_MAX;
}

static void random_field(char *text, size_t size, unsigned min, unsigned max)
{
    unsigned low = min + draw(max - min + 1), high = low + draw(max - low + 1);
    switch (draw(6)) {
    case 0:
        (void)snprintf(text, size, "%u", low);
        break;
    case 1:
        (void)snprintf(text, size, "%u-%u", low, high);
        break;
    case 2:
        (void)snprintf(text, size, "*/%u", 1 + draw(max - 1));
        break;
    case 3:
        (void)snprintf(text, size, "%u,%u", low, high);
        break;
    default:
        (void)snprintf(text, size, "*");
        break;
    }
}

/* Half of the moments lie within two days of a change of the clock. */
static int64_t random_moment(const struct fy_zone *zone)
{
    int64_t at_s = (int64_t)draw(1000000000) * 4;
    struct fy_zone_span span = fy_zone_span(zone, at_s);
    if (draw(2) && span.end_s < INT64_MAX)
        at_s = span.end_s - draw(2 * DAY_S);
    return at_s < 4 * DAY_S ? 4 * DAY_S : at_s;
}

Test(cron, random_lines_as_the_model)
{
    static const char *const zones[] = {"UTC",
                                        "Europe/Berlin",
                                        "America/New_York",
                                        "America/St_Johns",
                                        "Australia/Lord_Howe",
                                        "Africa/Casablanca",
                                        "Europe/Dublin",
                                        "Pacific/Apia",
                                        "Asia/Kathmandu"};
    size_t compared = 0, found = 0;
    for (size_t i = 0; i < FY_ARRAY_SIZE(zones); i++) {
        struct fy_zone *zone = load(zones[i]);
        (void)setenv("TZ", zones[i], 1);
        tzset();
        for (int round = 0; round < 250; round++) {
            char text[128], fields[5][16];
            struct fy_cron cron;
            random_field(fields[0], 16, 0, 59);
            random_field(fields[1], 16, 0, draw(2) ? 23 : 4);
            random_field(fields[2], 16, 1, 31);
            random_field(fields[3], 16, 1, 12);
            random_field(fields[4], 16, 0, 7);
            (void)snprintf(text, sizeof text, "%s %s %s %s %s", fields[0], fields[1], draw(3) ? "*" : fields[2],
                           draw(3) ? "*" : fields[3], draw(3) ? "*" : fields[4]);
            if (fy_cron_parse(text, &cron, NULL)) /* never comes */
                continue;
            int64_t after_s = random_moment(zone), end_s = after_s + 4 * DAY_S;
            int64_t next_s = fy_cron_next(&cron, zone, after_s), expected_s = model_next(&cron, after_s, end_s);
            compared++;
            found += expected_s != INT64_MAX;
            cr_assert(expected_s == INT64_MAX ? next_s >= end_s : next_s == expected_s,
                      "'%s' in %s after %lld: %lld, the model says %lld", text, zones[i], (long long)after_s,
                      (long long)next_s, (long long)expected_s);
        }
        fy_zone_free(zone);
    }
    cr_log_info("%zu compared, %zu with a run", compared, found);
    cr_expect_gt(compared, 1500);
    cr_expect_gt(found, 700);
}
