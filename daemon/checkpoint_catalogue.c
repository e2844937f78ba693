/* The list of checkpoints, who uses which, and how they are shown. */
#include "checkpoint_catalogue.h"

#include <ferry/base/cleanup.h>
#include <string.h>

/* ---- the list ---- */

struct entry *catalogue_find(const struct fy_checkpoints *checkpoints, const char *id)
{
    for (size_t i = 0; i < checkpoints->count; i++) {
        if (strcmp(checkpoints->list[i]->id, id) == 0)
            return checkpoints->list[i];
    }
    return NULL;
}

struct entry *catalogue_latest(const struct fy_checkpoints *checkpoints, const char *workload)
{
    for (size_t i = checkpoints->count; i > 0; i--) {
        struct entry *entry = checkpoints->list[i - 1];
        if (entry->checkpoint && !entry->rewritten_by[0] && !entry->checkpoint->state->damage &&
            strcmp(entry->checkpoint->record->workload, workload) == 0)
            return entry;
    }
    return NULL;
}

static void entry_free(struct entry *entry)
{
    fy_checkpoint_free(entry->checkpoint);
    free(entry->damage);
    free(entry);
}

static int64_t time_of(const struct entry *entry)
{
    return entry->checkpoint ? entry->checkpoint->record->created_us : 0;
}

static int by_time(const void *a, const void *b)
{
    const struct entry *left = *(struct entry *const *)a, *right = *(struct entry *const *)b;
    int64_t one = time_of(left), other = time_of(right);
    return one != other ? (one < other ? -1 : 1) : strcmp(left->id, right->id);
}

/* The hashes of its files are only needed where it is read. */
static void trim(Ferry__Checkpoint__Record *record)
{
    for (size_t i = 0; i < record->n_files; i++)
        ferry__checkpoint__file__free_unpacked(record->files[i], NULL);
    free(record->files);
    record->files = NULL;
    record->n_files = 0;
}

static struct entry *add_entry(struct fy_checkpoints *checkpoints, const char *id)
{
    if (checkpoints->count == checkpoints->capacity) {
        size_t capacity = checkpoints->capacity ? checkpoints->capacity * 2 : 64;
        struct entry **list = reallocarray(checkpoints->list, capacity, sizeof(*list));
        if (!list)
            return NULL;
        checkpoints->list = list;
        checkpoints->capacity = capacity;
    }
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    (void)snprintf(entry->id, sizeof entry->id, "%s", id);
    checkpoints->list[checkpoints->count++] = entry;
    return entry;
}

int catalogue_set(struct fy_checkpoints *checkpoints, const char *id, struct fy_checkpoint *checkpoint,
                  const struct fy_error *damage, struct fy_error *err)
{
    struct entry *entry = catalogue_find(checkpoints, id);
    char *words = checkpoint ? NULL : strdup(damage ? damage->message : "it cannot be read");
    if (!entry)
        entry = add_entry(checkpoints, id);
    if (!entry || (!checkpoint && !words)) {
        fy_checkpoint_free(checkpoint);
        free(words);
        return fy_error_set(err, FY_E_NOMEM, "no memory for checkpoint %s", id);
    }
    if (checkpoint)
        trim(checkpoint->record);
    fy_checkpoint_free(entry->checkpoint);
    free(entry->damage);
    entry->checkpoint = checkpoint;
    entry->damage = words;
    qsort(checkpoints->list, checkpoints->count, sizeof(*checkpoints->list), by_time);
    return 0;
}

void catalogue_drop(struct fy_checkpoints *checkpoints, const char *id)
{
    for (size_t i = 0; i < checkpoints->count; i++) {
        struct entry *entry = checkpoints->list[i];
        if (strcmp(entry->id, id) != 0)
            continue;
        checkpoints->count--;
        memmove(&checkpoints->list[i], &checkpoints->list[i + 1],
                (checkpoints->count - i) * sizeof(*checkpoints->list));
        update_forget(checkpoints, id);
        entry_free(entry);
        return;
    }
}

/* ---- life ---- */

static int load_one(const char *id, struct fy_checkpoint *checkpoint, const struct fy_error *damage, void *data,
                    struct fy_error *err)
{
    struct fy_checkpoints *checkpoints = data;
    if (damage)
        fy_log_error(checkpoints->options.log, NULL, "a checkpoint is damaged", damage);
    return catalogue_set(checkpoints, id, checkpoint, damage, err);
}

