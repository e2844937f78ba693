/* The destination's machine: once it is prepared it never decides.
 *
 *     GREET ─ ASK ─ RECEIVE ─ CHECK ─ WAIT ─ RESTORE ─ RECORD ─ PREPARED ─ RUN ─ FINISH ─ END
 *       │      └───────┴── any failure ┴────────┴────────┴─┐      │  ↑       │              ↑
 *       └─ END                                          DISCARD ──┼──┼───────┼──────────────┘
 *                                                          ↑      └─ AGAIN ──┘
 *                                                          └──────── STRANDED
 *     after a restart:  PREPARED ─> LOOK ─> FINISH, AGAIN or STRANDED     else ─> LOOK ─> DISCARD
 *
 *     GREET     hello, then an offer (or a word about a job whose link was lost)
 *     ASK       preflight; answered item by item
 *     RECEIVE   the image set arrives
 *     CHECK     and is verified; with `durable` it is also made durable on disk
 *     WAIT      for PREPARE
 *     RESTORE   addresses staged behind their guard, CRIU restores and is held before the tasks may run
 *     RECORD    PREPARED goes into the journal
 *     PREPARED  held; only the source decides, over this link, a new one of its own, or when it is asked
 *     AGAIN     the held copy was lost: restored and held once more, from the image set
 *     STRANDED  it cannot be restored: the image set is kept, and the source's decision or an operator awaited
 *     RUN       COMMIT came: the address is announced, the tasks run
 *     FINISH    DONE goes into the journal
 *     DISCARD   ABORT came, or something failed before PREPARED: nothing stays
 *     LOOK      a restart finds out what an earlier ferryd's restore has left
 *     END
 *
 * What is durable in each phase, and what a crash there means, is the table in destination.c. */
#ifndef FERRY_AGENT_SWITCHOVER_DESTINATION_H
#define FERRY_AGENT_SWITCHOVER_DESTINATION_H

#include <ferry/agent/switchover.h>

enum fy_destination_phase {
    FY_DESTINATION_GREET,
    FY_DESTINATION_ASK,
    FY_DESTINATION_RECEIVE,
    FY_DESTINATION_CHECK,
    FY_DESTINATION_WAIT,
    FY_DESTINATION_RESTORE,
    FY_DESTINATION_RECORD,
    FY_DESTINATION_PREPARED,
    FY_DESTINATION_AGAIN,
    FY_DESTINATION_STRANDED,
    FY_DESTINATION_RUN,
    FY_DESTINATION_FINISH,
    FY_DESTINATION_LOOK,
    FY_DESTINATION_DISCARD,
    FY_DESTINATION_END,
};
#define FY_DESTINATION_PHASES 15

enum fy_destination_wait {
    FY_DESTINATION_WAIT_NOTHING,
    FY_DESTINATION_WAIT_HELLO,
    FY_DESTINATION_WAIT_REQUEST,
    FY_DESTINATION_WAIT_SET,
    FY_DESTINATION_WAIT_PREPARE,
};

/* As fy_source_ops. */
struct fy_destination_ops {
    void (*entered)(void *ctx, enum fy_destination_phase phase);
    void (*blame)(void *ctx, const struct fy_error *why);
    void (*expect)(void *ctx, enum fy_destination_wait wait); /* -> fy_destination_late */
    void (*retry_later)(void *ctx, unsigned attempt);         /* -> fy_destination_retry */
    /* ---- the link ---- */
    void (*hang_up)(void *ctx, const struct fy_error *why); /* -> fy_destination_link_lost */
    void (*farewell)(void *ctx);                            /* -> fy_destination_link_lost, after what is queued */
    void (*say)(void *ctx, enum fy_saying saying);
    /* Asks the source on a link of our own, after a pause that grows: -> fy_destination_asked, once. */
    void (*ask)(void *ctx, unsigned attempt);
    void (*ask_stop)(void *ctx);
    /* ---- the workload ---- */
    void (*preflight)(void *ctx); /* -> fy_destination_preflighted */
    void (*receive)(void *ctx);   /* -> fy_destination_received */
    void (*receive_stop)(void *ctx);
    void (*check)(void *ctx);   /* -> fy_destination_checked */
    void (*restore)(void *ctx); /* -> fy_destination_held, and in the end fy_destination_restored */
    void (*run)(void *ctx);     /* the held restore; -> fy_destination_restored */
    void (*drop)(void *ctx);    /* the restore at any time; -> fy_destination_restored */
    /* Takes away the addresses and all else that a restore had staged: -> fy_destination_unstaged. */
    void (*unstage)(void *ctx);
    bool (*has_set)(void *ctx); /* the image set is here, and whole as far as can be told */
    /* CRIU and the runtime have ended, and either the tasks run (WHOLE) or what was left of them is cleared away:
     * -> fy_destination_settled. */
    void (*settle)(void *ctx);
    /* ---- the record ---- */
    void (*journal)(void *ctx, enum fy_stage stage); /* -> fy_destination_journaled */
    void (*finish)(void *ctx);
};

