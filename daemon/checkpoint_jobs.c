/* The tasks of jobs on checkpoints. Each begins when the job's turn has come: then the checkpoints it reads are marked,
 * the operation of the agent is started; when that has ended, what changed is read again, and then the job ends. */
#include "checkpoint_task.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <string.h>

/* A peer that waits is told, whatever became of the job. */
static void tell_restored(struct task *task)
{
    fy_checkpoint_restored_cb restored = task->restored;
    struct fy_error never = FY_ERROR_INIT;
    const struct fy_error *why = fy_error_is_set(&task->report.error) ? &task->report.error : NULL;
    if (!restored)
        return;
    task->restored = NULL;
    fy_error_set(&never, FY_E_CANCELLED, "the restore did not begin");
    restored(task->report.root_pid, task->report.root_pid ? NULL : why ? why : &never, task->restored_data);
}

void task_done(struct task *task)
{
    free(task->file);
    free(task->changed);
    free(task);
}

static void free_task(void *data)
{
    tell_restored(data);
    task_done(data);
}

/* ---- the end ---- */

/* In the thread pool. */
static void read_again(uv_work_t *work)
{
    struct task *task = fy_container_of(work, struct task, work);
    for (size_t i = 0; i < task->changed_count; i++)
        catalogue_read(task->checkpoints, &task->changed[i], &task->row_err);
}

static void end_claims(struct task *task)
{
    for (size_t i = 0; i < task->changed_count; i++) {
        struct entry *entry = catalogue_find(task->checkpoints, task->changed[i].id);
        if (entry)
            entry->rewritten_by[0] = '\0';
    }
}

static void take_reread(struct task *task)
{
    struct fy_checkpoints *checkpoints = task->checkpoints;
    end_claims(task);
    for (size_t i = 0; i < task->changed_count; i++) {
        struct fy_error err = FY_ERROR_INIT;
        if (catalogue_take(checkpoints, &task->changed[i], &err) < 0)
            fy_log_error(checkpoints->options.log, task->job_id, "the list of checkpoints is out of date", &err);
    }
    rows_tell(checkpoints, task->job_id, &task->row_err);
}

static void settled(uv_work_t *work, int status)
{
    struct task *task = fy_container_of(work, struct task, work);
    (void)status;
    if (task->used[0])
        catalogue_unuse(task->checkpoints, task->used);
    take_reread(task);
    if (task->kind->settle)
        task->kind->settle(task);
    fy_jobs_task_ended(task->job, &task->report); /* frees the task */
}

static void op_changed(struct fy_checkpoint_op *op, const struct fy_migration_report *report, void *data)
{
    struct task *task = data;
    (void)op;
    fy_jobs_task_changed(task->job, report);
}

static void op_ended(struct fy_checkpoint_op *op, const struct fy_migration_report *report, void *data)
{
    struct task *task = data;
    (void)op;
    task->op = NULL;
    task->report = *report;
    (void)uv_queue_work(task->checkpoints->options.host->loop, &task->work, read_again, settled);
}

/* ---- the beginning ---- */

static int start_task(void *data, struct fy_job *job, const struct fy_migration_options *how, struct fy_error *err)
{
    static const struct fy_checkpoint_events events = {.changed = op_changed, .ended = op_ended};
    struct task *task = data;
    struct fy_checkpoint_op_options options = {.host = task->checkpoints->options.host,
                                               .store = task->checkpoints->options.store,
                                               .log_dir = how->log_dir,
                                               .events = &events,
                                               .data = task,
                                               .low_priority = task->low_priority};
    task->job = job;
    memcpy(options.job_id, how->job_id, sizeof options.job_id);
    memcpy(task->job_id, how->job_id, sizeof task->job_id);
    if (task->kind->start(task, &options, err) < 0) {
        if (task->used[0])
            catalogue_unuse(task->checkpoints, task->used);
        end_claims(task);
        return -1;
    }
    return 0;
}

static int cancel_task(void *data, const char *why, struct fy_error *err)
{
    struct task *task = data;
    return task->op ? fy_checkpoint_op_cancel(task->op, why, err)
                    : fy_error_set(err, FY_E_BUSY, "it is ending by itself");
}

