/* Watches that the event loop never blocks: measures the busy time of every turn, without the time spent waiting. */
#ifndef FERRY_DAEMON_LAG_GUARD_H
#define FERRY_DAEMON_LAG_GUARD_H

#include <stdint.h>
#include <uv.h>

#define FY_LAG_LIMIT_US 10000u /* a longer turn is a stall */

/* Told of every stall, from the loop: how long the turn took, and how much of that the loop had a processor, which is
 * less when it waited for one, or for a disk. */
typedef void (*fy_lag_cb)(uint64_t busy_us, uint64_t processor_us, void *data);

struct fy_lag_guard {
    uv_prepare_t prepare;
    uint64_t turn_began_ns;
    uint64_t idle_before_ns;
    uint64_t processor_before_ns;
    uint64_t stalls;
    uint64_t longest_us;
    fy_lag_cb stalled;
    void *data;
};

/* Call before the loop runs for the first time; does not keep the loop alive. */
void fy_lag_guard_start(uv_loop_t *loop, struct fy_lag_guard *guard, fy_lag_cb stalled, void *data);
/* The guard's memory is used until the loop has closed the handle. */
void fy_lag_guard_close(struct fy_lag_guard *guard);

#endif
