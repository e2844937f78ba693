/* A whole number and a unit from a table. */
#include <ferry/base/cleanup.h>
#include <ferry/config/quantity.h>

#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit duration_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
static const struct unit size_units[] = {
    {"B", 1},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
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

bool fy_size_parse(const char *text, uint64_t *bytes)
{
    return parse(text, size_units, FY_ARRAY_SIZE(size_units), bytes);
}
