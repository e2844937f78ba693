/* Time zones from the system's tz database, as values: the process's own TZ is neither read nor changed, so that each
 * schedule can have its own and nothing here depends on the environment. */
#ifndef FERRY_CONFIG_ZONE_H
#define FERRY_CONFIG_ZONE_H

#include <ferry/base/error.h>
#include <stddef.h>
#include <stdint.h>

#define FY_ZONE_NAME_SIZE 64

struct fy_zone;

/* A stretch of time in which local time and UTC keep their distance. */
struct fy_zone_span {
    int64_t begin_s, end_s;  /* seconds since 1970 UTC; INT64_MIN and INT64_MAX where there is no change any more */
    int32_t offset_s;        /* local time minus UTC */
    int32_t offset_before_s; /* of the span before; equal to offset_s in the first one */
};

/* "UTC" needs no file; other names ("Europe/Berlin") are read from /usr/share/zoneinfo. FY_E_NOT_FOUND: there is none
 * of that name; FY_E_FORMAT: its file is damaged. The caller owns *zone. */
int fy_zone_load(const char *name, struct fy_zone **zone, struct fy_error *err);
/* The same from the bytes of such a file (RFC 8536, version 2 or later). What follows its last listed change is worked
 * out by its rule until 2100. */
int fy_zone_parse(const char *name, const void *data, size_t size, struct fy_zone **zone, struct fy_error *err);
/* NULL is legal. */
void fy_zone_free(struct fy_zone *zone);
struct fy_zone_span fy_zone_span(const struct fy_zone *zone, int64_t at_s);
int64_t fy_zone_local_s(const struct fy_zone *zone, int64_t at_s);

#endif