static const struct fy_task_ops task_ops = {.start = start_task, .cancel = cancel_task, .free = free_task};

struct task *task_new(struct fy_checkpoints *checkpoints, const struct kind *kind, struct fy_error *err)
{
    struct task *task = calloc(1, sizeof *task);
    if (task)
        task->changed = calloc(CHANGED_MAX, sizeof *task->changed);
    if (!task || !task->changed) {
        if (task)
            task_done(task);
        fy_error_set(err, FY_E_NOMEM, "no memory for a job");
        return NULL;
    }
    task->checkpoints = checkpoints;
    task->kind = kind;
    return task;
}

int task_submit(struct task *task, Ferry__Control__JobKind kind, const char *workload, struct fy_record **job,
                struct fy_error *err)
{
    const struct fy_job_request request = {
        .kind = kind,
        .workload = workload,
        .peer = task->peer[0] ? task->peer : NULL,
        .checkpoint = task->id,
        .ops = &task_ops,
        .task = task,
    };
    if (fy_jobs_submit(task->checkpoints->options.jobs, &request, job, err) == 0)
        return 0;
    task_done(task);
    return -1;
}

int task_use(struct task *task, const char *id, struct fy_error *err)
{
    if (catalogue_use(task->checkpoints, id, err) < 0)
        return -1;
    (void)snprintf(task->used, sizeof task->used, "%s", id);
    return 0;
}

void task_will_change(struct task *task, const char *id)
{
    (void)snprintf(task->changed[task->changed_count++].id, FY_CHECKPOINT_ID_SIZE, "%s", id);
}

/* ---- create ---- */

static int start_create(struct task *task, const struct fy_checkpoint_op_options *options, struct fy_error *err)
{
    char workload[FY_WORKLOAD_TEXT_SIZE];
    fy_workload_format(&task->create.spec.workload, workload);
    const struct entry *latest = catalogue_latest(task->checkpoints, workload);
    /* One that is being rewritten is no parent now: this one stands alone. */
    if (latest && task_use(task, latest->id, NULL) == 0)
        memcpy(task->create.parent, latest->id, sizeof task->create.parent);
    memcpy(task->create.id, task->id, sizeof task->create.id);
    task_will_change(task, task->id);
    return fy_checkpoint_create_start(options, &task->create, &task->op, err);
}

static const struct kind create_kind = {.start = start_create};

int task_choose_id(struct task *task, struct fy_error *err)
{
    do {
        if (fy_checkpoint_new_id(task->id, err) < 0)
            return -1;
    } while (catalogue_find(task->checkpoints, task->id));
    return 0;
}

int fy_checkpoints_create(struct fy_checkpoints *checkpoints, const struct fy_checkpoint_create *what,
                          struct fy_record **job, struct fy_error *err)
{
    char workload[FY_WORKLOAD_TEXT_SIZE];
    struct task *task = task_new(checkpoints, &create_kind, err);
    if (!task)
        return -1;
    task->create = *what;
    fy_workload_format(&what->spec.workload, workload);
    if (task_choose_id(task, err) < 0) {
        task_done(task);
        return -1;
    }
    return task_submit(task, FERRY__CONTROL__JOB_KIND__CHECKPOINT, workload, job, err);
}

/* ---- verify ---- */

static int start_verify(struct task *task, const struct fy_checkpoint_op_options *options, struct fy_error *err)
{
    if (task_use(task, task->id, err) < 0)
        return -1;
    return fy_checkpoint_verify_start(options, task->id, &task->op, err);
}

static void note_verified(Ferry__Checkpoint__State *state, void *data)
{
    const struct fy_error *found = data;
    free(state->damage);
    state->damage = fy_error_is_set(found) ? strdup(found->message) : NULL;
    if (state->damage)
        return;
    state->has_verified_us = 1;
    state->verified_us = fy_clock_wall_us();
}

/* The peer's copy is the next step when there is one. */
static void offer_copy(struct task *task, const Ferry__Checkpoint__State *state)
{
    struct fy_error *err = &task->report.error;
    if (err->code != FY_E_VERIFY)
        return;
    if (state && state->n_replicas)
        fy_error_next(err, "%s has a copy of %s: ferry checkpoint restore %s --on %s", state->replicas[0]->peer,
                      task->id, task->id, state->replicas[0]->peer);
    else
        fy_error_next(err, "there is no copy of %s on another host; remove it, and look at the disk", task->id);
}

