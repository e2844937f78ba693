/* A window that slides over memory: bytes come in address order, matches with their surroundings go out. */
#ifndef FERRY_EXPLORE_SEARCH_WINDOW_H
#define FERRY_EXPLORE_SEARCH_WINDOW_H

#include "search_pattern.h"

/* What stays in front of the place where a match may begin: for context and for what a pattern looks back at. */
#define WINDOW_BEHIND_BYTES FY_SEARCH_CONTEXT_MAX_BYTES
/* What must be known behind it, unless memory ends there. */
#define WINDOW_AHEAD_BYTES (FY_PATTERN_MATCH_MAX_BYTES + FY_SEARCH_CONTEXT_MAX_BYTES)
#define WINDOW_STEP_BYTES (64 << 10)
#define WINDOW_BYTES (WINDOW_BEHIND_BYTES + WINDOW_AHEAD_BYTES + WINDOW_STEP_BYTES)

struct window_match {
    uint64_t address;
    const uint8_t *before, *match, *after; /* valid during the call */
    size_t before_bytes, match_bytes, after_bytes;
};

/* Not 0: enough. */
typedef int window_match_fn(const struct window_match *match, void *context);

struct window {
    struct fy_pattern *pattern;
    size_t context_bytes; /* at most FY_SEARCH_CONTEXT_MAX_BYTES */
    window_match_fn *on_match;
    void *on_match_context;
    uint64_t address; /* of data[0] */
    size_t size;
    size_t next; /* the next match begins here or later */
    bool is_over;
    uint8_t data[WINDOW_BYTES];
};

void fy_window_init(struct window *window, struct fy_pattern *pattern, size_t context_bytes, window_match_fn *on_match,
                    void *context);
/* Where the bytes from `address` on are to be put, at least WINDOW_STEP_BYTES of them. An address that is not the next
 * one begins a new area of memory, after what is left of the last has been searched. NULL with an error. */
uint8_t *fy_window_room(struct window *window, uint64_t address, struct fy_error *err);
/* `count` bytes are there. 0, also when on_match has had enough (is_over); -1 when the pattern takes too much work. */
int fy_window_filled(struct window *window, size_t count, struct fy_error *err);
/* The area ends here. */
int fy_window_finish(struct window *window, struct fy_error *err);

#endif
