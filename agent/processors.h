/* How far the processors of this host are used, and by whom: looked at now and then, in some microseconds. */
#ifndef FERRY_AGENT_PROCESSORS_H
#define FERRY_AGENT_PROCESSORS_H

#include <stdbool.h>
#include <stdint.h>

/* Since when, and what had been used by then. Zero-initialised. */
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

#endif
