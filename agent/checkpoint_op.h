/* What the operations on checkpoints have in common: report, progress, a thread, the end. Private to them. */
#ifndef FERRY_AGENT_CHECKPOINT_OP_H
#define FERRY_AGENT_CHECKPOINT_OP_H

#include "migrate_report.h"
#include "work.h"

#include <ferry/agent/checkpoint.h>

struct fy_checkpoint_kind {
    size_t size;                                /* of the struct that embeds fy_checkpoint_op as its first member */
    void (*begin)(struct fy_checkpoint_op *op); /* from the loop */
    /* Cancelled, on the loop; the work of a thread hears of it by itself. May refuse. NULL: nothing to do. */
    int (*cancel)(struct fy_checkpoint_op *op, struct fy_error *err);
    void (*done)(struct fy_checkpoint_op *op); /* frees what is its own */
};

struct fy_checkpoint_op {
    const struct fy_checkpoint_kind *kind;
    struct fy_checkpoint_op_options options; /* log_dir is ours */
    struct fy_migration_report report;
    struct fy_report_clock clock;
    struct fy_checkpoint_progress progress;
    struct fy_work work;
    void (*work_run)(struct fy_checkpoint_op *op); /* in the thread; sets work_err */
    void (*work_ended)(struct fy_checkpoint_op *op);
    struct fy_error work_err;
    uv_timer_t tick; /* the very start; then progress, ten times a second */
    bool cancelled;
    char *job_dir, *images_dir, *extra_dir; /* below run_dir; NULL: none */
};

/* Makes one of `kind`; it begins from the loop. */
int checkpoint_op_new(const struct fy_checkpoint_kind *kind, const struct fy_checkpoint_op_options *options,
                      const struct fy_workload *workload, struct fy_checkpoint_op **op, struct fy_error *err);
/* The next phase for people; `where` (static, NULL: unchanged) is where the workload is now. */
void checkpoint_op_phase(struct fy_checkpoint_op *op, const char *phase, const char *where);
/* Makes RUN_DIR/jobs/ID with images and extra. */
int checkpoint_op_make_directories(struct fy_checkpoint_op *op, struct fy_error *err);
/* Runs `run` in a thread, then `ended` on the loop. */
void checkpoint_op_work(struct fy_checkpoint_op *op, void (*run)(struct fy_checkpoint_op *op),
                        void (*ended)(struct fy_checkpoint_op *op));
/* All of it is work in a thread: its end is the operation's. */
void checkpoint_op_only(struct fy_checkpoint_op *op, const char *phase, void (*run)(struct fy_checkpoint_op *op));
/* The same with directories. */
void checkpoint_op_whole(struct fy_checkpoint_op *op, const char *phase, void (*run)(struct fy_checkpoint_op *op));
/* The end: `why` NULL is success. The directories are removed first. */
void checkpoint_op_end(struct fy_checkpoint_op *op, const struct fy_error *why);

#endif
