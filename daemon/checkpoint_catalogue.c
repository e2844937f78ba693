/* The list of checkpoints, who uses which, and how they are shown. */
#include "checkpoint_catalogue.h"

#include <ferry/base/cleanup.h>
#include <string.h>

/* ---- the list ---- */

/* The first whose id is not before it. */
static size_t place_by_id(const struct fy_checkpoints *checkpoints, const char *id)
{
    size_t low = 0, high = checkpoints->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(checkpoints->by_id[middle]->id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct entry *catalogue_find(const struct fy_checkpoints *checkpoints, const char *id)
{
    size_t place = place_by_id(checkpoints, id);
    if (place == checkpoints->count || strcmp(checkpoints->by_id[place]->id, id) != 0)
        return NULL;
    return checkpoints->by_id[place];
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

/* The hashes of its files are only needed where it is read. */
static void trim(Ferry__Checkpoint__Record *record)
{
    for (size_t i = 0; i < record->n_files; i++)
        ferry__checkpoint__file__free_unpacked(record->files[i], NULL);
    free(record->files);
    record->files = NULL;
    record->n_files = 0;
}

static int make_room(struct fy_checkpoints *checkpoints)
{
    if (checkpoints->count < checkpoints->capacity)
        return 0;
    size_t capacity = checkpoints->capacity ? checkpoints->capacity * 2 : 64;
    struct entry **list = reallocarray(checkpoints->list, capacity, sizeof(*list));
    if (list)
        checkpoints->list = list;
    struct entry **by_id = reallocarray(checkpoints->by_id, capacity, sizeof(*by_id));
    if (by_id)
        checkpoints->by_id = by_id;
    if (!list || !by_id)
        return -1;
    checkpoints->capacity = capacity;
    return 0;
}

static void put_in(struct entry **array, size_t count, size_t place, struct entry *entry)
{
    memmove(&array[place + 1], &array[place], (count - place) * sizeof(*array));
    array[place] = entry;
}

static void take_out(struct entry **array, size_t count, size_t place)
{
    memmove(&array[place], &array[place + 1], (count - place - 1) * sizeof(*array));
}

/* The first of the first `count` that comes after this time and id. */
static size_t place_by_time(const struct fy_checkpoints *checkpoints, size_t count, int64_t created_us, const char *id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct entry *entry = checkpoints->list[middle];
        int64_t at_us = time_of(entry);
        if (at_us < created_us || (at_us == created_us && strcmp(entry->id, id) <= 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A time that changes moves it to its place among the times. Mostly it is the newest. */
static void set_in_order(struct fy_checkpoints *checkpoints, struct entry *entry)
{
    size_t last = checkpoints->count - 1, place = last;
    while (checkpoints->list[place] != entry)
        place--;
    take_out(checkpoints->list, checkpoints->count, place);
    put_in(checkpoints->list, last, place_by_time(checkpoints, last, time_of(entry), entry->id), entry);
}

static struct entry *add_entry(struct fy_checkpoints *checkpoints, const char *id)
{
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry || make_room(checkpoints) < 0) {
        free(entry);
        return NULL;
    }
    (void)snprintf(entry->id, sizeof entry->id, "%s", id);
    put_in(checkpoints->by_id, checkpoints->count, place_by_id(checkpoints, id), entry);
    checkpoints->list[checkpoints->count++] = entry;
    return entry;
}

int catalogue_set(struct fy_checkpoints *checkpoints, const char *id, struct fy_checkpoint *checkpoint,
                  const char *damage, struct fy_error *err)
{
    struct entry *entry = catalogue_find(checkpoints, id);
    char *words = checkpoint ? NULL : strdup(damage ? damage : "it cannot be read");
    if (!entry && (checkpoint || words))
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
    set_in_order(checkpoints, entry);
    return 0;
}

void catalogue_drop(struct fy_checkpoints *checkpoints, const char *id)
{
    struct entry *entry = catalogue_find(checkpoints, id);
    size_t place = 0;
    if (!entry)
        return;
    while (checkpoints->list[place] != entry)
        place++;
    take_out(checkpoints->list, checkpoints->count, place);
    take_out(checkpoints->by_id, checkpoints->count, place_by_id(checkpoints, id));
    checkpoints->count--;
    update_forget(checkpoints, id);
    entry_free(entry);
}

/* ---- life ---- */

int fy_checkpoints_new(const struct fy_checkpoints_options *options, struct fy_checkpoints **checkpoints,
                       struct fy_error *err)
{
    struct fy_checkpoints *made = calloc(1, sizeof *made);
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the list of checkpoints");
    made->options = *options;
    if (catalogue_fill(made, err) < 0) {
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
    rows_close(checkpoints);
    for (size_t i = 0; i < checkpoints->count; i++)
        entry_free(checkpoints->list[i]);
    free(checkpoints->list);
    free(checkpoints->by_id);
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

size_t fy_checkpoints_after(const struct fy_checkpoints *checkpoints, int64_t created_us, const char *id)
{
    return place_by_time(checkpoints, checkpoints->count, created_us, id);
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
    size_t length = strlen(prefix), first = place_by_id(checkpoints, prefix), matches = 0;
    const struct entry *found = length && first < checkpoints->count ? checkpoints->by_id[first] : NULL;
    while (length && first + matches < checkpoints->count &&
           strncmp(checkpoints->by_id[first + matches]->id, prefix, length) == 0)
        matches++;
    if (matches && found->id[length] == '\0')
        matches = 1; /* a whole one, which others may begin with */
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
