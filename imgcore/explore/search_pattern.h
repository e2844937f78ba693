/* One match in a piece of memory. */
#ifndef FERRY_EXPLORE_SEARCH_PATTERN_H
#define FERRY_EXPLORE_SEARCH_PATTERN_H

#include <ferry/imgcore/search.h>

struct pattern_range {
    size_t begin, end; /* offsets of the first byte, and of the byte after the last */
};

/* The first match in data[0..size) that begins at `from` or later and before `stop`. Bytes before `from` are what
 * stands in front of it in memory; data[0] is the beginning of a memory area if `from` is 0. `is_last`: the area ends
 * with the data. 1: found, never empty; 0: there is none; -1 with FY_E_LIMIT when the pattern takes too much work. */
int fy_pattern_find(struct fy_pattern *pattern, const uint8_t *data, size_t size, size_t from, size_t stop,
                    bool is_last, struct pattern_range *found, struct fy_error *err);

#endif
