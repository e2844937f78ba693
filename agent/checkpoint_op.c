/* Starting, showing, ending. */
#include "checkpoint_op.h"
#include "job_directory.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>

#define TICK_MS 100u

/* ---- showing ---- */

static void changed(struct fy_checkpoint_op *op)
{
    uint64_t total = atomic_load(&op->progress.total_bytes);
    op->report.bytes_sent = atomic_load(&op->progress.done_bytes);
    op->report.bytes_total = total > op->report.bytes_sent ? total : op->report.bytes_sent;
    fy_report_touch(&op->report, &op->clock);
    op->options.events->changed(op, &op->report, op->options.data);
}

static void ticked(uv_timer_t *timer)
{
    struct fy_checkpoint_op *op = fy_container_of(timer, struct fy_checkpoint_op, tick);
    fy_report_sample(&op->report, &op->clock);
    changed(op);
}

void checkpoint_op_phase(struct fy_checkpoint_op *op, const char *phase, const char *where)
{
    fy_report_phase(&op->report, &op->clock, phase);
    op->report.state = FY_MIGRATION_ACTIVE;
    if (where)
        op->report.workload_state = where;
    changed(op);
}

/* ---- the thread ---- */

static void run(struct fy_work *work)
{
    struct fy_checkpoint_op *op = fy_container_of(work, struct fy_checkpoint_op, work);
    op->work_run(op);
}

static void ended(struct fy_work *work)
{
    struct fy_checkpoint_op *op = fy_container_of(work, struct fy_checkpoint_op, work);
    if (!work->run)
        fy_error_set(&op->work_err, FY_E_NOMEM, "no thread could be started");
    op->work_ended(op);
}

void checkpoint_op_work(struct fy_checkpoint_op *op, void (*work_run)(struct fy_checkpoint_op *op),
                        void (*work_ended)(struct fy_checkpoint_op *op))
{
    op->work_run = work_run;
    op->work_ended = work_ended;
    if (fy_work_start(op->options.host->loop, &op->work, run, ended, op->options.low_priority, &op->work_err) < 0)
        work_ended(op);
}

/* ---- the end ---- */

static void timer_closed(uv_handle_t *handle)
{
    struct fy_checkpoint_op *op = fy_container_of((uv_timer_t *)handle, struct fy_checkpoint_op, tick);
    op->options.events->ended(op, &op->report, op->options.data);
    if (op->kind->done)
        op->kind->done(op);
    free((char *)(uintptr_t)op->options.log_dir);
    free(op->job_dir);
    free(op->images_dir);
    free(op->extra_dir);
    free(op);
}

static void tidied(struct fy_checkpoint_op *op)
{
    uv_close((uv_handle_t *)&op->tick, timer_closed);
}

/* An image set may be large. */
static void tidy(struct fy_checkpoint_op *op)
{
    (void)fy_fs_remove_tree(op->job_dir, NULL);
}

void checkpoint_op_end(struct fy_checkpoint_op *op, const struct fy_error *why)
{
    fy_report_phase(&op->report, &op->clock, NULL);
    op->report.bytes_sent = atomic_load(&op->progress.done_bytes);
    op->report.bytes_total = op->report.bytes_sent;
    op->report.state = !why || !fy_error_is_set(why) ? FY_MIGRATION_COMPLETED
                       : op->cancelled               ? FY_MIGRATION_CANCELLED
                                                     : FY_MIGRATION_FAILED;
    if (why)
        fy_error_propagate(&op->report.error, why);
    (void)uv_timer_stop(&op->tick);
    if (op->job_dir)
        checkpoint_op_work(op, tidy, tidied);
    else
        tidied(op);
}

/* ---- the start ---- */

int checkpoint_op_make_directories(struct fy_checkpoint_op *op, struct fy_error *err)
{
    if (fy_job_directory_make(op->options.host->settings->run_dir, op->options.job_id, &op->job_dir, &op->images_dir,
                              err) < 0)
        return -1;
    if (asprintf(&op->extra_dir, "%s/extra", op->job_dir) < 0) {
        op->extra_dir = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for a directory's name");
    }
    return fy_fs_make_directories(op->extra_dir, 0700, err);
}

static void begin(uv_timer_t *timer)
{
    struct fy_checkpoint_op *op = fy_container_of(timer, struct fy_checkpoint_op, tick);
    struct fy_error err = FY_ERROR_INIT;
    (void)uv_timer_start(&op->tick, ticked, TICK_MS, TICK_MS);
    if (!op->cancelled) {
        op->kind->begin(op);
        return;
    }
    fy_error_set(&err, FY_E_CANCELLED, "cancelled before it began");
    checkpoint_op_end(op, &err);
}

int checkpoint_op_new(const struct fy_checkpoint_kind *kind, const struct fy_checkpoint_op_options *options,
                      const struct fy_workload *workload, struct fy_checkpoint_op **op, struct fy_error *err)
{
    struct fy_checkpoint_op *made = calloc(1, kind->size);
    char *log_dir = strdup(options->log_dir);
    if (!made || !log_dir) {
        free(made);
        free(log_dir);
        return fy_error_set(err, FY_E_NOMEM, "no memory for work on a checkpoint");
    }
    made->kind = kind;
    made->options = *options;
    made->options.log_dir = log_dir;
    made->report.is_source = true;
    made->report.workload_state = "not touched";
    if (workload)
        made->report.workload = *workload;
    fy_report_start(&made->report, &made->clock);
    (void)uv_timer_init(options->host->loop, &made->tick);
    (void)uv_timer_start(&made->tick, begin, 0, 0);
    *op = made;
    return 0;
}

int fy_checkpoint_op_cancel(struct fy_checkpoint_op *op, const char *why, struct fy_error *err)
{
    (void)why;
    if (op->cancelled)
        return 0;
    if (op->kind->cancel && op->kind->cancel(op, err) < 0)
        return -1;
    op->cancelled = true;
    atomic_store(&op->progress.cancelled, true);
    return 0;
}

/* ---- work in a thread, and nothing else ---- */

static void worked(struct fy_checkpoint_op *op)
{
    checkpoint_op_end(op, &op->work_err);
}

void checkpoint_op_only(struct fy_checkpoint_op *op, const char *phase, void (*work_run)(struct fy_checkpoint_op *op))
{
    checkpoint_op_phase(op, phase, NULL);
    checkpoint_op_work(op, work_run, worked);
}

void checkpoint_op_whole(struct fy_checkpoint_op *op, const char *phase, void (*work_run)(struct fy_checkpoint_op *op))
{
    if (checkpoint_op_make_directories(op, &op->work_err) < 0)
        worked(op);
    else
        checkpoint_op_only(op, phase, work_run);
}
