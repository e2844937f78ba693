/* The source's machine: the coordinator.
 *
 *     INSPECT ─ CONNECT ─ OFFER ─ BEGIN ─ DUMP ─ CHECK ─ SEND ─ PREPARE ─ READY
 *     READY ─ DECIDE ─ PIN ─ KILL ─ WITHDRAW ─ COMMIT
 *     COMMIT ─ FINISH ─ END               or RECOVER ─ END, when the destination cannot run it
 *     any of INSPECT … PIN ─ ROLLBACK ─ END
 *     after a restart:  BEGUN, ABORT ─> ROLLBACK     COMMIT ─> LOOK ─> ROLLBACK or KILL     RECOVER ─> RECOVER
 *
 *     INSPECT   is the workload here?
 *     CONNECT   link and hello
 *     OFFER     the destination answers item by item                                (a dry run ends here)
 *     BEGIN     BEGUN goes into the journal
 *     DUMP      CRIU freezes and writes, then is held at post-dump; downtime starts; pages are sent as they are written
 *     CHECK     the image set is verified, but for the content of pages; the rest of it is sent meanwhile
 *     SEND      until all of it is acknowledged
 *     PREPARE   the destination restores and holds
 *     READY     the owner says go (workloads that move together wait for each other here)
 *     DECIDE    COMMIT goes into the journal: the decision
 *     PIN       of what moves together: CRIU is stopped, so that the tasks stand still whatever becomes of ferryd;
 *               then the others are waited for
 *     KILL      CRIU is released to kill the tasks here
 *     WITHDRAW  the service address leaves this host
 *     COMMIT    the destination is told, over new links as needed, until it has said DONE; downtime ends
 *     FINISH    DONE goes into the journal
 *     RECOVER   the destination cannot run it: told to discard, then restored here, where the image set is whole
 *     LOOK      a restart found COMMIT: had the kill begun?
 *     ROLLBACK  tasks run on, the destination is told to discard
 *     END
 *
 * What is durable in each phase, and what a crash there means, is the table in source.c. */
#ifndef FERRY_AGENT_SWITCHOVER_SOURCE_H
#define FERRY_AGENT_SWITCHOVER_SOURCE_H

#include <ferry/agent/switchover.h>

enum fy_source_phase {
    FY_SOURCE_INSPECT,
    FY_SOURCE_CONNECT,
    FY_SOURCE_OFFER,
    FY_SOURCE_BEGIN,
    FY_SOURCE_DUMP,
    FY_SOURCE_CHECK,
    FY_SOURCE_SEND,
    FY_SOURCE_PREPARE,
    FY_SOURCE_READY,
    FY_SOURCE_DECIDE,
    FY_SOURCE_PIN,
    FY_SOURCE_KILL,
    FY_SOURCE_WITHDRAW,
    FY_SOURCE_COMMIT,
    FY_SOURCE_FINISH,
    FY_SOURCE_RECOVER,
    FY_SOURCE_LOOK,
    FY_SOURCE_ROLLBACK,
    FY_SOURCE_END,
};
#define FY_SOURCE_PHASES 19

/* What is waited for; the deadline of each is the owner's. */
enum fy_source_wait {
    FY_SOURCE_WAIT_NOTHING,
    FY_SOURCE_WAIT_HELLO,
    FY_SOURCE_WAIT_ANSWER,
    FY_SOURCE_WAIT_RECEIVED,
    FY_SOURCE_WAIT_PREPARED,
    FY_SOURCE_WAIT_DONE,
    FY_SOURCE_WAIT_ABORTED,
};

enum fy_source_verdict { FY_OFFER_ACCEPTED, FY_OFFER_REFUSED, FY_OFFER_ANSWERED /* a dry run wanted no more */ };

/* What a restart wants done with the tasks of an earlier ferryd's dump, once CRIU and the runtime have ended. */
enum fy_source_settling {
    FY_SETTLE_LOOK,     /* nothing but to say where they stand */
    FY_SETTLE_KILL,     /* all of them die */
    FY_SETTLE_RELEASE,  /* thawed, packet locks removed: they run on as if nothing had happened */
    FY_SETTLE_RESTORED, /* of an interrupted RECOVER: WHOLE when it runs here, else cleared away */
};

/* Each starts something; `->` names the event that follows once, possibly at once. */
struct fy_source_ops {
    /* For the record and for people. */
    void (*entered)(void *ctx, enum fy_source_phase phase);
    void (*blame)(void *ctx, const struct fy_error *why);
    /* Arms the one deadline (-> fy_source_late); replaces the one before. */
    void (*expect)(void *ctx, enum fy_source_wait wait);
    void (*retry_later)(void *ctx, unsigned attempt); /* -> fy_source_retry */
    void (*inspect)(void *ctx);                       /* -> fy_source_inspected */
    /* ---- the link ---- */
    void (*dial)(void *ctx);                                /* -> fy_source_greeted or fy_source_link_lost */
    void (*hang_up)(void *ctx, const struct fy_error *why); /* -> fy_source_link_lost */
    void (*farewell)(void *ctx);                            /* -> fy_source_link_lost, after what is queued */
    void (*offer)(void *ctx);                               /* -> fy_source_answered */
    void (*say)(void *ctx, enum fy_saying saying, const struct fy_error *why);
    /* ---- the workload ---- */
    void (*dump)(void *ctx);   /* -> fy_source_held, and in the end fy_source_dumped */
    void (*kill)(void *ctx);   /* the held dump; -> fy_source_dumped */
    void (*resume)(void *ctx); /* the dump at any time; -> fy_source_dumped */
    void (*check)(void *ctx);  /* -> fy_source_checked */
    /* From when the dump begins: -> fy_source_queued after send_complete, and in the end fy_source_sent. */
    void (*send)(void *ctx);
    void (*send_complete)(void *ctx); /* nothing is written to the set any more */
    void (*send_stop)(void *ctx);
    void (*ready)(void *ctx);    /* -> fy_source_go, unless it fails first */
    void (*pin)(void *ctx);      /* the held dump, for a group: -> fy_source_pinned */
    void (*withdraw)(void *ctx); /* -> fy_source_withdrawn */
    /* The image set here is whole, nothing of it was given back while it was sent. */
    bool (*can_recover)(void *ctx);
    void (*restore)(void *ctx);                                  /* -> fy_source_restored */
    void (*settle)(void *ctx, enum fy_source_settling settling); /* -> fy_source_settled */
    /* ---- the record ---- */
    void (*journal)(void *ctx, enum fy_stage stage); /* -> fy_source_journaled */
    /* Nothing is outstanding. The last call. */
    void (*finish)(void *ctx);
};