static void settle_verify(struct task *task)
{
    const struct entry *entry = catalogue_find(task->checkpoints, task->id);
    const struct fy_error *found = &task->report.error;
    struct fy_error err = FY_ERROR_INIT;
    offer_copy(task, entry && entry->checkpoint ? entry->checkpoint->state : NULL);
    if (!entry || !entry->checkpoint || (fy_error_is_set(found) && found->code != FY_E_VERIFY))
        return;
    if (fy_checkpoints_update(task->checkpoints, task->id, note_verified, &task->report.error, NULL, NULL, &err) < 0)
        fy_log_error(task->checkpoints->options.log, task->job_id, "what the verification found is not kept", &err);
}

static const struct kind verify_kind = {.start = start_verify, .settle = settle_verify};

int task_find_whole(const struct fy_checkpoints *checkpoints, const char *id, struct fy_checkpoint_entry *entry,
                    struct fy_error *err)
{
    if (fy_checkpoints_find(checkpoints, id, entry, err) < 0)
        return -1;
    if (entry->record)
        return 0;
    fy_error_set(err, FY_E_VERIFY, "%s", entry->damage);
    return fy_error_next(err, "its record cannot be read, and so nothing of it: remove it (ferry checkpoint rm %s)",
                         entry->id);
}

int fy_checkpoints_verify(struct fy_checkpoints *checkpoints, const char *id, bool low_priority, struct fy_record **job,
                          struct fy_error *err)
{
    struct fy_checkpoint_entry entry;
    char fence[FY_CHECKPOINT_ID_SIZE + 16];
    if (task_find_whole(checkpoints, id, &entry, err) < 0)
        return -1;
    struct task *task = task_new(checkpoints, &verify_kind, err);
    if (!task)
        return -1;
    memcpy(task->id, entry.id, sizeof task->id);
    task->low_priority = low_priority;
    (void)snprintf(fence, sizeof fence, "checkpoint/%s", entry.id);
    return task_submit(task, FERRY__CONTROL__JOB_KIND__VERIFY, fence, job, err);
}

/* ---- remove ---- */

static int claim_children(struct task *task, const char *children[CHANGED_MAX], size_t *count, struct fy_error *err)
{
    const struct fy_checkpoints *checkpoints = task->checkpoints;
    *count = 0;
    for (size_t i = 0; i < checkpoints->count; i++) {
        struct entry *entry = checkpoints->list[i];
        const char *parent = entry->checkpoint ? entry->checkpoint->record->parent : NULL;
        if (!parent || strcmp(parent, task->id) != 0)
            continue;
        if (*count == CHANGED_MAX - 1)
            return fy_error_set(err, FY_E_LIMIT, "more than %d checkpoints need %s", CHANGED_MAX - 1, task->id);
        if (catalogue_claim(entry, task->job_id, err) < 0)
            return -1;
        task_will_change(task, entry->id);
        children[(*count)++] = entry->id;
    }
    return 0;
}

static int start_remove(struct task *task, const struct fy_checkpoint_op_options *options, struct fy_error *err)
{
    size_t count = 0;
    struct entry *entry = catalogue_find(task->checkpoints, task->id);
    FY_AUTO_FREE const char **children = calloc(CHANGED_MAX, sizeof(*children));
    if (!children || !entry)
        return fy_error_set(err, entry ? FY_E_NOMEM : FY_E_NOT_FOUND, "checkpoint %s cannot be removed", task->id);
    const char *parent = entry->checkpoint ? entry->checkpoint->record->parent : NULL;
    int result = catalogue_claim(entry, task->job_id, err);
    if (result == 0) {
        task_will_change(task, task->id);
        result = claim_children(task, children, &count, err);
    }
    if (result == 0 && parent)
        result = task_use(task, parent, err);
    if (result == 0)
        result = fy_checkpoint_remove_start(options, task->id, children, count, &task->op, err);
    return result;
}

static const struct kind remove_kind = {.start = start_remove};

