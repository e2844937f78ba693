/* The jobs that take checkpoints out of the store and into it as files in the forms of other programs. */
#include "checkpoint_task.h"

#include <ferry/base/cleanup.h>
#include <string.h>

#define FENCE_SIZE (FY_CHECKPOINT_ID_SIZE + 16)

static int submit(struct task *task, const char *file, Ferry__Control__JobKind kind, struct fy_record **job,
                  struct fy_error *err)
{
    char fence[FENCE_SIZE];
    task->file = strdup(file);
    if (!task->file) {
        task_done(task);
        return fy_error_set(err, FY_E_NOMEM, "no memory for a job");
    }
    (void)snprintf(fence, sizeof fence, "checkpoint/%s", task->id);
    return task_submit(task, kind, fence, job, err);
}

/* ---- export ---- */

static int start_export(struct task *task, const struct fy_checkpoint_op_options *options, struct fy_error *err)
{
    if (task_use(task, task->id, err) < 0)
        return -1;
    task->exported.file = task->file;
    return fy_checkpoint_export_start(options, &task->exported, &task->op, err);
}

static const struct kind export_kind = {.start = start_export};

int fy_checkpoints_export(struct fy_checkpoints *checkpoints, const struct fy_checkpoint_export *what,
                          struct fy_record **job, struct fy_error *err)
{
    struct fy_checkpoint_entry entry;
    if (task_find_whole(checkpoints, what->id, &entry, err) < 0)
        return -1;
    struct task *task = task_new(checkpoints, &export_kind, err);
    if (!task)
        return -1;
    task->exported = *what;
    memcpy(task->id, entry.id, sizeof task->id);
    memcpy(task->exported.id, entry.id, sizeof task->exported.id);
    return submit(task, what->file, FERRY__CONTROL__JOB_KIND__EXPORT, job, err);
}

/* ---- import ---- */

static int start_import(struct task *task, const struct fy_checkpoint_op_options *options, struct fy_error *err)
{
    struct fy_checkpoint_import what = {.file = task->file, .as = task->imported_as[0] ? task->imported_as : NULL};
    memcpy(what.id, task->id, sizeof what.id);
    task_will_change(task, task->id);
    return fy_checkpoint_import_start(options, &what, &task->op, err);
}

static const struct kind import_kind = {.start = start_import};

int fy_checkpoints_import(struct fy_checkpoints *checkpoints, const struct fy_checkpoint_import *what,
                          struct fy_record **job, struct fy_error *err)
{
    struct task *task = task_new(checkpoints, &import_kind, err);
    if (!task)
        return -1;
    (void)snprintf(task->imported_as, sizeof task->imported_as, "%s", what->as ? what->as : "");
    if (task_choose_id(task, err) < 0) {
        task_done(task);
        return -1;
    }
    return submit(task, what->file, FERRY__CONTROL__JOB_KIND__IMPORT, job, err);
}