struct fy_source {
    const struct fy_source_ops *ops;
    void *ctx;
    enum fy_source_phase phase;
    unsigned busy; /* what has been started and not come home */
    enum fy_switch_link link;
    uint64_t epoch;
    unsigned attempts;  /* of the wait that goes on */
    unsigned restores;  /* in RECOVER, in vain */
    bool together;      /* one of a group; set by the owner before the start */
    bool link_is_new;   /* opened to deliver a decision */
    bool decision_said; /* on this link */
    bool was_held;      /* the image set is complete */
    bool tasks_gone;
    bool set_queued;   /* the whole image set is on its way */
    bool set_kept;     /* and has arrived */
    bool prepare_said; /* the destination may be holding a copy that waits for a decision */
    bool peer_settled; /* it has said Done or Aborted, or never accepted: nothing of ours waits there */
    bool peer_lost;    /* its prepared copy is lost */
    bool commit_tried; /* a COMMIT may be on the disk */
    bool abort_durable;
    bool recover_durable;
    bool must_release; /* a restart's rollback: CRIU may have died without undoing */
    bool must_clear;   /* a restart's recovery: the earlier restore may have left something */
    bool keep_images;  /* the only copy */
    bool runs_there;
    bool runs_here; /* restored here in RECOVER */
    bool finished;
};

/* A new migration. `epoch` is random, never 0: a decision counts only with it. */
void fy_source_init(struct fy_source *source, const struct fy_source_ops *ops, void *ctx, uint64_t epoch);
void fy_source_start(struct fy_source *source);
/* Instead of fy_source_start: takes up what the journal says of an earlier ferryd's migration. Not for DONE. */
void fy_source_restart(struct fy_source *source, enum fy_stage stage);

/* The same for one of a group, at COMMIT: fy_group_goes_on() knows which way all of them go. */
void fy_source_restart_together(struct fy_source *source, bool goes_on);

void fy_source_inspected(struct fy_source *source, const struct fy_error *err);
void fy_source_greeted(struct fy_source *source);
void fy_source_link_lost(struct fy_source *source, const struct fy_error *err);
void fy_source_answered(struct fy_source *source, enum fy_source_verdict verdict, const struct fy_error *err);
void fy_source_held(struct fy_source *source);
/* `tasks` is WHOLE or GONE; `err` may be NULL. */
void fy_source_dumped(struct fy_source *source, enum fy_tasks tasks, const struct fy_error *err);
void fy_source_checked(struct fy_source *source, const struct fy_error *err);
/* The whole set is on its way. */
void fy_source_queued(struct fy_source *source);
/* The destination keeps more of the set, or all of it. */
void fy_source_received(struct fy_source *source, bool all);
/* No thread works for the sending any more. */
void fy_source_sent(struct fy_source *source, const struct fy_error *err);
void fy_source_go(struct fy_source *source);
/* All that move together are pinned; with `err` one of them cannot be, and all are taken back. */
void fy_source_pinned(struct fy_source *source, const struct fy_error *err);
void fy_source_withdrawn(struct fy_source *source, const struct fy_error *err);
void fy_source_restored(struct fy_source *source, bool runs, const struct fy_error *err);
void fy_source_settled(struct fy_source *source, enum fy_tasks tasks, const struct fy_error *err);
void fy_source_journaled(struct fy_source *source, enum fy_stage stage, const struct fy_error *err);
void fy_source_retry(struct fy_source *source);
/* The deadline of expect() has passed. */
void fy_source_late(struct fy_source *source, const struct fy_error *err);
/* Anything from outside that ends it before the decision: the limit of the freeze, a hook, a cancel, data that nobody
 * can send. Returns whether it counted. */
bool fy_source_fail(struct fy_source *source, const struct fy_error *err);
/* PREPARED, DONE, ABORTED, UNKNOWN, UNREADY. */
enum fy_heard fy_source_heard(struct fy_source *source, enum fy_saying saying, uint64_t epoch,
                              const struct fy_error *why);
/* What to answer a destination that asks. */
enum fy_saying fy_source_decision(const struct fy_source *source);
/* An operator speaks for a destination that is gone. FY_E_BUSY when it can be reached, or nothing is to be decided. */
int fy_source_resolve(struct fy_source *source, bool commit, struct fy_error *err);

/* From DECIDE on a cancel comes too late. */
bool fy_source_is_decided(const struct fy_source *source);
const struct fy_switch_phase *fy_source_phase_row(enum fy_source_phase phase);

#endif
