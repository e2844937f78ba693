/* Checkpoints and other hosts: jobs that copy one there, or have it restored there; and what peers send here. */
#include "checkpoint_task.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <string.h>

/* ---- copying to a peer ---- */

static int start_replicate(struct task *task, const struct fy_checkpoint_op_options *options, struct fy_error *err)
{
    if (task_use(task, task->id, err) < 0)
        return -1;
    return fy_checkpoint_replicate_start(options, task->id, task->peer, &task->op, err);
}

static void note_replica(Ferry__Checkpoint__State *state, void *data)
{
    const char *peer = data;
    for (size_t i = 0; i < state->n_replicas; i++) {
        if (strcmp(state->replicas[i]->peer, peer) == 0) {
            state->replicas[i]->at_us = fy_clock_wall_us();
            return;
        }
    }
    Ferry__Checkpoint__Replica **replicas = reallocarray(state->replicas, state->n_replicas + 1, sizeof(*replicas));
    if (replicas)
        state->replicas = replicas;
    Ferry__Checkpoint__Replica *replica = replicas ? malloc(sizeof *replica) : NULL;
    char *name = replica ? strdup(peer) : NULL;
    if (!name) {
        free(replica);
        return; /* it is only forgotten that there is a copy */
    }
    ferry__checkpoint__replica__init(replica);
    replica->peer = name;
    replica->at_us = fy_clock_wall_us();
    state->replicas[state->n_replicas++] = replica;
}

/* Those that it needs are there too. */
static void settle_replicate(struct task *task)
{
    struct fy_checkpoints *checkpoints = task->checkpoints;
    const struct entry *entry = catalogue_find(checkpoints, task->id);
    if (fy_error_is_set(&task->report.error))
        return;
    while (entry && entry->checkpoint) {
        struct fy_error err = FY_ERROR_INIT;
        const char *parent = entry->checkpoint->record->parent;
        if (fy_checkpoints_update(checkpoints, entry->id, note_replica, task->peer, NULL, NULL, &err) < 0)
            fy_log_error(checkpoints->options.log, task->job_id, "where a copy is, is not kept", &err);
        entry = parent ? catalogue_find(checkpoints, parent) : NULL;
    }
}

static const struct kind replicate_kind = {.start = start_replicate, .settle = settle_replicate};

static int check_peer(const struct fy_checkpoints *checkpoints, const char *peer, struct fy_error *err)
{
    if (fy_settings_peer(checkpoints->options.host->settings, peer))
        return 0;
    fy_error_set(err, FY_E_NOT_FOUND, "no peer is called %.64s", peer);
    return fy_error_next(err, "see: ferry peer list; peers stand in ferryd's configuration");
}

static void fence_of(const char *id, char fence[FY_CHECKPOINT_ID_SIZE + 16])
{
    (void)snprintf(fence, FY_CHECKPOINT_ID_SIZE + 16, "checkpoint/%s", id);
}

int fy_checkpoints_replicate(struct fy_checkpoints *checkpoints, const char *id, const char *peer,
                             struct fy_record **job, struct fy_error *err)
{
    struct fy_checkpoint_entry entry;
    char fence[FY_CHECKPOINT_ID_SIZE + 16];
    if (task_find_whole(checkpoints, id, &entry, err) < 0 || check_peer(checkpoints, peer, err) < 0)
        return -1;
    struct task *task = task_new(checkpoints, &replicate_kind, err);
    if (!task)
        return -1;
    memcpy(task->id, entry.id, sizeof task->id);
    (void)snprintf(task->peer, sizeof task->peer, "%s", peer);
    fence_of(entry.id, fence);
    return task_submit(task, FERRY__CONTROL__JOB_KIND__REPLICATE, fence, job, err);
}

/* ---- restoring at a peer ---- */

static int start_restore_on(struct task *task, const struct fy_checkpoint_op_options *options, struct fy_error *err)
{
    return fy_checkpoint_restore_on_start(options, task->id, task->peer, task->as[0] ? task->as : NULL, task->spec.tcp,
                                          &task->op, err);
}

static const struct kind restore_on_kind = {.start = start_restore_on};

