/* Reading the files of the tz database. The first block of a file is for readers of 32 bits and is stepped over. */
#include "zone.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define ZONE_DIR "/usr/share/zoneinfo"
#define MAX_FILE_BYTES ((size_t)128 * 1024)
#define HEAD_BYTES 44
#define MAX_OFFSET_S 93600 /* RFC 8536: within 25 hours west and 26 east */

/* The counts of a block's header, in the file's order. */
enum count { IS_UT, IS_STD, LEAP, TIME, TYPE, CHARACTER, COUNTS_ };

struct block {
    const uint8_t *data; /* what follows the header */
    size_t counts[COUNTS_];
    size_t time_bytes; /* 4 or 8 */
};

static int64_t read_number(const uint8_t *data, size_t bytes)
{
    uint64_t value = data[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | data[i];
    return (int64_t)value;
}

static size_t block_bytes(const struct block *block)
{
    const size_t *counts = block->counts;
    return counts[TIME] * (block->time_bytes + 1) + counts[TYPE] * 6 + counts[CHARACTER] +
           counts[LEAP] * (block->time_bytes + 4) + counts[IS_STD] + counts[IS_UT];
}

/* Steps over a block; false if it is not whole. */
static bool take_block(const uint8_t **data, size_t *left, size_t time_bytes, struct block *block)
{
    if (*left < HEAD_BYTES || memcmp(*data, "TZif", 4) != 0 || (*data)[4] < '2')
        return false;
    block->time_bytes = time_bytes;
    for (size_t i = 0; i < COUNTS_; i++) {
        block->counts[i] = (size_t)(read_number(*data + 20 + i * 4, 4) & UINT32_MAX);
        if (block->counts[i] > MAX_FILE_BYTES)
            return false;
    }
    block->data = *data + HEAD_BYTES;
    size_t bytes = HEAD_BYTES + block_bytes(block);
    if (*left < bytes)
        return false;
    *data += bytes;
    *left -= bytes;
    return true;
}

static bool type_offset(const struct block *block, size_t type, int32_t *offset_s)
{
    const uint8_t *types = block->data + block->counts[TIME] * (block->time_bytes + 1);
    if (type >= block->counts[TYPE])
        return false;
    int64_t offset = read_number(types + type * 6, 4);
    if (offset < -MAX_OFFSET_S || offset > MAX_OFFSET_S)
        return false;
    *offset_s = (int32_t)offset;
    return true;
}

static bool read_changes(const struct block *block, struct fy_zone *zone)
{
    const uint8_t *types = block->data + block->counts[TIME] * block->time_bytes;
    int64_t before_s = INT64_MIN;
    if (!type_offset(block, 0, &zone->first_offset_s))
        return false;
    for (size_t i = 0; i < block->counts[TIME]; i++) {
        int64_t at_s = read_number(block->data + i * block->time_bytes, block->time_bytes);
        int32_t offset_s = 0;
        /* Far from both ends, so that a distance can always be added. */
        if ((i && at_s <= before_s) || at_s < INT64_MIN / 2 || at_s > INT64_MAX / 2 ||
            !type_offset(block, types[i], &offset_s) || !zone_append(zone, at_s, offset_s))
            return false;
        before_s = at_s;
    }
    return true;
}

/* The rule stands between two line ends. */
static bool read_rule(const uint8_t *data, size_t left, struct fy_zone *zone)
{
    char rule[256];
    const uint8_t *end = left > 1 ? memchr(data + 1, '\n', left - 1) : NULL;
    if (!end || data[0] != '\n' || (size_t)(end - data) > sizeof rule)
        return false;
    size_t length = (size_t)(end - data) - 1;
    memcpy(rule, data + 1, length);
    rule[length] = '\0';
    return !length || zone_extend(zone, rule);
}

int fy_zone_parse(const char *name, const void *data, size_t size, struct fy_zone **zone, struct fy_error *err)
{
    const uint8_t *rest = data;
    struct block block;
    struct fy_zone *parsed = calloc(1, sizeof *parsed);
    if (!parsed)
        return fy_error_set(err, FY_E_NOMEM, "no memory for time zone %s", name);
    if (!take_block(&rest, &size, 4, &block) || !take_block(&rest, &size, 8, &block) || !read_changes(&block, parsed) ||
        !read_rule(rest, size, parsed)) {
        free(parsed);
        return fy_error_set(err, FY_E_FORMAT, "time zone %s: its file is not one of the tz database, version 2", name);
    }
    *zone = parsed;
    return 0;
}

/* "Europe/Berlin": the parts of a path that stays below the directory. */
static bool is_zone_name(const char *name)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    size_t length = strnlen(name, FY_ZONE_NAME_SIZE);
    return length && length < FY_ZONE_NAME_SIZE && strspn(name, characters) == length && name[0] != '/' &&
           name[length - 1] != '/' && !strstr(name, "//");
}