int fy_checkpoints_new(const struct fy_checkpoints_options *options, struct fy_checkpoints **checkpoints,
                       struct fy_error *err)
{
    struct fy_checkpoints *made = calloc(1, sizeof *made);
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the list of checkpoints");
    made->options = *options;
    if (fy_checkpoint_each(options->store, load_one, made, err) < 0) {
        fy_checkpoints_free(made);
        return -1;
    }
    *checkpoints = made;
    return 0;
}

void fy_checkpoints_free(struct fy_checkpoints *checkpoints)
{
    if (!checkpoints)
        return;
    for (size_t i = 0; i < checkpoints->count; i++)
        entry_free(checkpoints->list[i]);
    free(checkpoints->list);
    free(checkpoints);
}

/* ---- who uses which ---- */

/* The next one that it needs; NULL: none, or it is not there, which whoever reads will find out. */
static struct entry *needed_by(const struct fy_checkpoints *checkpoints, const struct entry *entry)
{
    const char *parent = entry->checkpoint ? entry->checkpoint->record->parent : NULL;
    return parent ? catalogue_find(checkpoints, parent) : NULL;
}

static int busy(const struct entry *entry, struct fy_error *err)
{
    fy_error_set(err, FY_E_BUSY, "checkpoint %s is being removed or rewritten by job %s", entry->id,
                 entry->rewritten_by);
    return fy_error_next(err, "wait for it: ferry job watch %s", entry->rewritten_by);
}

int catalogue_use(struct fy_checkpoints *checkpoints, const char *id, struct fy_error *err)
{
    size_t steps = 0;
    for (const struct entry *at = catalogue_find(checkpoints, id); at; at = needed_by(checkpoints, at)) {
        if (at->rewritten_by[0])
            return busy(at, err);
        if (++steps > checkpoints->count)
            return fy_error_set(err, FY_E_VERIFY, "checkpoint %s: its chain leads back to itself", id);
    }
    for (struct entry *at = catalogue_find(checkpoints, id); at; at = needed_by(checkpoints, at))
        at->uses++;
    return 0;
}

void catalogue_unuse(struct fy_checkpoints *checkpoints, const char *id)
{
    for (struct entry *at = catalogue_find(checkpoints, id); at; at = needed_by(checkpoints, at)) {
        if (at->uses)
            at->uses--;
    }
}

int catalogue_claim(struct entry *entry, const char *job_id, struct fy_error *err)
{
    if (entry->rewritten_by[0])
        return busy(entry, err);
    if (entry->uses) {
        fy_error_set(err, FY_E_BUSY, "checkpoint %s is being read by another job", entry->id);
        return fy_error_next(err, "wait until it has ended: ferry job list");
    }
    (void)snprintf(entry->rewritten_by, sizeof entry->rewritten_by, "%s", job_id);
    return 0;
}

/* ---- looking ---- */

size_t fy_checkpoints_count(const struct fy_checkpoints *checkpoints)
{
    return checkpoints->count;
}

static void fill_entry(const struct entry *from, struct fy_checkpoint_entry *entry)
{
    *entry =
        (struct fy_checkpoint_entry){.damage = from->damage, .in_use = from->uses > 0 || from->rewritten_by[0] != '\0'};
    memcpy(entry->id, from->id, sizeof entry->id);
    if (!from->checkpoint)
        return;
    entry->record = from->checkpoint->record;
    entry->state = from->checkpoint->state;
    entry->real_bytes = from->checkpoint->real_bytes;
}

void fy_checkpoints_at(const struct fy_checkpoints *checkpoints, size_t index, struct fy_checkpoint_entry *entry)
{
    fill_entry(checkpoints->list[index], entry);
}

int fy_checkpoints_find(const struct fy_checkpoints *checkpoints, const char *prefix, struct fy_checkpoint_entry *entry,
                        struct fy_error *err)
{
    const struct entry *found = NULL;
    size_t matches = 0, length = strlen(prefix);
    for (size_t i = 0; length > 0 && i < checkpoints->count; i++) {
        const struct entry *candidate = checkpoints->list[i];
        if (strncmp(candidate->id, prefix, length) != 0)
            continue;
        found = candidate;
        matches++;
        if (candidate->id[length] == '\0') {
            matches = 1;
            break;
        }
    }
    if (matches == 1) {
        fill_entry(found, entry);
        return 0;
    }
    if (matches == 0)
        fy_error_set(err, FY_E_NOT_FOUND, "no checkpoint is called %.64s", prefix);
    else
        fy_error_set(err, FY_E_USAGE, "%zu checkpoints begin with %.64s", matches, prefix);
    return fy_error_next(err, "see: ferry checkpoint list");
}
