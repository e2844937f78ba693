/* What the files of a zone share. */
#ifndef FERRY_CONFIG_ZONE_PRIVATE_H
#define FERRY_CONFIG_ZONE_PRIVATE_H

#include <ferry/config/zone.h>
#include <stdbool.h>

#define ZONE_MAX_CHANGES 4096

struct zone_change {
    int64_t at_s;
    int32_t offset_s; /* from then on */
};

struct fy_zone {
    int32_t first_offset_s; /* before the first change */
    size_t count;
    struct zone_change changes[ZONE_MAX_CHANGES]; /* in order of time */
};

/* Appends unless it changes nothing or there is no more room; what is not later than the last one is dropped. */
bool zone_append(struct fy_zone *zone, int64_t at_s, int32_t offset_s);
/* Works out the changes by a rule as the TZ variable has it ("CET-1CEST,M3.5.0,M10.5.0/3"), after those that are there.
 * False: not such a rule. */
bool zone_extend(struct fy_zone *zone, const char *rule);

#endif
