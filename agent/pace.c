/* The window of blocks that are under way while CRIU writes. */
#include "pace.h"

/* Of the time since the last look: below it CRIU only waited as everybody does now and then. */
#define WAITS_SHARE 0.1
/* From here on the session's own window is what limits. */
#define NO_LIMIT_BLOCKS 64u

bool fy_pace_takes_more(struct fy_pace *pace, uint32_t under_way)
{
    bool takes = pace->blocks == 0 || pace->blocks >= NO_LIMIT_BLOCKS || under_way < pace->blocks;
    pace->was_full = pace->was_full || !takes;
    return takes;
}

bool fy_pace_is_due(const struct fy_pace *pace, uint64_t now_ns)
{
    return now_ns - pace->at_ns >= FY_PACE_LOOK_EVERY_NS;
}

/* What CRIU and those beside it have waited can become less: when one of them is gone. */
static bool has_waited(const struct fy_pace *pace, uint64_t now_ns, uint64_t wait_ns)
{
    return wait_ns > pace->wait_ns && (double)(wait_ns - pace->wait_ns) > WAITS_SHARE * (double)(now_ns - pace->at_ns);
}

void fy_pace_looked(struct fy_pace *pace, uint64_t now_ns, uint64_t wait_ns)
{
    if (pace->blocks == 0 || has_waited(pace, now_ns, wait_ns))
        pace->blocks = FY_PACE_LEAST_BLOCKS;
    else if (pace->was_full)
        pace->blocks *= 2;
    pace->was_full = false;
    pace->at_ns = now_ns;
    pace->wait_ns = wait_ns;
}

void fy_pace_not_known(struct fy_pace *pace, uint64_t now_ns)
{
    *pace = (struct fy_pace){.at_ns = now_ns};
}
