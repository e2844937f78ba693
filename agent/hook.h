/* Running hooks (config/hook.h): the operator's own programs at a stage of a migration.
 *
 * A hook is an executable of this host's hooks_dir: a plan, and a peer that sends one, can only name it. It runs with
 * the arguments of none, stdin empty, in "/", and finds in its environment what ferry-plan(5) documents (FERRY_JOB, …).
 * What it writes (the last 64 KiB) becomes LOG_DIR/hook-STAGE-NAME.log. At its deadline it and all of its process group
 * get SIGTERM, and SIGKILL a second later. */
#ifndef FERRY_AGENT_HOOK_H
#define FERRY_AGENT_HOOK_H

#include <ferry/agent/driver.h>

/* What a hook is told. Borrowed until the callback. */
struct fy_hook_facts {
    const struct fy_migration_spec *spec; /* its hooks are the ones that run */
    enum fy_hook_side side;
    const char *job_id;
    const char *peer;       /* the other host */
    const char *job_dir;    /* of the run directory; what runs is noted there. NULL: not made yet, nothing is noted */
    const char *images_dir; /* NULL: there are none */
    const char *log_dir;
    pid_t root_pid;                 /* of the workload on this host; 0: not known */
    const struct fy_error *failure; /* post-abort: what went wrong; NULL otherwise */
};

struct fy_hooks;

/* Exactly once, never before the start call has returned. `err` is FY_E_HOOK and names hook and stage, FY_E_CANCELLED
 * after fy_hooks_stop(), or NULL. The struct is freed after it. */
typedef void (*fy_hooks_cb)(const struct fy_error *err, void *data);

/* Whether there is any hook of this stage at this side: nothing has to be started without one. */
bool fy_hooks_any(const struct fy_migration_spec *spec, enum fy_hook_side side, enum fy_hook_stage stage);
/* The most that those of this stage at this side may take, with what killing them takes. */
uint64_t fy_hooks_deadline_ms(const struct fy_migration_spec *spec, enum fy_hook_side side, enum fy_hook_stage stage);
/* Whether this host would run each hook of this side: there, executable, nobody but root can change it. FY_E_HOOK. */
int fy_hooks_check(const struct fy_host *host, const struct fy_migration_spec *spec, enum fy_hook_side side,
                   struct fy_error *err);
/* Runs the hooks of one stage, one after the other. Before the decision the first failure ends it; after the decision
 * all run, and the first failure is told. If it fails nothing fires. */
int fy_hooks_start(const struct fy_host *host, const struct fy_hook_facts *facts, enum fy_hook_stage stage,
                   fy_hooks_cb done, void *data, struct fy_hooks **hooks, struct fy_error *err);
/* Ends the one that runs, as at its deadline; those after it are left out. */
void fy_hooks_stop(struct fy_hooks *hooks);
/* The hooks that one side of a migration runs now, if any, and what comes after them. All zero: none. */
struct fy_hook_point {
    struct fy_hooks *running;
    void (*then)(void *owner, const struct fy_error *err);
    void *owner;
};

/* `then` gets what fy_hooks_cb gets; at once when this stage has no hook, or they cannot be started. */
void fy_hook_point_run(struct fy_hook_point *point, const struct fy_host *host, const struct fy_hook_facts *facts,
                       enum fy_hook_stage stage, void (*then)(void *owner, const struct fy_error *err), void *owner);
void fy_hook_point_stop(struct fy_hook_point *point);

/* After a restart: kills the hook that an earlier ferryd has left running for the job of this directory, if any. */
void fy_hooks_sweep(const char *job_dir);

#endif