int fy_checkpoints_remove(struct fy_checkpoints *checkpoints, const char *id, struct fy_record **job,
                          struct fy_error *err)
{
    struct fy_checkpoint_entry entry;
    char fence[FY_CHECKPOINT_ID_SIZE + 16];
    if (fy_checkpoints_find(checkpoints, id, &entry, err) < 0)
        return -1;
    if (entry.state && entry.state->has_pinned && entry.state->pinned) {
        fy_error_set(err, FY_E_DENIED, "checkpoint %s is pinned", entry.id);
        return fy_error_next(err, "ferry checkpoint unpin %s", entry.id);
    }
    struct task *task = task_new(checkpoints, &remove_kind, err);
    if (!task)
        return -1;
    memcpy(task->id, entry.id, sizeof task->id);
    (void)snprintf(fence, sizeof fence, "checkpoint/%s", entry.id);
    return task_submit(task, FERRY__CONTROL__JOB_KIND__REMOVE, fence, job, err);
}

/* ---- restore ---- */

static int start_restore(struct task *task, const struct fy_checkpoint_op_options *options, struct fy_error *err)
{
    const struct entry *entry = catalogue_find(task->checkpoints, task->id);
    if (!entry || !entry->checkpoint)
        return fy_error_set(err, FY_E_NOT_FOUND, "checkpoint %s has been removed meanwhile", task->id);
    if (task_use(task, task->id, err) < 0)
        return -1;
    const Ferry__Checkpoint__Record *record = entry->checkpoint->record;
    struct fy_checkpoint_restore what = {.spec = task->spec, .record = record};
    memcpy(what.id, task->id, sizeof what.id);
    return fy_checkpoint_restore_start(options, &what, &task->op, err);
}

static void settle_restore(struct task *task)
{
    const struct entry *entry = catalogue_find(task->checkpoints, task->id);
    offer_copy(task, entry && entry->checkpoint ? entry->checkpoint->state : NULL);
}

static const struct kind restore_kind = {.start = start_restore, .settle = settle_restore};

static int make_spec(const Ferry__Checkpoint__Record *record, const char *as, enum fy_tcp_mode tcp,
                     struct fy_migration_spec *spec, struct fy_error *err)
{
    char text[FY_WORKLOAD_TEXT_SIZE];
    fy_migration_spec_init(spec);
    if (fy_workload_parse(record->workload, &spec->workload, err) < 0)
        return -1;
    if (as && spec->workload.kind == FY_WORKLOAD_PROCESS) {
        fy_error_set(err, FY_E_USAGE, "a %s cannot have another name: its ids are part of it",
                     fy_workload_kind_name(spec->workload.kind));
        return fy_error_next(err, "restore it without --as");
    }
    if (as) {
        (void)snprintf(text, sizeof text, "%s/%s", fy_workload_kind_name(spec->workload.kind), as);
        if (fy_workload_parse(text, &spec->workload, err) < 0)
            return -1;
    }
    spec->tcp = tcp;
    spec->file_locks = record->has_file_locks && record->file_locks;
    spec->shell_job = record->has_shell_job && record->shell_job;
    spec->ext_unix_sockets = record->has_ext_unix_sockets && record->ext_unix_sockets;
    spec->link_remap = record->has_link_remap && record->link_remap;
    return 0;
}

int fy_checkpoints_restore(struct fy_checkpoints *checkpoints, const char *id, const char *as, enum fy_tcp_mode tcp,
                           struct fy_record **job, struct fy_error *err)
{
    return checkpoints_restore(checkpoints, id, as, tcp, NULL, NULL, job, err);
}

int checkpoints_restore(struct fy_checkpoints *checkpoints, const char *id, const char *as, enum fy_tcp_mode tcp,
                        fy_checkpoint_restored_cb restored, void *data, struct fy_record **job, struct fy_error *err)
{
    struct fy_checkpoint_entry entry;
    struct fy_migration_spec spec;
    char workload[FY_WORKLOAD_TEXT_SIZE];
    if (task_find_whole(checkpoints, id, &entry, err) < 0 || make_spec(entry.record, as, tcp, &spec, err) < 0)
        return -1;
    struct task *task = task_new(checkpoints, &restore_kind, err);
    if (!task)
        return -1;
    memcpy(task->id, entry.id, sizeof task->id);
    task->spec = spec;
    task->restored_data = data;
    fy_workload_format(&spec.workload, workload);
    if (task_submit(task, FERRY__CONTROL__JOB_KIND__RESTORE, workload, job, err) < 0)
        return -1;
    task->restored = restored; /* not from within this call */
    return 0;
}

