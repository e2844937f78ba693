/* Damage by rote. Places are chosen by a generator with a fixed seed for every file, so that runs are alike. */
#include "mutate.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLIPS 8
#define CUTS_IN_ENTRIES 3
#define SWAPS 2

const char *const blind_names[BLIND_COUNT] = {"flip",      "drop",       "cut",      "copy-entry",
                                              "copy-file", "swap-entry", "swap-file"};

struct work {
    const struct shop *shop;
    const struct shop_file *file;
    const struct panel *panel;
    struct results *results;
    struct bytes meaning; /* of the whole file */
    struct extent *extents;
    size_t extent_count;
    uint64_t seed;
    bool verbose;
};

static size_t pick(struct work *work, size_t below)
{
    work->seed = work->seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)((work->seed >> 33) % below);
}

static bool means_the_same(const struct work *work)
{
    struct bytes now = shop_meaning(work->shop, work->file);
    bool same = now.data && now.size == work->meaning.size && memcmp(now.data, work->meaning.data, now.size) == 0;

    free(now.data);
    return same;
}

/* Asks about what is on disk now. */
static void judge(struct work *work, enum blind how, size_t place)
{
    struct tally *tally = &work->results->blind[work->file->type->kind][how];
    bool noticed[DETECTORS_MAX], all = true;

    for (size_t i = 0; i < detector_count; i++) {
        noticed[i] = panel_notices(work->panel, work->shop, i);
        all = all && noticed[i];
    }
    if (!noticed[0] && how != COPY_FILE && means_the_same(work)) {
        tally->same++;
        return;
    }
    tally->tried++;
    for (size_t i = 0; i < detector_count; i++)
        tally->noticed[i] += noticed[i];
    if (work->verbose && !all)
        printf("unnoticed: %s/%s %s at byte %zu\n", work->shop->path, work->file->name, blind_names[how], place);
}

static void flip(struct work *work)
{
    const struct bytes *whole = &work->file->whole;
    uint8_t *data = malloc(whole->size + 1);
    bool is_opaque = work->file->type->magic == 0; /* there is no knowing: one is enough to show it */

    if (!data)
        die("no memory");
    memcpy(data, whole->data, whole->size);
    for (int i = 0; i < (is_opaque ? 1 : FLIPS) && whole->size > 0; i++) {
        size_t at = pick(work, whole->size);
        data[at] ^= (uint8_t)(1u << pick(work, 8));
        shop_write(work->shop, work->file->name, data, whole->size);
        judge(work, FLIP, at);
        data[at] = whole->data[at];
    }
    free(data);
    shop_restore(work->shop, work->file);
}

static void drop(struct work *work)
{
    shop_remove(work->shop, work->file->name);
    judge(work, DROP, 0);
    shop_restore(work->shop, work->file);
}

static void cut_at(struct work *work, size_t size)
{
    shop_write(work->shop, work->file->name, work->file->whole.data, size);
    judge(work, CUT, size);
}

/* To nothing, within the magic, behind it, within entries, between the last two, and by one byte. */
static void cut(struct work *work)
{
    size_t size = work->file->whole.size;

    if (size == 0)
        return;
    cut_at(work, 0);
    cut_at(work, size - 1);
    if (size > 8) {
        cut_at(work, 6);
        cut_at(work, 8);
    }
    for (int i = 0; i < CUTS_IN_ENTRIES && size > 16; i++)
        cut_at(work, 9 + pick(work, size - 10));
    if (work->extent_count > 1)
        cut_at(work, work->extents[work->extent_count - 1].begin);
    shop_restore(work->shop, work->file);
}

/* The file with the entries [first] and [second] written where the other was, or [first] twice when they are equal. */
static void rearrange(struct work *work, size_t first, size_t second, enum blind how)
{
    const uint8_t *data = work->file->whole.data;
    const struct extent *a = &work->extents[first], *b = &work->extents[second];
    size_t size_a = a->end - a->begin, size_b = b->end - b->begin, at = a->begin;
    uint8_t *made = malloc(work->file->whole.size + size_a);

    if (!made)
        die("no memory");
    memcpy(made, data, at);
#define PUT(from, size) (memcpy(made + at, data + (from), (size)), at += (size))
    PUT(b->begin, size_b);
    if (first != second)
        PUT(a->end, b->begin - a->end);
    PUT(a->begin, size_a);
    PUT(b->end, work->file->whole.size - b->end);
#undef PUT
    shop_write(work->shop, work->file->name, made, at);
    judge(work, how, a->begin);
    free(made);
    shop_restore(work->shop, work->file);
}

static void copy_entries(struct work *work)
{
    if (work->extent_count == 0)
        return;
    rearrange(work, 0, 0, COPY_ENTRY);
    if (work->extent_count > 1)
        rearrange(work, work->extent_count - 1, work->extent_count - 1, COPY_ENTRY);
}

static void swap_entries(struct work *work)
{
    for (int i = 0; i < SWAPS && work->extent_count > 1; i++) {
        size_t first = pick(work, work->extent_count - 1);
        rearrange(work, first, first + 1 + pick(work, work->extent_count - 1 - first), SWAP_ENTRIES);
    }
}

/* A name of the same pattern with another number. */
static bool other_name(const struct shop_file *file, char name[96])
{
    const char *pattern = file->type->pattern, *number = strchr(pattern, '%');

    if (!number)
        return false;
    (void)snprintf(name, 96, "%.*s%u%s", (int)(number - pattern), pattern, 77777u, number + 2);
    return true;
}

static void copy_file(struct work *work)
{
    char name[96];

    if (!other_name(work->file, name))
        return;
    shop_write(work->shop, name, work->file->whole.data, work->file->whole.size);
    judge(work, COPY_FILE, 0);
    shop_remove(work->shop, name);
}

/* With the next file of the same kind. */
static void swap_files(struct work *work)
{
    const struct shop_file *file = work->file, *end = work->shop->files + work->shop->file_count;
    const struct shop_file *other = file + 1;

    while (other < end && other->type != file->type)
        other++;
    if (other == end)
        return;
    shop_write(work->shop, file->name, other->whole.data, other->whole.size);
    shop_write(work->shop, other->name, file->whole.data, file->whole.size);
    judge(work, SWAP_FILES, 0);
    shop_restore(work->shop, file);
    shop_restore(work->shop, other);
}

static void run_file(struct work *work)
{
    work->seed = 0x9e3779b97f4a7c15u;
    for (const char *c = work->file->name; *c; c++)
        work->seed = (work->seed ^ (uint8_t)*c) * 1099511628211u;
    work->meaning = shop_meaning(work->shop, work->file);
    work->extents = shop_extents(work->shop, work->file, &work->extent_count);
    flip(work);
    drop(work);
    cut(work);
    copy_entries(work);
    copy_file(work);
    swap_entries(work);
    swap_files(work);
    free(work->extents);
    free(work->meaning.data);
}

void blind_run(const struct shop *shop, const struct panel *panel, struct results *results, bool verbose)
{
    for (size_t i = 0; i < shop->file_count; i++) {
        struct work work = {
            .shop = shop, .file = &shop->files[i], .panel = panel, .results = results, .verbose = verbose};
        run_file(&work);
    }
}
