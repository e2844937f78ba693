/* Schedules at work: what `ferry schedule add` installed is run when its time has come, what retention no longer keeps
 * is removed, and what is kept is copied to a peer, verified and rehearsed in the background.
 *
 *     a run:  find the workloads -> make room (min_free) -> checkpoint each, max_parallel at once -> remove -> told
 *
 * When a schedule runs is decided by daemon/schedule/; its state stands in the database, so that neither a restart nor
 * a clock that is set makes it run twice or not at all. Everything that touches a checkpoint is a job of the job table.
 */
#ifndef FERRY_DAEMON_SCHEDULER_H
#define FERRY_DAEMON_SCHEDULER_H

#include <ferry/daemon/checkpoints.h>
#include <ferry/daemon/jobs.h>
#include <ferry/schedule/retention.h>

struct fy_scheduler;

/* Borrowed until fy_scheduler_close() has ended. */
struct fy_scheduler_options {
    const struct fy_host *host;
    struct fy_jobs *jobs;
    struct fy_checkpoints *checkpoints;
    const char *database;  /* STATE_DIR/ferry.db, up to date already */
    const char *store_dir; /* of the checkpoints */
    struct fy_log *log;    /* NULL: no log */
};

/* Reads the schedules; blocks. What an earlier ferryd missed is dealt with from the loop. */
int fy_scheduler_new(const struct fy_scheduler_options *options, struct fy_scheduler **scheduler, struct fy_error *err);
/* Each job's new record is told here. */
void fy_scheduler_job_changed(struct fy_scheduler *scheduler, const struct fy_record *record);
/* Starts nothing any more; before fy_jobs_stop(). */
void fy_scheduler_stop(struct fy_scheduler *scheduler);
/* When no job is left. Writes what is to be written, frees; `closed` comes from the loop. */
void fy_scheduler_close(struct fy_scheduler *scheduler, void (*closed)(void *data), void *data);

/* ---- looking ---- */

struct fy_schedule_shown {
    Ferry__Control__Schedule message; /* points into the scheduler and into `when`; valid until the loop goes on */
    char when[400];
    char workloads[1024];
};
size_t fy_scheduler_count(const struct fy_scheduler *scheduler);
void fy_scheduler_show(const struct fy_scheduler *scheduler, size_t index, struct fy_schedule_shown *shown);
/* The first whose name comes after it; as many as there are: none. */
size_t fy_scheduler_after(const struct fy_scheduler *scheduler, const char *name);
/* FY_E_NOT_FOUND names the nearest. */
int fy_scheduler_find(const struct fy_scheduler *scheduler, const char *name, size_t *index, struct fy_error *err);

/* ---- changing ---- */

/* Installs all schedules of the plan; one of the same name is replaced, and keeps its state. FY_E_CONFIG, FY_E_USAGE
 * (it has none), FY_E_BUSY (one that is to be replaced is at work). All or none. */
int fy_scheduler_add(struct fy_scheduler *scheduler, const char *file_name, const void *text, size_t size,
                     struct fy_error *err);
/* Its checkpoints stay. FY_E_BUSY while it runs. */
int fy_scheduler_remove(struct fy_scheduler *scheduler, size_t index, struct fy_error *err);
/* Runs it now, paused or not. FY_E_BUSY when it runs already. */
int fy_scheduler_run(struct fy_scheduler *scheduler, size_t index, struct fy_error *err);
void fy_scheduler_pause(struct fy_scheduler *scheduler, size_t index, bool paused);

/* ---- retention ---- */

/* What a schedule's rules say of each of its checkpoints, oldest first: verdicts[i] is about list[i]. */
struct fy_judgement {
    const char *schedule;
    struct fy_kept *list;
    struct fy_verdict *verdicts;
    size_t count;
};
void fy_judgement_free(struct fy_judgement *judgement);
/* The judgement is taken over; NULL with `err`. The schedule is still there. */
typedef void (*fy_judged_cb)(struct fy_judgement *judgement, const struct fy_error *err, void *data);
/* Judges what there is now in the thread pool; meanwhile the schedule is neither removed nor replaced. `done` comes
 * exactly once, from the loop, and before the scheduler is closed. */
int fy_scheduler_judge(struct fy_scheduler *scheduler, size_t index, fy_judged_cb done, void *data,
                       struct fy_error *err);
/* Begins to remove what they say. */
void fy_scheduler_prune(struct fy_scheduler *scheduler, size_t index);

#endif
