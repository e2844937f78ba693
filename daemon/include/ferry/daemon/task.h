/* What a job does that is no migration: work on checkpoints. The job table knows only this of it. */
#ifndef FERRY_DAEMON_TASK_H
#define FERRY_DAEMON_TASK_H

#include <ferry/agent/migrate.h>
#include <ferry/control.pb-c.h>

struct fy_job;

struct fy_task_ops {
    /* Its turn has come. From now on fy_jobs_task_changed() and, once and last, fy_jobs_task_ended() tell the table;
     * not from within this call. */
    int (*start)(void *task, struct fy_job *job, const struct fy_migration_options *options, struct fy_error *err);
    /* It was started, and has not ended. */
    int (*cancel)(void *task, const char *why, struct fy_error *err);
    /* The job has ended, or never began. */
    void (*free)(void *task);
};

struct fy_job_request {
    Ferry__Control__JobKind kind;
    const char *workload;   /* what nobody else may work on meanwhile: "runc/web", or "checkpoint/ID" */
    const char *peer;       /* NULL: none */
    const char *checkpoint; /* its id; NULL: not known yet */
    const struct fy_task_ops *ops;
    void *task; /* the job's, once it was accepted */
};

#endif