int fy_zone_load(const char *name, struct fy_zone **zone, struct fy_error *err)
{
    FY_AUTO_FREE char *data = NULL;
    struct fy_error cause = FY_ERROR_INIT;
    char path[sizeof ZONE_DIR + FY_ZONE_NAME_SIZE];
    size_t size = 0;
    if (!is_zone_name(name))
        return fy_error_set(err, FY_E_NOT_FOUND, "time zone '%.80s': expected UTC or a name such as Europe/Berlin",
                            name);
    if (!strcmp(name, "UTC")) {
        struct fy_zone *utc = calloc(1, sizeof *utc);
        if (!utc)
            return fy_error_set(err, FY_E_NOMEM, "no memory for time zone UTC");
        *zone = utc;
        return 0;
    }
    (void)snprintf(path, sizeof path, "%s/%s", ZONE_DIR, name);
    if (!fy_fs_read_file(path, MAX_FILE_BYTES, &data, &size, &cause))
        return fy_zone_parse(name, data, size, zone, err);
    if (cause.code == FY_E_NOMEM) {
        fy_error_propagate(err, &cause);
        return -1;
    }
    fy_error_set(err, FY_E_NOT_FOUND, "time zone '%s' is not known on this host: %s", name, cause.message);
    return fy_error_next(err, "see the names in " ZONE_DIR "; the package tzdata brings them");
}

void fy_zone_free(struct fy_zone *zone)
{
    free(zone);
}

bool zone_append(struct fy_zone *zone, int64_t at_s, int32_t offset_s)
{
    int32_t last_s = zone->count ? zone->changes[zone->count - 1].offset_s : zone->first_offset_s;
    if (offset_s == last_s || (zone->count && at_s <= zone->changes[zone->count - 1].at_s))
        return true;
    if (zone->count == ZONE_MAX_CHANGES)
        return false;
    zone->changes[zone->count++] = (struct zone_change){at_s, offset_s};
    return true;
}

struct fy_zone_span fy_zone_span(const struct fy_zone *zone, int64_t at_s)
{
    size_t low = 0, high = zone->count; /* the number of changes up to at_s lies in [low, high] */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at_s <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    struct fy_zone_span span = {.begin_s = INT64_MIN, .end_s = INT64_MAX, .offset_s = zone->first_offset_s};
    span.offset_before_s = zone->first_offset_s;
    if (low) {
        span.begin_s = zone->changes[low - 1].at_s;
        span.offset_s = zone->changes[low - 1].offset_s;
        span.offset_before_s = low > 1 ? zone->changes[low - 2].offset_s : zone->first_offset_s;
    }
    if (low < zone->count)
        span.end_s = zone->changes[low].at_s;
    return span;
}

int64_t fy_zone_local_s(const struct fy_zone *zone, int64_t at_s)
{
    return at_s + fy_zone_span(zone, at_s).offset_s;
}