/* ---- rehearse ---- */

static int start_rehearse(struct task *task, const struct fy_checkpoint_op_options *options, struct fy_error *err)
{
    const struct entry *entry = catalogue_find(task->checkpoints, task->id);
    if (!entry || !entry->checkpoint)
        return fy_error_set(err, FY_E_NOT_FOUND, "checkpoint %s has been removed meanwhile", task->id);
    if (task_use(task, task->id, err) < 0)
        return -1;
    struct fy_checkpoint_rehearse what = {
        .spec = task->spec, .record = entry->checkpoint->record, .probe = task->probe[0] ? task->probe : NULL};
    memcpy(what.id, task->id, sizeof what.id);
    return fy_checkpoint_rehearse_start(options, &what, &task->op, err);
}

static void note_rehearsed(Ferry__Checkpoint__State *state, void *data)
{
    const struct fy_error *failure = data;
    free(state->rehearsal_failure);
    state->rehearsal_failure = fy_error_is_set(failure) ? strdup(failure->message) : NULL;
    state->has_rehearsed_us = 1;
    state->rehearsed_us = fy_clock_wall_us();
    if (state->rehearsal_failure)
        return;
    state->has_proven_us = 1;
    state->proven_us = state->rehearsed_us;
}

/* What this host could not do says nothing about the checkpoint. */
static bool is_verdict(enum fy_code code)
{
    return code != FY_E_CANCELLED && code != FY_E_NOMEM && code != FY_E_NOSPACE && code != FY_E_CHILD &&
           code != FY_E_UNSUPPORTED;
}

static void settle_rehearse(struct task *task)
{
    const struct entry *entry = catalogue_find(task->checkpoints, task->id);
    const struct fy_error *found = &task->report.error;
    struct fy_error err = FY_ERROR_INIT;
    offer_copy(task, entry && entry->checkpoint ? entry->checkpoint->state : NULL);
    if (!entry || !entry->checkpoint || !is_verdict(found->code))
        return;
    if (fy_checkpoints_update(task->checkpoints, task->id, note_rehearsed, &task->report.error, NULL, NULL, &err) < 0 ||
        (found->code == FY_E_VERIFY &&
         fy_checkpoints_update(task->checkpoints, task->id, note_verified, &task->report.error, NULL, NULL, &err) < 0))
        fy_log_error(task->checkpoints->options.log, task->job_id, "what the rehearsal found is not kept", &err);
}

static const struct kind rehearse_kind = {.start = start_rehearse, .settle = settle_rehearse};

int fy_checkpoints_rehearse(struct fy_checkpoints *checkpoints, const char *id, const char *probe, bool low_priority,
                            struct fy_record **job, struct fy_error *err)
{
    struct fy_checkpoint_entry entry;
    struct fy_migration_spec spec;
    char fence[FY_CHECKPOINT_ID_SIZE + 16];
    if (task_find_whole(checkpoints, id, &entry, err) < 0 ||
        make_spec(entry.record, NULL, FY_TCP_CLOSE, &spec, err) < 0)
        return -1;
    if (probe && strlen(probe) >= FY_HOOK_NAME_SIZE)
        return fy_error_set(err, FY_E_USAGE, "probe '%.80s': expected the name of a file in hooks_dir", probe);
    struct task *task = task_new(checkpoints, &rehearse_kind, err);
    if (!task)
        return -1;
    memcpy(task->id, entry.id, sizeof task->id);
    (void)snprintf(task->probe, sizeof task->probe, "%s", probe ? probe : "");
    task->spec = spec;
    task->low_priority = low_priority;
    (void)snprintf(fence, sizeof fence, "checkpoint/%s", entry.id);
    return task_submit(task, FERRY__CONTROL__JOB_KIND__REHEARSE, fence, job, err);
}
