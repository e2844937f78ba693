/* When a schedule runs: a pure function of its plan, what is remembered of it, and the time.
 *
 *     slots     the times that the plan names: multiples of `every` since 1970, or those of `cron`; only inside of
 * `window` start     a slot and its jitter, which is drawn from the schedule's seed and the slot, so a restart does not
 *               change it
 *     settled   up to and with this moment slots have been run or given up
 *
 * The caller asks at any time; a slot is answered with a run once, whatever the clock does:
 *   - it jumps ahead, or nobody asked for a while: what has passed falls under the rule for missed runs;
 *   - it jumps back by up to an hour: nothing runs a second time, the schedule waits;
 *   - it jumps back by more: it had been wrong, and the schedule goes on from now. */
#ifndef FERRY_SCHEDULE_ENGINE_H
#define FERRY_SCHEDULE_ENGINE_H

#include <ferry/config/schedule.h>

#define FY_SCHEDULE_GRACE_S 60  /* a start later than that counts as missed */
#define FY_SCHEDULE_BACK_S 3600 /* how far the clock may go back before it is believed to have been wrong */
/* Slots looked at in one step; of `every` without a window no more are made up for. */
#define FY_SCHEDULE_AT_ONCE 1000

/* What is kept across restarts. */
struct fy_schedule_state {
    int64_t settled_s;
    uint32_t missed; /* passed since the last run, and not run */
    bool paused;     /* slots pass unused, and are not made up for */
};

struct fy_schedule_step {
    bool run;
    int64_t slot_s;  /* of the run */
    uint32_t missed; /* slots before it that it stands for, or that were given up */
    int64_t wake_s;  /* without a run: ask again then; INT64_MAX: only after a change. Not later than now: at once */
};

uint64_t fy_schedule_seed(const char *host, const char *name);
/* The first slot after `after_s`; INT64_MAX: none. */
int64_t fy_schedule_next_slot(const struct fy_schedule_spec *spec, int64_t after_s);
/* Never earlier than the slot, always inside of the window. */
int64_t fy_schedule_start_s(const struct fy_schedule_spec *spec, uint64_t seed, int64_t slot_s);
/* What is to be done at `now_s`. `busy`: the run before has not ended; ask again when it has. */
struct fy_schedule_step fy_schedule_step(const struct fy_schedule_spec *spec, uint64_t seed,
                                         struct fy_schedule_state *state, int64_t now_s, bool busy);

#endif
