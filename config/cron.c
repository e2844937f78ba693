/* Reading cron's fields. */
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <ferry/config/cron.h>

#include <string.h>
#include <strings.h>

#define FIELDS 5
#define FIELD_SIZE 256

struct cron_field {
    const char *name;
    unsigned min, max;
    const char *const *words; /* for min, min + 1, …; NULL: none */
    size_t word_count;
};

static const char *const month_words[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekday_words[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct cron_field fields[FIELDS] = {
    {"minute", 0, 59, NULL, 0},
    {"hour", 0, 23, NULL, 0},
    {"day of the month", 1, 31, NULL, 0},
    {"month", 1, 12, month_words, FY_ARRAY_SIZE(month_words)},
    {"day of the week", 0, 7, weekday_words, FY_ARRAY_SIZE(weekday_words)},
};

static const struct {
    const char *name, *fields;
} nicknames[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
};

static int refuse(const struct cron_field *field, const char *text, struct fy_error *err)
{
    return fy_error_set(err, FY_E_USAGE, "cron: %s '%.60s': expected *, or numbers from %u to %u%s such as %u,%u-%u/2",
                        field->name, text, field->min, field->max, field->words ? " or names" : "", field->min,
                        field->min + 1, field->max);
}

static bool parse_value(const struct cron_field *field, const char *text, unsigned *value)
{
    uint64_t number;
    for (size_t i = 0; i < field->word_count; i++) {
        if (!strcasecmp(text, field->words[i])) {
            *value = field->min + (unsigned)i;
            return true;
        }
    }
    if (!fy_text_parse_uint(text, field->max, &number) || number < field->min)
        return false;
    *value = (unsigned)number;
    return true;
}

/* "*", "5", "5-9", each perhaps with "/2". Text is cut up. */
static bool parse_part(const struct cron_field *field, char *text, uint64_t *bits)
{
    uint64_t step = 1;
    unsigned low = field->min, high = field->max;
    char *slash = strchr(text, '/');
    if (slash) {
        *slash = '\0';
        if (!fy_text_parse_uint(slash + 1, field->max, &step) || !step)
            return false;
    }
    if (strcmp(text, "*") != 0) {
        char *dash = strchr(text, '-');
        if (dash)
            *dash = '\0';
        if (!parse_value(field, text, &low))
            return false;
        if (dash && !parse_value(field, dash + 1, &high))
            return false;
        if (!dash && !slash)
            high = low;
    }
    if (low > high)
        return false;
    for (uint64_t value = low; value <= high; value += step)
        *bits |= UINT64_C(1) << value;
    return true;
}

static int parse_field(const struct cron_field *field, const char *text, uint64_t *bits, struct fy_error *err)
{
    char copy[FIELD_SIZE], *rest = NULL;
    (void)snprintf(copy, sizeof copy, "%s", text);
    *bits = 0;
    if (text[0] == ',' || text[strlen(text) - 1] == ',' || strstr(text, ",,"))
        return refuse(field, text, err);
    for (char *part = strtok_r(copy, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
        if (!parse_part(field, part, bits))
            return refuse(field, text, err);
    }
    return 0;
}

static int split(char *text, char *parts[FIELDS], struct fy_error *err)
{
    size_t count = 0;
    char *rest = NULL;
    for (char *part = strtok_r(text, " \t", &rest); part; part = strtok_r(NULL, " \t", &rest)) {
        if (count < FIELDS)
            parts[count] = part;
        count++;
    }
    if (count == FIELDS)
        return 0;
    return fy_error_set(err, FY_E_USAGE,
                        "cron: expected five fields (minute, hour, day, month, weekday) or a word such as @daily, got "
                        "%zu field%s",
                        count, count == 1 ? "" : "s");
}

/* The longest of each month, in a leap year. */
static bool can_come(const struct fy_cron *cron)
{
    static const unsigned longest[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!cron->any_weekday)
        return true;
    for (unsigned month = 1; month <= 12; month++) {
        uint32_t there = (uint32_t)((UINT64_C(2) << longest[month - 1]) - 1);
        if ((cron->months >> month & 1) && (cron->days & there))
            return true;
    }
    return false;
}

static const char *spelled_out(const char *text)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(nicknames); i++) {
        if (!strcasecmp(text, nicknames[i].name))
            return nicknames[i].fields;
    }
    return text;
}

static int unknown_nickname(const char *text, struct fy_error *err)
{
    const char *names[FY_ARRAY_SIZE(nicknames)];
    for (size_t i = 0; i < FY_ARRAY_SIZE(nicknames); i++)
        names[i] = nicknames[i].name;
    const char *near = fy_text_nearest(text, names, FY_ARRAY_SIZE(names));
    return fy_error_set(err, FY_E_USAGE, "cron: unknown word '%.60s'; use '%s'", text, near ? near : "@daily");
}

int fy_cron_parse(const char *text, struct fy_cron *cron, struct fy_error *err)
{
    char copy[FIELD_SIZE], *parts[FIELDS];
    uint64_t bits[FIELDS];
    const char *plain = spelled_out(text);
    if (plain[0] == '@')
        return unknown_nickname(plain, err);
    if (strlen(plain) >= sizeof copy)
        return fy_error_set(err, FY_E_USAGE, "cron: longer than %zu characters", sizeof copy - 1);
    (void)snprintf(copy, sizeof copy, "%s", plain);
    if (split(copy, parts, err))
        return -1;
    for (size_t i = 0; i < FIELDS; i++) {
        if (parse_field(&fields[i], parts[i], &bits[i], err))
            return -1;
    }
    struct fy_cron parsed = {
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint16_t)bits[3],
        .weekdays = (uint8_t)((bits[4] & 0x7f) | (bits[4] >> 7 & 1)), /* 7 is Sunday too */
        .any_hour = parts[1][0] == '*',
        .any_day = parts[2][0] == '*',
        .any_weekday = parts[4][0] == '*',
    };
    if (!can_come(&parsed))
        return fy_error_set(err, FY_E_USAGE, "cron: '%.60s' names a day that never comes", text);
    *cron = parsed;
    return 0;
}