struct fy_destination {
    const struct fy_destination_ops *ops;
    void *ctx;
    enum fy_destination_phase phase;
    unsigned busy;
    enum fy_switch_link link;
    uint64_t epoch;
    unsigned attempts;   /* of the wait that goes on */
    unsigned tries;      /* of restoring again, since the last decision */
    unsigned questions;  /* asked in vain */
    bool prepare_wanted; /* PREPARE came before the check was over */
    bool prepared_durable;
    bool held; /* in AGAIN */
    bool commit_known;
    bool abort_wanted; /* came while the tasks were let run, or were looked for */
    bool unstaged;
    bool discard_written;
    bool runs_here;
    bool finished;
};

/* Serves a link that is open. */
void fy_destination_init(struct fy_destination *destination, const struct fy_destination_ops *ops, void *ctx);
/* Instead of a link: takes up what the journal says of an earlier ferryd's job; NONE: it had begun, no more. */
void fy_destination_restart(struct fy_destination *destination, const struct fy_destination_ops *ops, void *ctx,
                            uint64_t epoch, enum fy_stage stage);

void fy_destination_greeted(struct fy_destination *destination);
/* An offer with this epoch, which every decision about the job must name. */
void fy_destination_offered(struct fy_destination *destination, uint64_t epoch);
void fy_destination_preflighted(struct fy_destination *destination, bool accepted, const struct fy_error *err);
void fy_destination_received(struct fy_destination *destination, const struct fy_error *err);
void fy_destination_checked(struct fy_destination *destination, const struct fy_error *err);
void fy_destination_held(struct fy_destination *destination);
void fy_destination_restored(struct fy_destination *destination, bool runs, const struct fy_error *err);
void fy_destination_unstaged(struct fy_destination *destination, const struct fy_error *err);
void fy_destination_settled(struct fy_destination *destination, enum fy_tasks tasks, const struct fy_error *err);
void fy_destination_journaled(struct fy_destination *destination, enum fy_stage stage, const struct fy_error *err);
void fy_destination_retry(struct fy_destination *destination);
/* The source's answer: DECIDED_COMMIT, DECIDED_ABORT, UNDECIDED (also when it could not be asked). */
void fy_destination_asked(struct fy_destination *destination, enum fy_saying answer, uint64_t epoch);
/* The source came back on a new link, which is now this job's. */
void fy_destination_linked(struct fy_destination *destination);
void fy_destination_link_lost(struct fy_destination *destination, const struct fy_error *err);
void fy_destination_late(struct fy_destination *destination, const struct fy_error *err);
/* Anything from outside that ends it before PREPARED is written. Returns whether it counted. */
bool fy_destination_fail(struct fy_destination *destination, const struct fy_error *err);
/* The link has served a word about another job, and is done. */
void fy_destination_end(struct fy_destination *destination);
/* PREPARE, COMMIT, ABORT, RESOLVE_COMMIT, RESOLVE_ABORT. */
enum fy_heard fy_destination_heard(struct fy_destination *destination, enum fy_saying saying, uint64_t epoch,
                                   const struct fy_error *why);
/* An operator speaks for a source that is gone. FY_E_BUSY when it can be reached, or nothing is to be decided. */
int fy_destination_resolve(struct fy_destination *destination, bool commit, struct fy_error *err);

/* From RECORD on a cancel comes too late. */
bool fy_destination_is_bound(const struct fy_destination *destination);
const struct fy_switch_phase *fy_destination_phase_row(enum fy_destination_phase phase);

#endif
