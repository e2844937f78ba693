/* The list of all damage that must be noticed, and the common ways of making it. */
#include "damage.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of an image with many entries, this many at each end. */
#define ENTRIES_AT_END 6

static const struct damage *const lists[] = {damages_of_tasks, damages_of_memory,  damages_of_parents,
                                             damages_of_files, damages_of_content, damages_of_namespaces};

const struct damage *damage_get(size_t index)
{
    for (size_t list = 0; list < sizeof(lists) / sizeof(lists[0]); list++)
        for (const struct damage *damage = lists[list]; damage->name; damage++)
            if (index-- == 0)
                return damage;
    return NULL;
}

size_t damage_count(void)
{
    size_t count = 0;

    while (damage_get(count))
        count++;
    if (count > DAMAGE_MAX)
        die("more than %d classes of damage", DAMAGE_MAX);
    return count;
}

void trial_judge(struct trial *trial, const struct shop_file *file)
{
    trial->tally->tried++;
    for (size_t i = 0; i < detector_count; i++) {
        bool noticed = panel_notices(trial->panel, trial->shop, i);
        trial->tally->noticed[i] += noticed;
        if (!noticed && trial->verbose)
            printf("unnoticed by %s: %s: %s/%s\n", detectors[i].name, trial->name, trial->shop->path,
                   file ? file->name : "");
    }
    if (file)
        shop_restore(trial->shop, file);
}

void damage_run(const struct shop *shop, const struct panel *panel, struct results *results, bool verbose)
{
    for (size_t i = 0; i < damage_count(); i++) {
        struct tally *tally = &results->damage[i];
        struct trial trial = {
            .shop = shop, .panel = panel, .tally = tally, .name = damage_get(i)->name, .verbose = verbose};
        uint32_t before = tally->tried;

        damage_get(i)->make(&trial);
        results->damage_sets[i] += tally->tried > before;
    }
}

void damage_missing(struct trial *trial, enum fy_image_kind kind)
{
    const struct shop_file *file;

    for (size_t i = 0; (file = shop_next(trial->shop, kind, &i)) != NULL;) {
        shop_remove(trial->shop, file->name);
        trial_judge(trial, file);
    }
}

struct spot {
    const struct trial *trial;
    entry_change *change;
    uint64_t number, count;
    unsigned kept; /* how often the entry is there afterwards */
    bool is_hit;
};

static unsigned count_entries(ProtobufCMessage *message, uint64_t number, void *context)
{
    (void)message;
    *(uint64_t *)context = number + 1;
    return 0;
}

static unsigned change_spot(ProtobufCMessage *message, uint64_t number, void *context)
{
    struct spot *spot = context;

    if (number != spot->number)
        return 1;
    spot->is_hit = !spot->change || spot->change(message, number, spot->trial);
    return spot->is_hit ? spot->kept : 1;
}

static void change_file(struct trial *trial, const struct shop_file *file, entry_change *change, unsigned kept)
{
    struct spot spot = {.trial = trial, .change = change, .kept = kept};

    shop_look(trial->shop, file, count_entries, &spot.count);
    for (spot.number = 0; spot.number < spot.count; spot.number++) {
        if (spot.number >= ENTRIES_AT_END && spot.number + ENTRIES_AT_END < spot.count)
            continue;
        if (shop_edit(trial->shop, file, change_spot, &spot) && spot.is_hit)
            trial_judge(trial, file);
        else
            shop_restore(trial->shop, file);
    }
}

static void change_kind(struct trial *trial, enum fy_image_kind kind, entry_change *change, unsigned kept)
{
    const struct shop_file *file;

    for (size_t i = 0; (file = shop_next(trial->shop, kind, &i)) != NULL;)
        change_file(trial, file, change, kept);
}

void damage_change(struct trial *trial, enum fy_image_kind kind, entry_change *change)
{
    change_kind(trial, kind, change, 1);
}

void damage_leave_out(struct trial *trial, enum fy_image_kind kind, entry_change *which)
{
    change_kind(trial, kind, which, 0);
}

void damage_repeat(struct trial *trial, enum fy_image_kind kind, entry_change *which)
{
    change_kind(trial, kind, which, 2);
}
