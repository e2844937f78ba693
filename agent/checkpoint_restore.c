/* Restoring a checkpoint: it is asked for room, expanded and verified in memory, restored, held, and let run. */
#include "checkpoint_op.h"
#include "overlay.h"
#include "root_tar.h"

#include <ferry/base/cleanup.h>
#include <string.h>

struct restoring {
    struct fy_checkpoint_op op;
    char id[FY_CHECKPOINT_ID_SIZE];
    struct fy_migration_spec spec;
    const Ferry__Checkpoint__Record *record;
    struct fy_overlay overlay; /* "": its root file system is not in the checkpoint */
    struct fy_overlay_root root;
    struct fy_child *tar;
    struct fy_restore *restore; /* while it exists */
    struct fy_error err;
};

static struct restoring *of(struct fy_checkpoint_op *op)
{
    return fy_container_of(op, struct restoring, op);
}

static void end(struct restoring *restoring)
{
    if (restoring->op.cancelled)
        fy_error_set(&restoring->err, FY_E_CANCELLED, "cancelled; nothing of it is left");
    checkpoint_op_end(&restoring->op, fy_error_is_set(&restoring->err) ? &restoring->err : NULL);
}

/* ---- the root file system ---- */

/* In the thread. */
static void undo_root(struct fy_checkpoint_op *op)
{
    fy_overlay_root_undo(&of(op)->root);
}

static void root_undone(struct fy_checkpoint_op *op)
{
    end(of(op));
}

static void give_up(struct restoring *restoring)
{
    if (restoring->overlay.upper[0])
        checkpoint_op_work(&restoring->op, undo_root, root_undone);
    else
        end(restoring);
}

static void start_restore(struct fy_checkpoint_op *op);

/* In the thread. */
static void take_root(struct fy_checkpoint_op *op)
{
    (void)fy_overlay_root_take(&of(op)->root, &op->work_err);
}

static void tar_ended(struct fy_child *tar, const struct fy_child_result *result, void *data)
{
    struct restoring *restoring = data;
    (void)tar;
    restoring->tar = NULL;
    if (restoring->op.cancelled)
        fy_error_set(&restoring->err, FY_E_CANCELLED, "cancelled; nothing of it is left");
    if (root_tar_check(result, &restoring->err) < 0) {
        fy_error_wrap(&restoring->err, "putting back the root file system (%s)", restoring->root.next);
        give_up(restoring);
        return;
    }
    checkpoint_op_work(&restoring->op, take_root, start_restore);
}

static void root_cleared(struct fy_checkpoint_op *op)
{
    struct restoring *restoring = of(op);
    fy_error_propagate(&restoring->err, &op->work_err);
    if (fy_error_is_set(&restoring->err) || op->cancelled ||
        root_tar_put_back(op->options.host, op->extra_dir, restoring->root.next, tar_ended, restoring, &restoring->tar,
                          &restoring->err) < 0)
        give_up(restoring);
}

/* In the thread. */
static void clear_root(struct fy_checkpoint_op *op)
{
    struct restoring *restoring = of(op);
    FY_AUTO_FREE char *config = NULL;
    restoring->root.overlay = restoring->overlay;
    if (asprintf(&config, "%s/config.json", op->extra_dir) < 0) {
        config = NULL;
        fy_error_set(&op->work_err, FY_E_NOMEM, "no memory for a file's name");
        return;
    }
    (void)fy_overlay_root_clear(&restoring->root, restoring->record->bundle, config, &op->work_err);
}

/* ---- restoring ---- */

static void held(struct fy_restore *restore, void *data)
{
    struct restoring *restoring = data;
    fy_restore_decide(restore, restoring->op.cancelled ? FY_DECIDE_DISCARD : FY_DECIDE_RUN);
}

static void restored(struct fy_restore *restore, enum fy_workload_state state, pid_t root_pid,
                     const struct fy_error *err, void *data)
{
    struct restoring *restoring = data;
    (void)restore;
    restoring->restore = NULL;
    restoring->op.report.root_pid = root_pid;
    restoring->op.report.workload_state = state == FY_WORKLOAD_RUNNING ? "runs here" : "not restored";
    if (state == FY_WORKLOAD_RUNNING) {
        restoring->op.cancelled = false; /* it came too late */
    } else {
        fy_error_propagate(&restoring->err, err);
        if (!restoring->op.cancelled)
            fy_error_set(&restoring->err, FY_E_RESTORE, "the restore ended, and %s does not run",
                         restoring->spec.workload.id);
        give_up(restoring);
        return;
    }
    end(restoring);
}