int fy_checkpoints_restore_on(struct fy_checkpoints *checkpoints, const char *id, const char *peer, const char *as,
                              enum fy_tcp_mode tcp, struct fy_record **job, struct fy_error *err)
{
    struct fy_checkpoint_entry entry;
    char fence[FY_CHECKPOINT_ID_SIZE + 16];
    if (check_peer(checkpoints, peer, err) < 0)
        return -1;
    if (fy_checkpoints_find(checkpoints, id, &entry, NULL) == 0)
        id = entry.id;
    else if (!fy_checkpoint_id_is_valid(id))
        return fy_error_set(err, FY_E_NOT_FOUND, "no checkpoint is called %.64s", id);
    struct task *task = task_new(checkpoints, &restore_on_kind, err);
    if (!task)
        return -1;
    (void)snprintf(task->id, sizeof task->id, "%s", id);
    (void)snprintf(task->peer, sizeof task->peer, "%s", peer);
    (void)snprintf(task->as, sizeof task->as, "%s", as ? as : "");
    task->spec.tcp = tcp;
    fence_of(task->id, fence);
    return task_submit(task, FERRY__CONTROL__JOB_KIND__RESTORE, fence, job, err);
}

/* ---- what peers send ---- */

static int arriving(const char *id, const char *parent, const char *peer, struct fy_error *err, void *data)
{
    struct fy_checkpoints *checkpoints = data;
    struct entry *entry = catalogue_find(checkpoints, id);
    char who[FY_JOB_ID_SIZE];
    if (parent && catalogue_use(checkpoints, parent, err) < 0)
        return -1;
    (void)snprintf(who, sizeof who, "of %.30s", peer);
    if (!entry || catalogue_claim(entry, who, err) == 0)
        return 0;
    if (parent)
        catalogue_unuse(checkpoints, parent);
    return -1;
}

/* One that has come, on its way into the catalogue. */
struct arrival {
    struct fy_checkpoints *checkpoints;
    struct reading reading;
    struct fy_error row_err;
    uv_work_t work;
    fy_checkpoint_listed_cb listed;
    void *data;
};

static void load_arrived(uv_work_t *work)
{
    struct arrival *arrival = fy_container_of(work, struct arrival, work);
    catalogue_read(arrival->checkpoints, &arrival->reading, &arrival->row_err);
}

static void list_arrived(uv_work_t *work, int status)
{
    struct arrival *arrival = fy_container_of(work, struct arrival, work);
    struct fy_checkpoints *checkpoints = arrival->checkpoints;
    struct entry *entry = catalogue_find(checkpoints, arrival->reading.id);
    struct fy_error err = FY_ERROR_INIT;
    (void)status;
    if (entry)
        entry->rewritten_by[0] = '\0';
    if (catalogue_take(checkpoints, &arrival->reading, &err) < 0)
        fy_log_error(checkpoints->options.log, NULL, "the list of checkpoints is out of date", &err);
    rows_tell(checkpoints, NULL, &arrival->row_err);
    if (arrival->listed)
        arrival->listed(arrival->data);
    free(arrival);
}

static bool arrived(const char *id, const char *parent, fy_checkpoint_listed_cb listed, void *listed_data, void *data)
{
    struct fy_checkpoints *checkpoints = data;
    struct arrival *arrival = calloc(1, sizeof *arrival);
    if (parent)
        catalogue_unuse(checkpoints, parent);
    if (arrival) {
        arrival->checkpoints = checkpoints;
        arrival->listed = listed;
        arrival->data = listed_data;
        (void)snprintf(arrival->reading.id, sizeof arrival->reading.id, "%s", id);
        if (uv_queue_work(checkpoints->options.host->loop, &arrival->work, load_arrived, list_arrived) == 0)
            return true;
    }
    free(arrival);
    fy_log_write(checkpoints->options.log, FY_LOG_ERROR, NULL, "no memory for listing checkpoint %s", id);
    return false;
}

static int restore_for_peer(const char *id, const char *as, enum fy_tcp_mode tcp, fy_checkpoint_restored_cb done,
                            void *done_data, struct fy_error *err, void *data)
{
    struct fy_record *job;
    if (checkpoints_restore(data, id, as, tcp, done, done_data, &job, err) < 0)
        return -1;
    fy_record_unref(job);
    return 0;
}

void fy_checkpoints_serve(struct fy_checkpoints *checkpoints, struct fy_checkpoint_service *service)
{
    *service = (struct fy_checkpoint_service){.store = checkpoints->options.store,
                                              .arriving = arriving,
                                              .arrived = arrived,
                                              .restore = restore_for_peer,
                                              .data = checkpoints};
}
