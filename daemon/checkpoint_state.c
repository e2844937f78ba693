/* States on their way to the disk: one at a time, in the thread pool. */
#include "checkpoint_catalogue.h"

#include <ferry/base/cleanup.h>
#include <string.h>

struct update {
    struct update *next;
    struct fy_checkpoints *checkpoints;
    char id[FY_CHECKPOINT_ID_SIZE];
    Ferry__Checkpoint__State *state; /* a copy */
    uv_work_t work;
    struct fy_error err, row_err;
    fy_checkpoints_cb done;
    void *data;
};

static void next_update(struct fy_checkpoints *checkpoints);

static void finish(struct update *update)
{
    const struct fy_error *err = fy_error_is_set(&update->err) ? &update->err : NULL;
    if (update->done)
        update->done(err, update->data);
    else if (err)
        fy_log_error(update->checkpoints->options.log, NULL, "what is known of a checkpoint is not on the disk", err);
    rows_tell(update->checkpoints, NULL, &update->row_err);
    ferry__checkpoint__state__free_unpacked(update->state, NULL);
    free(update);
}

/* And its row, as what is in memory may have changed again. */
static void write_state(uv_work_t *work)
{
    struct update *update = fy_container_of(work, struct update, work);
    struct reading reading = {0};
    memcpy(reading.id, update->id, sizeof reading.id);
    if (fy_checkpoint_set_state(update->checkpoints->options.store, update->id, update->state, &update->err) == 0)
        catalogue_read(update->checkpoints, &reading, &update->row_err);
    reading_done(&reading);
}

static void written(uv_work_t *work, int status)
{
    struct update *update = fy_container_of(work, struct update, work);
    struct fy_checkpoints *checkpoints = update->checkpoints;
    (void)status;
    checkpoints->updates = update->next;
    finish(update);
    next_update(checkpoints);
}

static void next_update(struct fy_checkpoints *checkpoints)
{
    struct update *first = checkpoints->updates;
    if (first)
        (void)uv_queue_work(checkpoints->options.host->loop, &first->work, write_state, written);
}

/* The first may be in the thread; writing it fails, which nobody minds. */
void update_forget(struct fy_checkpoints *checkpoints, const char *id)
{
    struct update **at = checkpoints->updates ? &checkpoints->updates->next : &checkpoints->updates;
    while (*at) {
        struct update *update = *at;
        if (strcmp(update->id, id) != 0) {
            at = &update->next;
            continue;
        }
        *at = update->next;
        fy_error_set(&update->err, FY_E_NOT_FOUND, "checkpoint %s has been removed", id);
        finish(update);
    }
}

static Ferry__Checkpoint__State *copy_state(const Ferry__Checkpoint__State *state)
{
    size_t size = ferry__checkpoint__state__get_packed_size(state);
    FY_AUTO_FREE uint8_t *packed = malloc(size + 1);
    return packed ? ferry__checkpoint__state__unpack(NULL, ferry__checkpoint__state__pack(state, packed), packed)
                  : NULL;
}

static void append(struct fy_checkpoints *checkpoints, struct update *update)
{
    struct update **at = &checkpoints->updates;
    bool idle = !*at;
    while (*at)
        at = &(*at)->next;
    *at = update;
    if (idle)
        next_update(checkpoints);
}

int fy_checkpoints_update(struct fy_checkpoints *checkpoints, const char *id, fy_checkpoint_change change,
                          void *change_data, fy_checkpoints_cb done, void *data, struct fy_error *err)
{
    struct entry *entry = catalogue_find(checkpoints, id);
    if (!entry)
        return fy_error_set(err, FY_E_NOT_FOUND, "no checkpoint is called %.64s", id);
    if (!entry->checkpoint)
        return fy_error_set(err, FY_E_VERIFY, "checkpoint %s is damaged: %s", id, entry->damage);
    if (entry->rewritten_by[0])
        return fy_error_set(err, FY_E_BUSY, "checkpoint %s is being removed or rewritten by job %s", id,
                            entry->rewritten_by);
    struct update *update = calloc(1, sizeof *update);
    if (update) {
        change(entry->checkpoint->state, change_data);
        update->state = copy_state(entry->checkpoint->state);
    }
    if (!update || !update->state) {
        free(update);
        return fy_error_set(err, FY_E_NOMEM, "no memory for changing checkpoint %s", id);
    }
    update->checkpoints = checkpoints;
    memcpy(update->id, entry->id, sizeof update->id);
    update->done = done;
    update->data = data;
    append(checkpoints, update);
    return 0;
}

static void set_pinned(Ferry__Checkpoint__State *state, void *data)
{
    state->has_pinned = 1;
    state->pinned = *(const bool *)data;
}

int fy_checkpoints_pin(struct fy_checkpoints *checkpoints, const char *id, bool pinned, fy_checkpoints_cb done,
                       void *data, struct fy_error *err)
{
    return fy_checkpoints_update(checkpoints, id, set_pinned, &pinned, done, data, err);
}
