/* Time zones: what is refused, then every change of many zones beside the C library's own reading of them. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/config/zone.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

static const char *const names[] = {"UTC",
                                    "Europe/Berlin",
                                    "America/New_York",
                                    "America/St_Johns",
                                    "Australia/Lord_Howe", /* half an hour */
                                    "Africa/Casablanca",   /* listed year by year */
                                    "Europe/Dublin",       /* winter is the exception */
                                    "Pacific/Apia",        /* skipped a day */
                                    "Asia/Kathmandu",
                                    "America/Asuncion",
                                    "Antarctica/Troll"};

static struct fy_zone *load(const char *name)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_zone *zone = NULL;
    cr_assert_eq(fy_zone_load(name, &zone, &err), 0, "%s", err.message);
    return zone;
}

Test(zone, refused)
{
    static const struct {
        const char *name, *message;
    } cases[] = {
        {"", "time zone '': expected UTC or a name such as Europe/Berlin"},
        {"../../etc/passwd", "time zone '../../etc/passwd': expected UTC or a name such as Europe/Berlin"},
        {"/etc/localtime", "time zone '/etc/localtime': expected UTC or a name such as Europe/Berlin"},
        {"Europe/", "time zone 'Europe/': expected UTC or a name such as Europe/Berlin"},
        {"Europe//Berlin", "time zone 'Europe//Berlin': expected UTC or a name such as Europe/Berlin"},
        {"Europe/Brelin", "time zone 'Europe/Brelin' is not known on this host: reading /usr/share/zoneinfo/Europe/"
                          "Brelin: No such file or directory"},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_error err = FY_ERROR_INIT;
        struct fy_zone *zone = NULL;
        cr_expect_eq(fy_zone_load(cases[i].name, &zone, &err), -1);
        cr_expect_eq(err.code, FY_E_NOT_FOUND);
        cr_expect(!strncmp(err.message, cases[i].message, 40), "%s", err.message);
        cr_expect_null(zone);
    }
}

/* Cut at every byte: the answer is an error, never a crash. The rule is the last line, so nothing shorter is whole. */
Test(zone, cut_at_every_byte)
{
    FY_AUTO_FREE char *data = NULL;
    size_t size = 0;
    cr_assert_eq(fy_fs_read_file("/usr/share/zoneinfo/Europe/Berlin", 65536, &data, &size, NULL), 0);
    for (size_t length = 0; length <= size; length++) {
        FY_AUTO_FREE char *cut = malloc(length ? length : 1);
        struct fy_zone *zone = NULL;
        struct fy_error err = FY_ERROR_INIT;
        memcpy(cut, data, length);
        int rc = fy_zone_parse("x", cut, length, &zone, &err);
        cr_expect_eq(rc, length == size ? 0 : -1, "%zu of %zu bytes", length, size);
        cr_expect_eq(err.code, length == size ? FY_OK : FY_E_FORMAT);
        fy_zone_free(zone);
    }
}

Test(zone, changed_bytes)
{
    FY_AUTO_FREE char *data = NULL;
    size_t size = 0;
    uint32_t seed = 0x5eed3;
    cr_assert_eq(fy_fs_read_file("/usr/share/zoneinfo/America/New_York", 65536, &data, &size, NULL), 0);
    for (int round = 0; round < 5000; round++) {
        FY_AUTO_FREE char *copy = malloc(size);
        struct fy_zone *zone = NULL;
        memcpy(copy, data, size);
        for (int i = 0; i < 4; i++) {
            seed = seed * 1664525 + 1013904223;
            copy[(seed >> 8) % size] = (char)(seed >> 24);
        }
        bool answered = (fy_zone_parse("x", copy, size, &zone, NULL) == 0) == (zone != NULL);
        for (int64_t at_s = -DAY_S; zone && at_s < (int64_t)5000000000; at_s += 100000000) {
            struct fy_zone_span span = fy_zone_span(zone, at_s);
            answered = answered && span.begin_s <= at_s && at_s < span.end_s;
        }
        if (!answered)
            cr_assert_fail("round %d", round);
        fy_zone_free(zone);
    }
}

/* Each quarter of an hour around each change, and a few days of every year. */
Test(zone, as_the_c_library_has_it)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++) {
        struct fy_zone *zone = load(names[i]);
        size_t spans = 0;
        (void)setenv("TZ", names[i], 1);
        tzset();
        for (int64_t at_s = 0; at_s < (int64_t)4070000000; at_s += 3 * DAY_S + 900) {
            struct fy_zone_span span = fy_zone_span(zone, at_s);
            for (int64_t near_s = span.begin_s > 0 ? span.begin_s - 2 : at_s; near_s < span.begin_s + 2; near_s++) {
                time_t time = near_s;
                struct tm local;
                (void)localtime_r(&time, &local);
                if (fy_zone_local_s(zone, near_s) - near_s != local.tm_gmtoff)
                    cr_assert_fail("%s at %lld", names[i], (long long)near_s);
            }
            time_t time = at_s;
            struct tm local;
            (void)localtime_r(&time, &local);
            if (span.offset_s != local.tm_gmtoff)
                cr_assert_fail("%s at %lld", names[i], (long long)at_s);
            spans += span.begin_s > at_s - 3 * DAY_S - 900;
        }
        cr_expect(i == 0 || spans > 0, "%s has changes", names[i]);
        fy_zone_free(zone);
    }
}
