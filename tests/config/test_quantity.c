/* Durations and sizes: what is refused, then what is read. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/config/quantity.h>

Test(quantity, refused)
{
    static const char *const durations[] = {"",
                                            "10",
                                            "s",
                                            "10 s",
                                            " 10s",
                                            "10S",
                                            "1.5s",
                                            "-1s",
                                            "+1s",
                                            "10y",
                                            "10ss",
                                            "0x1s",
                                            "10s ",
                                            "18446744073709552s",
                                            "18446744073709551616ms"};
    static const char *const sizes[] = {"", "1", "KiB", "1KB", "1K", "1kib", "1 MiB", "16777216TiB", "-1B"};
    uint64_t value = 7;
    for (size_t i = 0; i < FY_ARRAY_SIZE(durations); i++)
        cr_expect_not(fy_duration_parse(durations[i], &value), "'%s'", durations[i]);
    for (size_t i = 0; i < FY_ARRAY_SIZE(sizes); i++)
        cr_expect_not(fy_size_parse(sizes[i], &value), "'%s'", sizes[i]);
    cr_expect_eq(value, 7, "untouched on failure");
}

Test(quantity, read)
{
    static const struct {
        const char *text;
        uint64_t value;
    } durations[] = {{"0ms", 0},         {"500ms", 500},
                     {"10s", 10000},     {"5m", 300000},
                     {"2h", 7200000},    {"30d", UINT64_C(2592000000)},
                     {"2w", 1209600000}, {"18446744073709551s", UINT64_C(18446744073709551000)}},
      sizes[] = {{"0B", 0},
                 {"100B", 100},
                 {"512KiB", 524288},
                 {"20MiB", 20971520},
                 {"4GiB", UINT64_C(4) << 30},
                 {"16777215TiB", UINT64_C(16777215) << 40}};
    uint64_t value;
    for (size_t i = 0; i < FY_ARRAY_SIZE(durations); i++)
        cr_expect(fy_duration_parse(durations[i].text, &value) && value == durations[i].value, "'%s'",
                  durations[i].text);
    for (size_t i = 0; i < FY_ARRAY_SIZE(sizes); i++)
        cr_expect(fy_size_parse(sizes[i].text, &value) && value == sizes[i].value, "'%s'", sizes[i].text);
}

Test(quantity, written)
{
    static const char *const texts[] = {"0ms", "1ms", "1500ms", "90s", "30m", "36h", "3d", "2w"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(texts); i++) {
        char text[FY_DURATION_TEXT_SIZE];
        uint64_t ms = 0;
        cr_assert(fy_duration_parse(texts[i], &ms));
        fy_duration_format(ms, text);
        cr_expect_str_eq(text, texts[i]);
    }
}

Test(quantity, rates_are_read)
{
    static const struct {
        const char *text;
        uint64_t value;
    } rates[] = {{"unlimited", 0},     {"100Mbit/s", 12500000}, {"1Gbit/s", 125000000}, {"1000000bit/s", 125000},
                 {"123KiB/s", 125952}, {"20MiB/s", 20971520},   {"1GiB/s", 1073741824}, {"1001kbit/s", 125125}};
    for (size_t i = 0; i < FY_ARRAY_SIZE(rates); i++) {
        uint64_t value = 7;
        cr_expect(fy_rate_parse(rates[i].text, &value), "%s", rates[i].text);
        cr_expect_eq(value, rates[i].value, "%s", rates[i].text);
    }
}

Test(quantity, rates_are_refused)
{
    static const char *const texts[] = {
        "",      "10",       "0Mbit/s", "100",    "1000B/s",   "100 Mbit/s", "100Mbit", "100mbit/s",
        "-1B/s", "1.5MiB/s", "MiB/s",   "10MB/s", "Unlimited", "1000bit/s",  "10MiBs",  "99999999999999999999bit/s"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(texts); i++) {
        uint64_t value = 7;
        cr_expect_not(fy_rate_parse(texts[i], &value), "%s", texts[i]);
        cr_expect_eq(value, 7);
    }
}
