/* A whole number and a unit from a table. */
#include <ferry/base/cleanup.h>
#include <ferry/config/quantity.h>

#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit duration_units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                             {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
static const struct unit size_units[] = {
    {"B", 1},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
};

static const struct unit rate_units[] = {
    {"bit/s", 1},
    {"kbit/s", 1000},
    {"Mbit/s", 1000000},
    {"Gbit/s", 1000000000},
    {"B/s", 8},
    {"KiB/s", UINT64_C(8) << 10},
    {"MiB/s", UINT64_C(8) << 20},
    {"GiB/s", UINT64_C(8) << 30},
};

static bool parse(const char *text, const struct unit *units, size_t count, uint64_t *value)
{
    uint64_t number = 0;
    const char *end = text;
    for (; *end >= '0' && *end <= '9'; end++) {
        if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
            __builtin_add_overflow(number, (uint64_t)(*end - '0'), &number))
            return false;
    }
    if (end == text)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(end, units[i].name)) {
            if (__builtin_mul_overflow(number, units[i].factor, &number))
                return false;
            *value = number;
            return true;
        }
    }
    return false;
}

bool fy_duration_parse(const char *text, uint64_t *ms)
{
    return parse(text, duration_units, FY_ARRAY_SIZE(duration_units), ms);
}

/* The largest unit without a rest. */
void fy_duration_format(uint64_t ms, char text[FY_DURATION_TEXT_SIZE])
{
    const struct unit *best = &duration_units[0];
    for (size_t i = 0; i < FY_ARRAY_SIZE(duration_units); i++) {
        if (ms % duration_units[i].factor == 0 && ms)
            best = &duration_units[i];
    }
    (void)snprintf(text, FY_DURATION_TEXT_SIZE, "%llu%s", (unsigned long long)(ms / best->factor), best->name);
}

bool fy_rate_parse(const char *text, uint64_t *bytes_per_second)
{
    uint64_t bits;
    if (!strcmp(text, "unlimited")) {
        *bytes_per_second = 0;
        return true;
    }
    if (!parse(text, rate_units, FY_ARRAY_SIZE(rate_units), &bits) || bits < FY_RATE_MIN_BYTES * 8)
        return false;
    *bytes_per_second = bits / 8;
    return true;
}

bool fy_size_parse(const char *text, uint64_t *bytes)
{
    return parse(text, size_units, FY_ARRAY_SIZE(size_units), bytes);
}
