/* What the files of the scheduler share. */
#ifndef FERRY_DAEMON_SCHEDULER_PRIVATE_H
#define FERRY_DAEMON_SCHEDULER_PRIVATE_H

#include "schedule_db.h"
#include "wall_timer.h"

#include <ferry/daemon/scheduler.h>
#include <ferry/schedule/copies.h>
#include <ferry/schedule/engine.h>

#define SCHEDULE_LABEL "schedule"
#define TARGETS_MAX 256 /* workloads of one run */

enum run_phase { RUN_FIND, RUN_ROOM, RUN_CREATE, RUN_REMOVE };

/* A job that is waited for. */
struct awaited {
    char job[FY_JOB_ID_SIZE]; /* "": none, or it has ended */
};

struct schedule_run {
    struct schedule *schedule;
    enum run_phase phase;
    bool finding; /* RUN_FIND */
    char (*targets)[FY_WORKLOAD_TEXT_SIZE];
    size_t target_count, next_target;
    struct awaited jobs[64]; /* at once: max_parallel */
    size_t done, failed;
    uint64_t longest_freeze_us;
    struct fy_error first; /* failure */
};

/* Removing what the rules do not keep, one at a time: each removal changes the sizes of others. */
struct pruning {
    bool active;
    bool deciding; /* what may go, in the thread pool */
    struct awaited job;
    char current[FY_CHECKPOINT_ID_SIZE];
    char failed[16][FY_CHECKPOINT_ID_SIZE]; /* could not be removed: not tried again this time */
    size_t failed_count, removed;
};

/* Copying to the peer, one at a time; a run does not wait for it. */
struct copying {
    struct awaited job;
    char current[FY_CHECKPOINT_ID_SIZE];
    char tried[16][FY_CHECKPOINT_ID_SIZE]; /* failed in this round */
    size_t tried_count;
    struct fy_copies_state state;
    struct fy_error why; /* of the last failure; not set: none since all were there */
};

struct schedule {
    struct schedule *next; /* by name */
    struct fy_scheduler *scheduler;
    struct fy_plan *plan; /* that of its file; its own is `spec` */
    const struct fy_schedule_spec *spec;
    char *file, *text;
    size_t text_size;
    uint64_t seed;
    struct fy_schedule_state state;
    struct schedule_row last; /* only its last_* */
    struct schedule_run *run; /* NULL: it does not run */
    struct pruning pruning;
    struct copying copying;
    size_t judged; /* so many times, in the thread pool */
};

enum proof_kind { PROOF_VERIFY, PROOF_REHEARSE };

struct fy_scheduler {
    struct fy_scheduler_options options;
    char *store_dir;
    struct schedule *list;
    struct database *db;
    struct wall_timer timer;
    uv_timer_t soon;
    bool timer_open;
    struct awaited proof; /* the one verification or rehearsal in the background */
    int64_t proof_not_before_s;
    bool stopping;
    size_t working; /* in the thread pool: runs that look for workloads, decisions */
    struct save *saves, **saves_tail;
    struct save *saving;
    uv_work_t save_work;
    void (*closed)(void *data);
    void *closed_data;
    unsigned closing; /* handles */
};

/* ---- scheduler.c ---- */

struct schedule *scheduler_at(const struct fy_scheduler *scheduler, size_t index);
/* Looks at everything again, soon, from the loop. */
void scheduler_nudge(struct fy_scheduler *scheduler);
/* True once when the awaited job has ended: `job` is then what is known of it, NULL when it is gone. */
bool scheduler_ended(const struct fy_scheduler *scheduler, struct awaited *awaited, const Ferry__Control__Job **job);
void scheduler_await(struct awaited *awaited, struct fy_record *record);
/* Closing goes on when nothing is outstanding. */
void scheduler_check_closed(struct fy_scheduler *scheduler);
/* What was counted in `working` has ended: everything goes on. */
void scheduler_worked(struct fy_scheduler *scheduler);

/* ---- scheduler_save.c ---- */

/* Queues the schedule's state, or all of it. */
void save_state(struct schedule *schedule);
void save_all(struct schedule *schedule);
void save_forget(struct fy_scheduler *scheduler, const char *name);
bool save_is_idle(const struct fy_scheduler *scheduler);

/* ---- scheduler_run.c ---- */

/* For this slot; 0: somebody asked for it. */
int run_start(struct schedule *schedule, int64_t slot_s, uint32_t missed, struct fy_error *err);
/* Goes on as far as it can without waiting. */
void run_advance(struct schedule *schedule);
void run_free(struct schedule_run *run);

/* ---- scheduler_find.c ---- */

/* The running workloads that the schedule is for, malloc'ed; `err` (NULL: none) says why there may be more. Exactly
 * once, never before the start call returned. */
typedef void (*find_cb)(char (*targets)[FY_WORKLOAD_TEXT_SIZE], size_t count, const struct fy_error *err, void *data);
int find_start(struct schedule *schedule, find_cb done, void *data, struct fy_error *err);

/* ---- scheduler_prune.c ---- */

void prune_start(struct schedule *schedule);
void prune_advance(struct schedule *schedule);
/* The schedule's checkpoints, oldest first, and for each its index in the list of all (fy_checkpoints_at); both arrays
 * are malloc'ed, and valid until the loop goes on. `places` may be NULL. */
int prune_list(const struct schedule *schedule, struct fy_kept **list, size_t **places, size_t *count,
               struct fy_error *err);
int prune_space(const struct fy_scheduler *scheduler, struct fy_space *space, struct fy_error *err);

/* ---- scheduler_copy.c ---- */

/* FY_E_CONFIG with the place in `file` when the plan names a peer that there is not. */
int copy_check_peer(const struct schedule *schedule, struct fy_error *err);
/* Starts what is due; lowers *wake_s to when something will be. */
void copy_advance(struct schedule *schedule, int64_t now_s, int64_t *wake_s);
/* How many checkpoints the peer has not. */
size_t copy_behind(const struct schedule *schedule);

/* ---- scheduler_proof.c ---- */

/* Starts what is due, if nothing runs; lowers *wake_s to when something will be. */
void proof_advance(struct fy_scheduler *scheduler, int64_t now_s, int64_t *wake_s);

#endif
