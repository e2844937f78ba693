/* Workloads that move together: all are prepared, then all are decided upon, and all end on the same side.
 *
 *     all READY ─> COMMIT of all, in one transaction ─> all PINNED ─> the tasks of all are killed
 *
 * A pinned workload stands still whether ferryd lives or not: its CRIU is stopped, and that is noted where a crash of
 * ferryd does not reach it. No task is killed before all are pinned. So a restart that finds one that is not pinned
 * knows that nothing was killed, and takes all of them back; else it goes on with all of them, and none has done
 * anything since its memory was taken.
 *
 * Each member has a machine of its own (switchover_source.h, `together`); this is what they share, pure as they are. */
#ifndef FERRY_AGENT_SWITCHOVER_GROUP_H
#define FERRY_AGENT_SWITCHOVER_GROUP_H

#include <ferry/agent/switchover.h>
#include <stddef.h>

struct fy_group {
    size_t members; /* that have not ended */
    size_t ready;
    size_t pinned;
    bool decided; /* COMMIT of all was handed to the journal */
    bool struck;  /* all are pinned: from here on there is no way back */
    bool failed;  /* one was given up before that: none of them goes on */
};

/* A member is in READY. Returns whether to decide upon all of them now, in one transaction. */
bool fy_group_ready(struct fy_group *group);
/* A member is pinned. Returns whether to go on with all of them now. */
bool fy_group_pinned(struct fy_group *group);
/* A member was given up. Returns whether all the others must be, too; once. */
bool fy_group_given_up(struct fy_group *group);

/* What a restart finds of a member. */
struct fy_group_evidence {
    enum fy_stage stage; /* of its journal */
    bool stands_or_runs; /* something of it is left here, and it was not pinned */
};

/* Whether a group of which COMMIT was written goes on to the other side; else it is taken back. */
bool fy_group_goes_on(const struct fy_group_evidence *members, size_t count);

#endif
