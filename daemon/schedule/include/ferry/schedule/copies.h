/* Which checkpoint of a schedule is copied to its peer next, and when: a pure function of what there is, of how earlier
 * attempts ended, and of the time.
 *
 * The newest comes first: what it needs of older ones travels with it. Attempts come in rounds, in which each one that
 * is missing there is tried once. After a round with a failure the next one waits, longer each time, unless a run of
 * the schedule has ended meanwhile. */
#ifndef FERRY_SCHEDULE_COPIES_H
#define FERRY_SCHEDULE_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FY_COPIES_FIRST_WAIT_S 10
#define FY_COPIES_MOST_WAIT_S 3600

struct fy_copy {
    int64_t taken_s;
    bool there; /* the peer has it */
    bool tried; /* it failed in this round, or is not fit to be copied */
};

/* Zero: nothing has failed. */
struct fy_copies_state {
    uint32_t failed_rounds; /* one after the other */
    int64_t failed_s;       /* when the last of them ended; 0: it is tried at once */
};

struct fy_copies_step {
    size_t index;    /* to be copied now; SIZE_MAX: none */
    bool round_over; /* the next step is asked with no one tried */
    int64_t wake_s;  /* without an index: ask again then; INT64_MAX: only after a change */
};

size_t fy_copies_behind(const struct fy_copy *list, size_t count);
struct fy_copies_step fy_copies_step(const struct fy_copy *list, size_t count, struct fy_copies_state *state,
                                     int64_t now_s);
/* The peer cannot take any: the round is over. */
void fy_copies_failed(struct fy_copies_state *state, int64_t now_s);
/* A run has ended: the next round begins at once. */
void fy_copies_hurry(struct fy_copies_state *state);
/* When the next round may begin. */
int64_t fy_copies_due_s(const struct fy_copies_state *state, int64_t now_s);

#endif
