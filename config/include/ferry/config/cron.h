/* Cron's five fields: minute, hour, day of month, month, day of week, in the local time of a zone.
 *
 *     "30 3 * * mon-fri"   "0,30 8-18 * * *"   "0 0 1,15 * *"   "@daily"
 *
 * As in every cron, a day matches if either of the two day fields does when both are restricted. A change of the clock
 * is met by what the hour field says:
 *   - it begins with '*': the runs follow elapsed time. None comes in the hour that is skipped in spring, and both
 * hours of the same name in autumn have theirs.
 *   - it names hours: each run comes once a day. What falls into the skipped hour comes at the moment after it, and of
 *     two moments of one name only the first counts. */
#ifndef FERRY_CONFIG_CRON_H
#define FERRY_CONFIG_CRON_H

#include <ferry/base/error.h>
#include <ferry/config/zone.h>
#include <stdbool.h>
#include <stdint.h>

struct fy_cron {
    uint64_t minutes; /* bit n: n is in the field */
    uint32_t hours;
    uint32_t days;    /* 1 to 31 */
    uint16_t months;  /* 1 to 12 */
    uint8_t weekdays; /* 0 is Sunday */
    bool any_hour;    /* the field begins with '*' */
    bool any_day;     /* of the month */
    bool any_weekday;
};

/* FY_E_USAGE names the field and what may stand there, also for what can never come (30 February). */
int fy_cron_parse(const char *text, struct fy_cron *cron, struct fy_error *err);
/* The first run after `after_s` (seconds since 1970 UTC), or INT64_MAX when none comes within ten years. */
int64_t fy_cron_next(const struct fy_cron *cron, const struct fy_zone *zone, int64_t after_s);

#endif