static void start_restore(struct fy_checkpoint_op *op)
{
    static const struct fy_restore_events events = {.held = held, .done = restored};
    struct restoring *restoring = of(op);
    fy_error_propagate(&restoring->err, &op->work_err);
    if (fy_error_is_set(&restoring->err) || op->cancelled) {
        give_up(restoring);
        return;
    }
    const struct fy_restore_request request = {.spec = &restoring->spec,
                                               .job_id = op->options.job_id,
                                               .images_dir = op->images_dir,
                                               .work_dir = op->options.log_dir,
                                               .bundle = restoring->record->bundle};
    checkpoint_op_phase(op, "restore", NULL);
    if (fy_restore_start(op->options.host, &request, &events, restoring, &restoring->restore, &restoring->err) < 0)
        give_up(restoring);
}

static void expanded(struct fy_checkpoint_op *op)
{
    struct restoring *restoring = of(op);
    fy_error_propagate(&restoring->err, &op->work_err);
    if (fy_error_is_set(&restoring->err) || op->cancelled) {
        end(restoring);
    } else if (restoring->overlay.upper[0]) {
        checkpoint_op_phase(op, "root", NULL);
        checkpoint_op_work(op, clear_root, root_cleared);
    } else {
        start_restore(op);
    }
}

/* In the thread. */
static void expand(struct fy_checkpoint_op *op)
{
    (void)fy_checkpoint_expand(op->options.store, of(op)->id, op->images_dir, op->extra_dir, &op->progress,
                               &op->work_err);
}

static void room_known(const struct fy_error *err, void *data)
{
    struct restoring *restoring = data;
    struct fy_checkpoint_op *op = &restoring->op;
    fy_error_propagate(&restoring->err, err);
    if (fy_error_is_set(&restoring->err) || op->cancelled || checkpoint_op_make_directories(op, &restoring->err) < 0) {
        end(restoring);
        return;
    }
    checkpoint_op_phase(op, "expand", NULL);
    checkpoint_op_work(op, expand, expanded);
}

/* ---- start ---- */

/* podman gives a container that is restored under another name another id. */
static bool keeps_its_name(const struct restoring *restoring)
{
    char workload[FY_WORKLOAD_TEXT_SIZE];
    fy_workload_format(&restoring->spec.workload, workload);
    return strcmp(workload, restoring->record->workload) == 0;
}

static void begin(struct fy_checkpoint_op *op)
{
    struct restoring *restoring = of(op);
    const Ferry__Checkpoint__Record *record = restoring->record;
    if (fy_overlay_from_record(record, &restoring->overlay, &restoring->err) < 0) {
        end(restoring);
        return;
    }
    _Static_assert(sizeof(pid_t) == sizeof(uint32_t), "pids are handed on as they are");
    const struct fy_room_request room = {
        .workload = &restoring->spec.workload,
        .bundle = record->bundle,
        .overlay = restoring->overlay.upper[0] ? &restoring->overlay : NULL,
        .container_id = keeps_its_name(restoring) ? record->container_id : NULL,
        .image = record->image,
        .image_id = record->image_id,
        .pids = (const pid_t *)record->pids,
        .pid_count = record->n_pids,
    };
    checkpoint_op_phase(op, "room", NULL);
    if (fy_driver_check_room(op->options.host, &room, room_known, restoring, &restoring->err) < 0)
        end(restoring);
}

static int cancel(struct fy_checkpoint_op *op, struct fy_error *err)
{
    struct restoring *restoring = of(op);
    (void)err;
    if (restoring->tar)
        fy_child_terminate(restoring->tar);
    if (restoring->restore)
        fy_restore_decide(restoring->restore, FY_DECIDE_DISCARD);
    return 0;
}

static const struct fy_checkpoint_kind restore_kind = {
    .size = sizeof(struct restoring),
    .begin = begin,
    .cancel = cancel,
};

int fy_checkpoint_restore_start(const struct fy_checkpoint_op_options *options,
                                const struct fy_checkpoint_restore *what, struct fy_checkpoint_op **op,
                                struct fy_error *err)
{
    if (checkpoint_op_new(&restore_kind, options, &what->spec.workload, op, err) < 0)
        return -1;
    struct restoring *restoring = of(*op);
    restoring->spec = what->spec;
    restoring->record = what->record;
    (void)snprintf(restoring->id, sizeof restoring->id, "%s", what->id);
    return 0;
}
