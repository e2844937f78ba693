/* What every driver's restore has in common: phases, the decision, the deadline. Private to the drivers. */
#ifndef FERRY_AGENT_RESTORE_H
#define FERRY_AGENT_RESTORE_H

#include <ferry/agent/driver.h>

#include "proc.h"
#include "traces.h"

#include <stdbool.h>

enum fy_restore_phase {
    FY_RESTORE_STARTING,  /* CRIU makes the tasks */
    FY_RESTORE_EXAMINING, /* CRIU waits at post-restore; we note which tasks there are */
    FY_RESTORE_HELD,      /* CRIU waits at post-restore for the decision */
    FY_RESTORE_ENDING,    /* CRIU was answered, or has failed; its end is awaited */
    FY_RESTORE_SETTLING,  /* CRIU has ended; where the workload stands is being found out */
    FY_RESTORE_DONE,
};

struct fy_restore_driver {
    size_t size; /* of the struct that embeds fy_restore as its first member */
    int (*start)(struct fy_restore *restore, struct fy_error *err);
    /* Answers the stage that waits. */
    void (*answer)(struct fy_restore *restore, bool go_on);
    /* The program that we started: what CRIU has made so far is below it. 0 when it has ended. */
    pid_t (*program)(const struct fy_restore *restore);
    /* May be NULL. Before settle(): it is an earlier ferryd's restore that is to be settled. */
    void (*take_up)(struct fy_restore *restore);
    /* When the CRIU below it dies, the program removes what it has made. */
    bool tidies_up;
    /* CRIU has ended: finds out where the workload stands, leaves no task unless it runs as decided, calls
     * fy_restore_ended(). */
    void (*settle)(struct fy_restore *restore);
};

struct fy_restore {
    const struct fy_restore_driver *driver;
    const struct fy_host *host;
    const struct fy_migration_spec *spec;
    char *job_id;
    char *images_dir;
    char *work_dir;
    char *bundle; /* "" when there is none */
    struct fy_restore_events events;
    void *data;
    enum fy_restore_phase phase;
    bool decided;
    enum fy_restore_decision decision;
    bool answered;
    bool vetoed;
    bool begun;   /* CRIU came as far as its first stage */
    bool resumed; /* CRIU has said that the tasks run */
    uv_timer_t deadline;
    uint64_t started_ms;    /* the loop's time */
    struct fy_process criu; /* pid 0: not known yet, or the program that we started */
    unsigned missed;        /* looks at which it was dead and its runtime still waited for it */
    uv_work_t work;
    bool working;
    void (*cleaned)(struct fy_restore *restore);
    struct fy_process root;         /* the first task, as soon as CRIU has made it */
    pid_t root_pid;                 /* as CRIU names it at post-restore; 0 before */
    struct fy_process_tree tasks;   /* valid from held on */
    struct fy_process_tree helpers; /* CRIU and the runtime */
    enum fy_workload_state state;
    pid_t running_pid;
    struct fy_error err; /* what ferry itself found wrong: goes before what CRIU says */
};

extern const struct fy_restore_driver fy_process_restore_driver;
extern const struct fy_restore_driver fy_runc_restore_driver;
extern const struct fy_restore_driver fy_podman_restore_driver;

/* CRIU waits at this stage; `pid` is 0 where the stage has none. */
void fy_restore_stage(struct fy_restore *restore, const char *stage, pid_t pid);
/* CRIU, or the runtime that ran it, has ended: no stage follows. driver->settle() does, now or later. */
void fy_restore_criu_ended(struct fy_restore *restore);
/* Whether CRIU was told to let the tasks run. */
bool fy_restore_run_given(const struct fy_restore *restore);
/* The last: `state` is the truth. `why` (may be NULL) is reported unless the workload stands as decided. Frees the
 * restore after `done`. */
void fy_restore_ended(struct fy_restore *restore, enum fy_workload_state state, pid_t root_pid,
                      const struct fy_error *why);
/* Kills what is left of the restored tasks, in the thread pool, and then calls `cleaned`. */
void fy_restore_clean(struct fy_restore *restore, void (*cleaned)(struct fy_restore *restore));

#endif
