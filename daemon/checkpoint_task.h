/* The tasks of jobs on checkpoints, shared by the files about them. */
#ifndef FERRY_DAEMON_CHECKPOINT_TASK_H
#define FERRY_DAEMON_CHECKPOINT_TASK_H

#include "checkpoint_catalogue.h"

#define CHANGED_MAX 1024 /* checkpoints that one removal may rewrite */

struct task {
    struct fy_checkpoints *checkpoints;
    const struct kind *kind;
    struct fy_job *job;
    char job_id[FY_JOB_ID_SIZE];
    struct fy_checkpoint_op *op;
    char id[FY_CHECKPOINT_ID_SIZE];
    char used[FY_CHECKPOINT_ID_SIZE]; /* its chain is marked as used */
    bool low_priority;
    struct fy_checkpoint_create create;
    struct fy_migration_spec spec; /* of a restore or a rehearsal */
    char probe[FY_HOOK_NAME_SIZE]; /* of a rehearsal; "": none */
    struct fy_checkpoint_export exported;
    char *file;                              /* of an export or import */
    char imported_as[FY_WORKLOAD_TEXT_SIZE]; /* "": as the archive says */
    struct reading *changed;                 /* read again at the end */
    size_t changed_count;
    uv_work_t work;
    struct fy_error row_err;
    struct fy_migration_report report; /* the last one */
    char peer[FY_PEER_NAME_SIZE], as[FY_WORKLOAD_ID_SIZE];
    fy_checkpoint_restored_cb restored; /* a peer waits for it; NULL: nobody, or it was told */
    void *restored_data;
};

struct kind {
    int (*start)(struct task *task, const struct fy_checkpoint_op_options *options, struct fy_error *err);
    /* On the loop, after what changed was read again. */
    void (*settle)(struct task *task);
};

/* NULL: no memory. */
struct task *task_new(struct fy_checkpoints *checkpoints, const struct kind *kind, struct fy_error *err);
/* Of one that is not submitted. */
void task_done(struct task *task);
/* An id that is new, for what it will make. */
int task_choose_id(struct task *task, struct fy_error *err);
/* The checkpoint is read again when the task has ended. */
void task_will_change(struct task *task, const char *id);
/* Makes a job of it; when that is refused the task is freed. */
int task_submit(struct task *task, Ferry__Control__JobKind kind, const char *workload, struct fy_record **job,
                struct fy_error *err);
/* Until the task has ended, `id` and all that it needs are neither removed nor rewritten. */
int task_use(struct task *task, const char *id, struct fy_error *err);
/* By id or prefix; FY_E_VERIFY when its record cannot be read. */
int task_find_whole(const struct fy_checkpoints *checkpoints, const char *id, struct fy_checkpoint_entry *entry,
                    struct fy_error *err);
/* fy_checkpoints_restore() for somebody who waits; when it is refused nobody is told. */
int checkpoints_restore(struct fy_checkpoints *checkpoints, const char *id, const char *as, enum fy_tcp_mode tcp,
                        fy_checkpoint_restored_cb restored, void *data, struct fy_record **job, struct fy_error *err);

#endif
