/* Searching the memory of a checkpoint: text, bytes, or a regular expression, through every task and shared segment.
 *
 * Memory is read in address order in windows of 64 KiB, so what is used does not grow with the set. A match may cross
 * pages, runs and mappings whose addresses touch. Searched is what the set and its parents store: CRIU does not store
 * pages of zeros, nor pages of a mapped file that are as in the file, and pages still on the source are not here. */
#ifndef FERRY_IMGCORE_SEARCH_H
#define FERRY_IMGCORE_SEARCH_H

#include <ferry/base/error.h>
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

#endif
