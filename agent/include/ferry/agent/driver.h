/* Runtime drivers: how a kind of workload is inspected, dumped and restored on this host.
 *
 * The source is held at CRIU's post-dump: every image is written, the tasks are frozen, and a decision is awaited that
 * either kills them or lets them run on as if nothing had happened. The destination is held at post-restore, CRIU's
 * last veto: the tasks exist but have not run. `process/PID` is held by CRIU's RPC notifications, `runc/ID` and
 * `podman/NAME` by an action script that reports to the hold server (hold.h). */
#ifndef FERRY_AGENT_DRIVER_H
#define FERRY_AGENT_DRIVER_H

#include <ferry/agent/hold.h>
#include <ferry/base/error.h>
#include <ferry/config/plan.h>
#include <ferry/config/settings.h>
#include <ferry/transport/session.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct fy_checkpoint_service;

/* What the drivers need of the agent; borrowed by every operation for its whole life. */
struct fy_journal;

struct fy_host {
    uv_loop_t *loop;
    const struct fy_settings *settings;
    struct fy_hold_server *holds;
    struct fy_session_registry *sessions;      /* that peers may add lanes to */
    struct fy_shaper *shapers;                 /* one for each of the settings' peers, in that order; NULL: no limits */
    struct fy_journal *journal;                /* NULL: nothing is recorded (tests of single parts) */
    struct fy_checkpoint_service *checkpoints; /* for peers (checkpoint_copy.h); NULL: none are kept */
};

/* ---- inspect: is it there, and what does a destination have to know? ---- */

#define FY_MAX_PIDS 4096

/* A root file system that is an overlay, as it was mounted. */
struct fy_overlay {
    char path[4096];  /* where it is mounted: the root of the bundle */
    char lower[4096]; /* one or more directories, separated by ':' */
    char upper[4096]; /* "": it is none */
    char work[4096];
    char options[256]; /* others that matter: "metacopy=on,index=off" */
};

struct fy_workload_facts {
    pid_t root_pid;
    char command[256];         /* command line of the root task, printable */
    char bundle[4096];         /* runc: bundle directory; else "" */
    struct fy_overlay overlay; /* runc: its root, if it is one */
    char container_id[72];     /* podman: its id, 64 hexadecimal digits, which it keeps; else "" */
    char image[512];           /* podman: name and id of the image that it was made of; else "" */
    char image_id[72];
    uint64_t memory_bytes;   /* resident memory of the whole tree: about what a dump will write */
    pid_t pids[FY_MAX_PIDS]; /* process: every pid (tasks and threads) that must be free at the destination */
    size_t pid_count;        /* 0 for containers with a pid namespace of their own */
};

/* `facts` is only valid during the callback; on failure it is NULL and `err` is FY_E_NOT_FOUND, FY_E_UNSUPPORTED (a
 * runc container that is not running), … Fires exactly once, never before the start call returned. */
typedef void (*fy_inspect_cb)(const struct fy_workload_facts *facts, const struct fy_error *err, void *data);
int fy_driver_inspect(const struct fy_host *host, const struct fy_workload *workload, fy_inspect_cb done, void *data,
                      struct fy_error *err);

/* ---- dump ---- */

struct fy_dump_request {
    const struct fy_migration_spec *spec; /* borrowed until done */
    const char *job_id;
    const char *images_dir; /* exists, empty, memory-backed; holds what the restore needs: images, runc's
                             * descriptors.json, podman.tar (imgcore/archive.h) */
    const char *work_dir;   /* exists; receives dump.log and the runtime's own log */
    /* For taking up an earlier ferryd's dump: the root task as it was then; 0: not known, or of an earlier boot. */
    pid_t root_pid;
    uint64_t root_start_ticks;
};

enum fy_workload_state {
    FY_WORKLOAD_RUNNING, /* it runs on this host */
    FY_WORKLOAD_GONE,    /* it does not */
};

struct fy_dump;

struct fy_dump_events {
    void (*freezing)(struct fy_dump *dump, void *data); /* downtime starts here */
    void (*held)(struct fy_dump *dump, void *data);     /* images complete, tasks frozen, fy_dump_decide() awaited */
    /* After fy_dump_pin(), exactly once. */
    void (*pinned)(struct fy_dump *dump, const struct fy_error *err, void *data);
    /* After a kill, CRIU's packet locks stay, so that this kernel answers no RST for as long as the address is here:
     * fy_address_withdraw() of the same job removes them.
     * Last and exactly once: where the workload stands now. `err` is NULL when it ended as decided (killed, or resumed
     * after FY_DECIDE_RESUME); else the cause, with the evidence from CRIU's or the runtime's log in plain words. */
    void (*done)(struct fy_dump *dump, enum fy_workload_state state, const struct fy_error *err, void *data);
};

enum fy_dump_decision { FY_DECIDE_RESUME, FY_DECIDE_KILL };

