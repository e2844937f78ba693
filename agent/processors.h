/* How far the processors of this host are used, and by whom: looked at now and then, in some microseconds. */
#ifndef FERRY_AGENT_PROCESSORS_H
#define FERRY_AGENT_PROCESSORS_H

#include <stdbool.h>
#include <stdint.h>

/* Since when, and what had been used by then, in whatever clocks these go by. Zero-initialised. */
struct fy_processors {
    uint64_t since_ns;
    uint64_t idle_ns;
    uint64_t own_ns;
};

/* Of the time that all processors together had. */
struct fy_processors_share {
    double idle; /* used by nobody */
    double own;  /* by this process */
};

/* False while too little time has passed since the last look to say anything, or where the kernel does not tell. */
bool fy_processors_look(struct fy_processors *processors, struct fy_processors_share *share);
/* The same of a look that gave `now`, on so many processors. */
bool fy_processors_take(struct fy_processors *processors, const struct fy_processors *now, unsigned count,
                        struct fy_processors_share *share);

#endif
