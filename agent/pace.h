/* How far sending stands back while CRIU writes what is sent. Sending wants every processor, on either side, and the
 * workload is frozen for as long as CRIU takes: so while CRIU has to wait for a processor, little is under way to the
 * peer, and what would compete for the processors with it, here and also there if that is the same machine, has little
 * to do. CRIU's priority alone doesn't do it: it counts for nothing across the borders of cgroups.
 *
 * As with a link's congestion, the little is doubled each time that all of it was used and CRIU did not have to wait,
 * and is little again when it did. Pure. */
#ifndef FERRY_AGENT_PACE_H
#define FERRY_AGENT_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define FY_PACE_LOOK_EVERY_NS UINT64_C(10000000)
/* A destination says what it keeps every 2 MiB: with fewer the transfer would stand still until it is asked for. */
#define FY_PACE_LEAST_BLOCKS 2u

/* Zero-initialised. */
struct fy_pace {
    uint32_t blocks;  /* that may be under way; 0: it is not known whether CRIU waits, and nothing is held back */
    bool was_full;    /* since the last look */
    uint64_t at_ns;   /* of the last look */
    uint64_t wait_ns; /* found by it */
};

/* Whether another block may be under way, beside the `under_way` that are. */
bool fy_pace_takes_more(struct fy_pace *pace, uint32_t under_way);
/* Whether the last look is so long ago that another one says something. */
bool fy_pace_is_due(const struct fy_pace *pace, uint64_t now_ns);
/* At `now_ns` CRIU has waited for a processor for `wait_ns` in all. */
void fy_pace_looked(struct fy_pace *pace, uint64_t now_ns, uint64_t wait_ns);
/* At `now_ns` it could not be told: CRIU does not write, or the kernel doesn't count it. */
void fy_pace_not_known(struct fy_pace *pace, uint64_t now_ns);

#endif
