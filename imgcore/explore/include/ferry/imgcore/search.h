/* Searching the memory of a checkpoint: text, bytes, or a regular expression, through every task and shared segment.
 *
 * Memory is read in address order in windows of 64 KiB, so what is used does not grow with the set. A match may cross
 * pages, runs and mappings whose addresses touch. Searched is what the set and its parents store: CRIU does not store
 * pages of zeros, nor pages of a mapped file that are as in the file, and pages still on the source are not here. */
#ifndef FERRY_IMGCORE_SEARCH_H
#define FERRY_IMGCORE_SEARCH_H

#include <ferry/base/error.h>
#include <ferry/imgcore/explore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fy_pattern_kind {
    FY_PATTERN_TEXT,  /* the bytes as they are */
    FY_PATTERN_HEX,   /* pairs of hexadecimal digits, with or without spaces between the pairs */
    FY_PATTERN_REGEX, /* PCRE2's syntax on bytes; ^ and $ are the ends of lines and of memory areas */
};

/* The longest pattern, and the longest match that is found for certain: a longer one may be missed, or is reported in
 * pieces of this size. */
#define FY_PATTERN_MATCH_MAX_BYTES 4096
#define FY_SEARCH_CONTEXT_MAX_BYTES 4096

/* A compiled pattern; one search at a time may use it. */
struct fy_pattern;

/* FY_E_USAGE with the place in the pattern when it is wrong; FY_E_NOMEM. */
int fy_pattern_new(enum fy_pattern_kind kind, const char *text, struct fy_pattern **pattern, struct fy_error *err);
/* NULL is legal. */
void fy_pattern_free(struct fy_pattern *pattern);

struct fy_search_options {
    struct fy_pattern *pattern;
    uint32_t pid;         /* only this task and the shared memory that it maps; 0: everything */
    size_t context_bytes; /* to hand out in front of and behind a match, at most FY_SEARCH_CONTEXT_MAX_BYTES */
};

struct fy_search_hit {
    bool is_shared;
    uint64_t memory;                          /* pid, or the number of the shared memory */
    uint64_t address;                         /* of the match; in shared memory from its beginning */
    const struct fy_explore_task *task;       /* NULL: shared, or not in the process tree */
    const struct fy_explore_mapping *mapping; /* NULL: no task maps this place; of shared memory the first that does */
    uint32_t mapping_pid;                     /* whose mapping it is */
    uint64_t mapped_address;                  /* of the match in that task */
    const uint8_t *before, *match, *after;    /* valid during the call; before and after end where memory ends */
    size_t before_bytes, match_bytes, after_bytes;
};

/* Called for each hit: tasks by pid, then shared memory by number, each in address order. Not 0: enough. */
typedef int fy_search_fn(const struct fy_search_hit *hit, void *data);

struct fy_search_summary {
    uint64_t hits;
    uint64_t searched_bytes;
    uint64_t lazy_pages; /* still on the source */
    uint64_t lost_pages; /* said to be in a parent set, and not there */
};

/* Searches the set in `dir_fd`, of which `explore` was made with FY_EXPLORE_MAPPINGS. Memory that cannot be read does
 * not stop it: the first such error is returned at the end, when all else has been searched and the summary is filled.
 * FY_E_NOT_FOUND when there is no such task, or no memory at all; FY_E_LIMIT, at once, when the pattern takes too much
 * work. */
int fy_search_set(int dir_fd, const struct fy_explore *explore, const struct fy_search_options *options,
                  fy_search_fn *on_hit, void *data, struct fy_search_summary *summary, struct fy_error *err);

#endif
