/* The chunks of an image set by their numbers: which have arrived, which are kept, and what they come to. Used by the
 * receiver, where they come in any order. */
#ifndef FERRY_AGENT_ARRIVALS_H
#define FERRY_AGENT_ARRIVALS_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stdint.h>

struct fy_arrival;

/* All zero is an empty one. */
struct fy_arrivals {
    struct fy_arrival *items; /* by number */
    uint32_t capacity;
    uint32_t limit;      /* numbers from here on are refused */
    uint32_t arrived;    /* how many */
    uint32_t end;        /* the highest number that arrived, plus one */
    uint32_t kept;       /* all numbers below are kept */
    uint64_t kept_bytes; /* sum of their lengths */
};

/* FY_E_PROTOCOL for a number that has arrived before or is beyond the limit, FY_E_NOMEM. */
int fy_arrivals_add(struct fy_arrivals *arrivals, uint32_t number, uint32_t raw_bytes, uint64_t record,
                    struct fy_error *err);
/* The chunk is safely in its file. */
void fy_arrivals_keep(struct fy_arrivals *arrivals, uint32_t number);
/* Whether these are all numbers from 0 to `count` - 1. */
bool fy_arrivals_are(const struct fy_arrivals *arrivals, uint32_t count);
/* The hash of the set: all records by number. Only when fy_arrivals_are() so many. */
uint64_t fy_arrivals_digest(const struct fy_arrivals *arrivals);
void fy_arrivals_done(struct fy_arrivals *arrivals);

#endif
