/* What both state machines of a switchover share: the words of the decision, the stages in the journal.
 *
 *     source                                          destination
 *     (dumped, held at post-dump)                     (image set whole)
 *                      ------ PREPARE ------>         restores, held at post-restore
 *                                                     journal PREPARED, durable
 *                      <----- PREPARED ------
 *     journal COMMIT, durable: the decision
 *     tasks killed, none is left; address withdrawn
 *                      ------ COMMIT ------->         tasks run
 *                                                     journal DONE, durable
 *                      <----- DONE ----------
 *     journal DONE
 *
 * Presumed abort: without a COMMIT in the source's journal the answer is abort. COMMIT in the journal says that the
 * kill may have begun; the destination hears it only when the kill is complete. So a source that restarts and finds
 * every task whole, and CRIU gone, finds a kill that never began: it writes ABORT over COMMIT, and nobody has seen the
 * other. A destination that is prepared never decides. It restores again whenever its held copy is lost, asks the
 * source after every lost link and restart, and keeps the image set until all is settled.
 *
 * The machines are pure: each event is a call, everything they want done is a call of one table of functions, and each
 * such call may give its event back at once. */
#ifndef FERRY_AGENT_SWITCHOVER_H
#define FERRY_AGENT_SWITCHOVER_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stdint.h>

/* A job's latest record in the journal. A later one replaces it. */
enum fy_stage {
    FY_STAGE_NONE,
    FY_STAGE_BEGUN,    /* source: the workload is about to be frozen */
    FY_STAGE_PREPARED, /* destination: a copy can be restored here at any time, and only the source decides */
    FY_STAGE_COMMIT,   /* source: the decision */
    FY_STAGE_ABORT,    /* source: a decision taken back before anybody heard of it; destination: discarded */
    FY_STAGE_RECOVER,  /* source: the destination cannot run it, and it is taken back from the image set here */
    FY_STAGE_DONE,     /* it runs at the destination */
};
#define FY_STAGE_COUNT 7

/* "prepared"; never NULL. */
const char *fy_stage_name(enum fy_stage stage);
/* FY_STAGE_NONE for a name that is not known. */
enum fy_stage fy_stage_from_name(const char *name);

/* What the two say to each other about the decision. */
enum fy_saying {
    /* source */
    FY_SAY_PREPARE,
    FY_SAY_COMMIT,
    FY_SAY_ABORT,
    FY_SAY_RESOLVE_COMMIT, /* the same two, as the first word on a new link */
    FY_SAY_RESOLVE_ABORT,
    /* destination */
    FY_SAY_PREPARED,
    FY_SAY_DONE,
    FY_SAY_ABORTED, /* nothing of the job is here, and never will be */
    FY_SAY_UNKNOWN, /* aborted, of a job that the destination has never heard of */
    FY_SAY_UNREADY, /* the prepared copy is lost and cannot be restored again; its image set is kept */
    /* the source's answer to a destination's question */
    FY_SAY_DECIDED_COMMIT,
    FY_SAY_DECIDED_ABORT,
    FY_SAY_UNDECIDED,
};

enum fy_heard {
    FY_HEARD_TAKEN,
    FY_HEARD_REPEATED, /* late or heard before: changes nothing */
    FY_HEARD_WRONG,    /* against the order of things, or of another epoch: refused */
};

/* Where the tasks of a workload stand that an earlier ferryd had in hand. CRIU and the runtime have ended. */
enum fy_tasks {
    FY_TASKS_WHOLE,   /* every one of them lives and runs */
    FY_TASKS_PARTIAL, /* some do */
    FY_TASKS_GONE,
};

enum fy_switch_link {
    FY_SWITCH_LINK_NONE,
    FY_SWITCH_LINK_OPENING,
    FY_SWITCH_LINK_OPEN, /* both sides have said hello */
    FY_SWITCH_LINK_CLOSING,
};

/* One row of a machine's table; the words are for people. */
struct fy_switch_phase {
    const char *name;
    unsigned successors; /* bit N: phase N may follow */
    const char *durable; /* in this side's journal: what survives a crash of it */
    const char *here;    /* what this side holds */
    const char *there;   /* what the other side holds, as far as can be known here */
    const char *next;    /* what happens by itself */
    const char *crash;   /* what a restart makes of a crash here */
};

#endif
