/* The job table: every migration of this host, either way, running, queued or ended.
 *
 *     fy_jobs_migrate/run_plan --> QUEUED --recorded, a slot is free--> migration runs --> ended, kept for looking at
 *     fy_jobs_receive --offer accepted--> migration runs (destination) --> ended
 *
 * No migration starts before its job is on disk. A workload has at most one unfinished job. At most max_jobs run at
 * once, either direction; outgoing ones wait for a slot, incoming ones are refused. The last 1000 ended jobs are kept.
 */
#ifndef FERRY_DAEMON_JOBS_H
#define FERRY_DAEMON_JOBS_H

#include <ferry/agent/driver.h>
#include <ferry/base/log.h>
#include <ferry/config/plan.h>
#include <ferry/daemon/ops.h>
#include <ferry/daemon/record.h>
#include <ferry/daemon/store.h>
#include <ferry/daemon/task.h>
#include <ferry/transport/link.h>

#define FY_JOBS_KEPT 1000    /* ended jobs */
#define FY_JOBS_WAITING 1000 /* queued at most */

struct fy_jobs;
struct fy_job;

/* A job has a new record; `step` says that it is more than progress. */
typedef void (*fy_jobs_changed_cb)(struct fy_record *record, bool step, void *data);

/* Everything is borrowed until fy_jobs_free(). */
struct fy_jobs_options {
    uv_loop_t *loop;
    const struct fy_host *host;
    const struct fy_migration_ops *ops;
    struct fy_store *store;
    struct fy_log *log; /* NULL: no log */
    fy_jobs_changed_cb changed;
    void *data;
};

/* Loads what the store has, and settles what a restart left unfinished and nothing has to be done about. */
int fy_jobs_new(const struct fy_jobs_options *options, struct fy_jobs **jobs, struct fy_error *err);
/* Takes up the unfinished migrations of the journal, once what an earlier ferryd had staged is out of their way. */
void fy_jobs_take_up(struct fy_jobs *jobs);
/* Only when nothing is active (fy_jobs_active() == 0). NULL is legal. */
void fy_jobs_free(struct fy_jobs *jobs);

/* The caller owns a reference to each returned record. FY_E_BUSY names the job that has the workload; FY_E_NOT_FOUND:
 * no such peer. */
int fy_jobs_migrate(struct fy_jobs *jobs, const struct fy_migration_spec *spec, bool dry_run, struct fy_record **record,
                    struct fy_error *err);
/* One job for each migration of the plan, run one after the other in its order; all or none are accepted. `records` has
 * room for plan->migration_count. */
int fy_jobs_run_plan(struct fy_jobs *jobs, const char *name, const struct fy_plan *plan, bool dry_run,
                     struct fy_record **records, struct fy_error *err);
/* A job of another kind. When it is refused the task stays the caller's. */
int fy_jobs_submit(struct fy_jobs *jobs, const struct fy_job_request *request, struct fy_record **record,
                   struct fy_error *err);
void fy_jobs_task_changed(struct fy_job *job, const struct fy_migration_report *report);
void fy_jobs_task_ended(struct fy_job *job, const struct fy_migration_report *report);
/* Serves a link from the peer socket; takes it over in any case. */
void fy_jobs_receive(struct fy_jobs *jobs, struct fy_link *link);

/* By id, or by a prefix that fits only one. FY_E_NOT_FOUND, FY_E_USAGE (ambiguous). */
int fy_jobs_find(const struct fy_jobs *jobs, const char *prefix, struct fy_record **record, struct fy_error *err);
/* Oldest first. */
size_t fy_jobs_count(const struct fy_jobs *jobs);
struct fy_record *fy_jobs_at(const struct fy_jobs *jobs, size_t index);
/* Asks it to end; it ends through its own rollback. FY_E_BUSY: ended already, or past its decision. */
int fy_jobs_cancel(struct fy_jobs *jobs, const char *id, const char *why, struct fy_error *err);

/* Limits what the job sends. FY_E_BUSY: it does not run, or it is the source's to say. */
int fy_jobs_set_bandwidth(struct fy_jobs *jobs, const char *id, uint64_t bytes_per_second, struct fy_error *err);

/* An operator decides a job whose other host is gone. FY_E_BUSY: the other host can be reached, or nothing is to be
 * decided. Without `confirmed` nothing is done, and the FY_E_USAGE that is returned says what is at stake. */
int fy_jobs_resolve(struct fy_jobs *jobs, const char *id, bool commit, bool confirmed, struct fy_error *err);

/* Jobs that are not ended and links that are served: what keeps the loop from ending. */
size_t fy_jobs_active(const struct fy_jobs *jobs);
size_t fy_jobs_running(const struct fy_jobs *jobs);
size_t fy_jobs_queued(const struct fy_jobs *jobs);
/* Refuses new jobs, cancels the queued ones and all that is before its decision. `idle` fires once, from the loop or
 * from within this call, when nothing is active any more. */
void fy_jobs_stop(struct fy_jobs *jobs, const char *why, void (*idle)(void *data), void *data);

#endif
