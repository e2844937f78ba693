/* The rule of a zone's future: "CET-1CEST,M3.5.0,M10.5.0/3". Offsets in it count westwards, as POSIX has them. */
#include "zone.h"

#include <string.h>
#include <time.h>

#define LAST_YEAR 2100
#define DAY_S 86400
#define HOUR_S 3600
#define MAX_HOURS 167 /* RFC 8536 */

enum date_kind { DATE_WEEKDAY, DATE_JULIAN, DATE_DAY };

/* When a change comes each year, in local time before it. */
struct date {
    enum date_kind kind;
    int month, week, day; /* DATE_WEEKDAY: week 5 is the last; else only `day` of the year */
    int64_t time_s;
};

struct rule {
    int32_t standard_s, daylight_s; /* east of Greenwich */
    struct date begin, end;
};

static bool take_name(const char **text)
{
    const char *at = *text;
    if (*at == '<') {
        at = strchr(at, '>');
        if (!at)
            return false;
        *text = at + 1;
        return true;
    }
    while ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z'))
        at++;
    bool named = at - *text >= 3;
    *text = at;
    return named;
}

static bool take_number(const char **text, int max, int *value)
{
    const char *at = *text;
    *value = 0;
    while (*at >= '0' && *at <= '9' && *value <= max)
        *value = *value * 10 + (*at++ - '0');
    bool taken = at != *text && *value <= max;
    *text = at;
    return taken;
}

static bool take_character(const char **text, char character)
{
    if (**text != character)
        return false;
    ++*text;
    return true;
}

/* [+-]H[:MM[:SS]] */
static bool take_time(const char **text, int64_t *time_s)
{
    int hours = 0, minutes = 0, seconds = 0;
    bool negative = take_character(text, '-');
    if (!negative)
        (void)take_character(text, '+');
    if (!take_number(text, MAX_HOURS, &hours))
        return false;
    if (take_character(text, ':') && !take_number(text, 59, &minutes))
        return false;
    if (take_character(text, ':') && !take_number(text, 59, &seconds))
        return false;
    int64_t value = (int64_t)hours * HOUR_S + minutes * 60 + seconds;
    *time_s = negative ? -value : value;
    return true;
}

static bool take_day(const char **text, struct date *date)
{
    if (take_character(text, 'M')) {
        date->kind = DATE_WEEKDAY;
        return take_number(text, 12, &date->month) && date->month && take_character(text, '.') &&
               take_number(text, 5, &date->week) && date->week && take_character(text, '.') &&
               take_number(text, 6, &date->day);
    }
    date->kind = take_character(text, 'J') ? DATE_JULIAN : DATE_DAY;
    return take_number(text, 365, &date->day) && (date->kind == DATE_DAY || date->day);
}

static bool take_date(const char **text, struct date *date)
{
    date->time_s = (int64_t)2 * HOUR_S;
    return take_character(text, ',') && take_day(text, date) &&
           (!take_character(text, '/') || take_time(text, &date->time_s));
}

static bool take_offset(const char **text, int32_t *east_s)
{
    int64_t west_s = 0;
    if (!take_time(text, &west_s) || west_s > 25 * HOUR_S || west_s < -26 * HOUR_S)
        return false;
    *east_s = (int32_t)-west_s;
    return true;
}

/* *has_daylight: the rule has two halves of the year. */
static bool parse_rule_text(const char *text, struct rule *rule, bool *has_daylight)
{
    if (!take_name(&text) || !take_offset(&text, &rule->standard_s))
        return false;
    *has_daylight = *text != '\0';
    if (!*has_daylight)
        return true;
    if (!take_name(&text))
        return false;
    rule->daylight_s = rule->standard_s + HOUR_S;
    if (*text != ',' && !take_offset(&text, &rule->daylight_s))
        return false;
    return take_date(&text, &rule->begin) && take_date(&text, &rule->end) && !*text;
}

/* Days are numbered from 1970-01-01. */
static int64_t day_of(int year, int month, int day)
{
    struct tm date = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    return (int64_t)timegm(&date) / DAY_S;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t weekday_in_month(int year, const struct date *date)
{
    int64_t first = day_of(year, date->month, 1);
    int64_t next_month = date->month == 12 ? day_of(year + 1, 1, 1) : day_of(year, date->month + 1, 1);
    int64_t weekday = (first + 4) % 7; /* 1970-01-01 was a Thursday; all years here are later */
    int64_t day = first + (date->day - weekday + 7) % 7 + (date->week - 1) * 7;
    return day < next_month ? day : day - 7;
}

/* In seconds of local time. */
static int64_t date_in(int year, const struct date *date)
{
    int64_t day = 0;
    if (date->kind == DATE_WEEKDAY)
        day = weekday_in_month(year, date);
    else if (date->kind == DATE_DAY)
        day = day_of(year, 1, 1) + date->day;
    else /* 29 February is never counted */
        day = day_of(year, 1, 1) + date->day - 1 + (is_leap(year) && date->day >= 60 ? 1 : 0);
    return day * DAY_S + date->time_s;
}

static bool append_year(struct fy_zone *zone, const struct rule *rule, int year)
{
    int64_t begin_s = date_in(year, &rule->begin) - rule->standard_s;
    int64_t end_s = date_in(year, &rule->end) - rule->daylight_s;
    if (begin_s < end_s)
        return zone_append(zone, begin_s, rule->daylight_s) && zone_append(zone, end_s, rule->standard_s);
    return zone_append(zone, end_s, rule->standard_s) && zone_append(zone, begin_s, rule->daylight_s);
}

/* The rule holds after the last listed change, and for a zone without any for all time. */
bool zone_extend(struct fy_zone *zone, const char *text)
{
    struct rule rule = {0};
    bool has_daylight = false;
    if (!parse_rule_text(text, &rule, &has_daylight))
        return false;
    if (!has_daylight) {
        if (!zone->count)
            zone->first_offset_s = rule.standard_s;
        return true;
    }
    int64_t last_s = zone->count ? zone->changes[zone->count - 1].at_s : 0;
    time_t from = last_s > 0 ? last_s : 0;
    struct tm date;
    (void)gmtime_r(&from, &date);
    for (int year = date.tm_year + 1900; year <= LAST_YEAR; year++) {
        if (!append_year(zone, &rule, year))
            return false;
    }
    return true;
}
