/* When a cron line runs next. Time is walked in stretches of one distance between local time and UTC: inside one of
 * them local time is plain arithmetic, and what a change of the clock skips or repeats is known at its beginning. */
#include <ferry/config/cron.h>

#include <time.h>

#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400
#define FAR_S ((int64_t)10 * 366 * DAY_S)

static bool day_matches(const struct fy_cron *cron, const struct tm *date)
{
    bool day = cron->days >> date->tm_mday & 1, weekday = cron->weekdays >> date->tm_wday & 1;
    if (!(cron->months >> (date->tm_mon + 1) & 1))
        return false;
    /* Two restrictions widen each other; A step from "*" counts as none, as in other crons, and both must hold. */
    return cron->any_day || cron->any_weekday ? day && weekday : day || weekday;
}

/* The first matching minute of the day from `second` of it on, in seconds of the day; -1: none. */
static int64_t minute_in_day(const struct fy_cron *cron, int64_t second)
{
    int64_t minute = (second + MINUTE_S - 1) / MINUTE_S;
    for (int64_t hour = minute / 60; hour < 24; hour++) {
        uint64_t rest = hour == minute / 60 ? cron->minutes >> (minute % 60) << (minute % 60) : cron->minutes;
        if ((cron->hours >> hour & 1) && rest)
            return hour * HOUR_S + __builtin_ctzll(rest) * MINUTE_S;
    }
    return -1;
}

/* The first matching moment in [from_s, end_s) of local time, or -1. */
static int64_t first_local(const struct fy_cron *cron, int64_t from_s, int64_t end_s)
{
    int64_t day_s = from_s - from_s % DAY_S;
    for (int64_t second = from_s % DAY_S; day_s < end_s; day_s += DAY_S, second = 0) {
        time_t day = day_s;
        struct tm date;
        (void)gmtime_r(&day, &date);
        int64_t found = day_matches(cron, &date) ? minute_in_day(cron, second) : -1;
        if (found >= 0)
            return day_s + found < end_s ? day_s + found : -1;
    }
    return -1;
}

/* The first run in the part of `span` from from_s to end_s, or -1. */
static int64_t first_in_span(const struct fy_cron *cron, const struct fy_zone_span *span, int64_t from_s, int64_t end_s)
{
    int64_t jump_s = (int64_t)span->offset_s - span->offset_before_s;
    int64_t local_from_s = from_s + span->offset_s;
    if (!cron->any_hour && jump_s > 0 && from_s == span->begin_s &&
        first_local(cron, from_s + span->offset_before_s, local_from_s) >= 0)
        return from_s;
    if (!cron->any_hour && jump_s < 0 && local_from_s < span->begin_s + span->offset_before_s)
        local_from_s = span->begin_s + span->offset_before_s; /* the names before have been had */
    int64_t found = first_local(cron, local_from_s, end_s + span->offset_s);
    return found < 0 ? -1 : found - span->offset_s;
}

int64_t fy_cron_next(const struct fy_cron *cron, const struct fy_zone *zone, int64_t after_s)
{
    int64_t from_s = (after_s < 2 * DAY_S ? 2 * DAY_S : after_s) + 1; /* local time is never before 1970 */
    for (int64_t far_s = from_s + FAR_S; from_s < far_s;) {
        struct fy_zone_span span = fy_zone_span(zone, from_s);
        int64_t end_s = span.end_s < far_s ? span.end_s : far_s;
        int64_t found = first_in_span(cron, &span, from_s, end_s);
        if (found >= 0)
            return found;
        from_s = end_s;
    }
    return INT64_MAX;
}