/* Starts; settings->timeouts.{freeze,dump,hold} apply. If it fails no event fires. */
int fy_dump_start(const struct fy_host *host, const struct fy_dump_request *request,
                  const struct fy_dump_events *events, void *data, struct fy_dump **dump, struct fy_error *err);
/* Before `held`: FY_DECIDE_RESUME is remembered and given as soon as the dump can be vetoed (CRIU is not killed in
 * mid-dump: its parasite would stay in the tasks). FY_DECIDE_KILL only after `held`. The first decision counts; repeats
 * are ignored. */
void fy_dump_decide(struct fy_dump *dump, enum fy_dump_decision decision);

/* While CRIU freezes and writes: for how long it, what runs it and the root task, in which CRIU's code works for it,
 * have waited for a processor so far, in all; less than before when one of them is gone. False at any other time, and
 * when the kernel doesn't tell. Takes some 10 µs. */
bool fy_dump_waited(const struct fy_dump *dump, uint64_t *wait_ns);

/* When held: CRIU and what runs it are stopped, and that is noted, so that the tasks stand still until fy_dump_decide()
 * whatever becomes of ferryd. If it fails no event fires. */
int fy_dump_pin(struct fy_dump *dump, struct fy_error *err);
/* The note alone, for tasks that have ended by themselves. */
int fy_dump_note_pinned(const char *run_dir, const char *job_id, struct fy_error *err);
/* What a restart finds; `was_noted`: of a dump at all. */
bool fy_dump_was_pinned(const char *run_dir, const char *job_id, bool *was_noted);

enum fy_dump_taking {
    FY_DUMP_LOOK,    /* RUNNING only when every task lives and none is being killed */
    FY_DUMP_KILL,    /* none of them lives when `done` comes with GONE */
    FY_DUMP_RELEASE, /* they run on: thawed, packet locks removed */
};

/* Takes up what an earlier ferryd's dump of this job has left, as soon as its CRIU has ended; only `done` fires. */
int fy_dump_take_up(const struct fy_host *host, const struct fy_dump_request *request, enum fy_dump_taking taking,
                    const struct fy_dump_events *events, void *data, struct fy_dump **dump, struct fy_error *err);

/* ---- restore ---- */

struct fy_restore_request {
    const struct fy_migration_spec *spec;
    const char *job_id;
    const char *images_dir;
    const char *work_dir; /* receives restore.log and the runtime's own log */
    const char *bundle;   /* runc only: bundle directory on this host */
};

struct fy_restore;

/* A discarded workload's sockets are closed like any: the guard of its addresses stays until `done`. */
struct fy_restore_events {
    void (*held)(struct fy_restore *restore, void *data); /* restored, not yet running, fy_restore_decide() awaited */
    void (*done)(struct fy_restore *restore, enum fy_workload_state state, pid_t root_pid, const struct fy_error *err,
                 void *data);
};

enum fy_restore_decision { FY_DECIDE_DISCARD, FY_DECIDE_RUN };

int fy_restore_start(const struct fy_host *host, const struct fy_restore_request *request,
                     const struct fy_restore_events *events, void *data, struct fy_restore **restore,
                     struct fy_error *err);
/* Takes up what an earlier ferryd's restore of this job has left, as soon as its CRIU has ended: `done` says RUNNING
 * when the tasks had been let run and do, else nothing is left of them. `held` does not fire. */
int fy_restore_take_up(const struct fy_host *host, const struct fy_restore_request *request,
                       const struct fy_restore_events *events, void *data, struct fy_restore **restore,
                       struct fy_error *err);
/* FY_DECIDE_DISCARD at any time; FY_DECIDE_RUN only after `held`. The first decision counts. */
void fy_restore_decide(struct fy_restore *restore, enum fy_restore_decision decision);

/* ---- what a destination can say before anything is frozen ---- */

struct fy_room_request {
    const struct fy_workload *workload;
    const char *bundle; /* this and the next three as fy_workload_facts has them; NULL is "" */
    const struct fy_overlay
        *overlay; /* it comes with its bundle: only the layers below must be there; NULL: it does not */
    const char *container_id;
    const char *image;
    const char *image_id;
    const pid_t *pids;
    size_t pid_count;
};

/* Checks that the container's id and name or all pids are free, that the bundle or the image is there. FY_E_PREFLIGHT
 * names the thing. The request is copied. Fires once. */
typedef void (*fy_room_cb)(const struct fy_error *err, void *data);
int fy_driver_check_room(const struct fy_host *host, const struct fy_room_request *request, fy_room_cb done, void *data,
                         struct fy_error *err);

/* CRIU's version as 40201 for 4.2.1; FY_E_NOT_FOUND, or FY_E_UNSUPPORTED below 4.2, with the next step. Fires once. */
#define FY_CRIU_MIN_VERSION 40200
typedef void (*fy_criu_version_cb)(int version, const struct fy_error *err, void *data);
int fy_criu_version(const struct fy_host *host, fy_criu_version_cb done, void *data, struct fy_error *err);

#endif
