/* What every driver's dump has in common: phases, the decision, the deadline. A driver reports CRIU's stages and its
 * end, and is told what to answer. Private to the drivers. */
#ifndef FERRY_AGENT_DUMP_H
#define FERRY_AGENT_DUMP_H

#include <ferry/agent/driver.h>

#include "proc.h"
#include "repair.h"
#include "traces.h"

#include <stdbool.h>

/* The most processes of one workload that ferry looks after one by one. */
#define FY_DUMP_PROCESS_LIMIT ((size_t)65536)

enum fy_dump_phase {
    FY_DUMP_STARTING,  /* nothing is frozen yet */
    FY_DUMP_FREEZING,  /* CRIU freezes and writes */
    FY_DUMP_EXAMINING, /* CRIU waits at post-dump; we note what we need to know of the frozen tasks */
    FY_DUMP_HELD,      /* CRIU waits at post-dump for the decision */
    FY_DUMP_ENDING,    /* CRIU was answered, or has failed; its end is awaited */
    FY_DUMP_SETTLING,  /* CRIU has ended; where the workload stands is being found out */
    FY_DUMP_DONE,
};

struct fy_dump_driver {
    size_t size; /* of the struct that embeds fy_dump as its first member */
    int (*start)(struct fy_dump *dump, struct fy_error *err);
    /* Answers the stage that waits. */
    void (*answer)(struct fy_dump *dump, bool go_on);
    /* Ends CRIU or the runtime by force: it has not come to a stage in time. */
    void (*terminate)(struct fy_dump *dump);
    /* The program that we started. 0 when it has ended. */
    pid_t (*program)(const struct fy_dump *dump);
    /* Instead of start(): an earlier ferryd's dump has ended, and is to be settled. */
    void (*take_up)(struct fy_dump *dump);
    /* CRIU has ended: finds out where the workload stands, puts right what a CRIU that died has left, calls
     * fy_dump_ended(). */
    void (*settle)(struct fy_dump *dump);
};

struct fy_dump {
    const struct fy_dump_driver *driver;
    const struct fy_host *host;
    const struct fy_migration_spec *spec;
    char *job_id;
    char *images_dir;
    char *work_dir;
    struct fy_dump_events events;
    void *data;
    enum fy_dump_phase phase;
    bool decided;
    enum fy_dump_decision decision;
    bool answered; /* the decision was given to CRIU */
    bool vetoed;   /* CRIU was told to undo */
    bool criu_ended;
    bool pinned; /* its helpers were stopped */
    uv_timer_t deadline;
    uv_work_t work;
    bool working;
    void (*settled)(struct fy_dump *dump);
    struct fy_error work_err;       /* of the thread pool's work; the loop does not touch it meanwhile */
    struct fy_process root;         /* set by the driver before it starts CRIU */
    pid_t criu_group;               /* process group and session of CRIU and of what runs it; 0: none yet */
    struct fy_process_tree frozen;  /* valid from held on */
    struct fy_process_tree helpers; /* CRIU and the runtime, from the first stage on */
    bool looking;                   /* an earlier ferryd's: only to say where it stands */
    struct fy_repair repair;        /* sockets whose repair mode was ended meanwhile */
    enum fy_workload_state state;
    struct fy_error err; /* what ferry itself found wrong: goes before what CRIU says */
};

extern const struct fy_dump_driver fy_process_dump_driver;
extern const struct fy_dump_driver fy_runc_dump_driver;
extern const struct fy_dump_driver fy_podman_dump_driver;

/* CRIU waits at this stage, as CRTOOLS_SCRIPT_ACTION and the RPC name it. */
void fy_dump_stage(struct fy_dump *dump, const char *stage);
/* CRIU, or the runtime that ran it, has ended: no stage follows. driver->settle() does, now or later. */
void fy_dump_criu_ended(struct fy_dump *dump);
/* Whether CRIU was told to kill. */
bool fy_dump_kill_given(const struct fy_dump *dump);
/* The last: `state` is the truth. `why` (may be NULL) is reported unless the workload stands as decided. The driver has
 * freed what is its own, and the dump is freed after `done`. */
void fy_dump_ended(struct fy_dump *dump, enum fy_workload_state state, const struct fy_error *why);

/* Every task that was held lives and is not being killed. Blocks for some µs a task. */
bool fy_dump_looks_whole(const struct fy_dump *dump);

/* ---- for settle(): what CRIU did not do because it died (dump_settle.c). `then` is called once, perhaps at once. ----
 */

/* Carries the decision to kill out: each task that was held gets SIGKILL, and none runs any more when `then` is called.
 */
void fy_dump_finish_kill(struct fy_dump *dump, void (*then)(struct fy_dump *dump));
/* CRIU has not come to post-dump: notes the tasks and the packet locks, ends the sockets' repair mode. Blocks: for the
 * thread pool. */
void fy_dump_look(struct fy_dump *dump);
/* Removes the packet locks, so that the workload really runs on. */
void fy_dump_release(struct fy_dump *dump, void (*then)(struct fy_dump *dump));

#endif
