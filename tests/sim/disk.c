/* The journals. A write takes its time; what a crash meets on its way may or may not be there afterwards, and so may
 * one that was said to have failed. */
#include "sim.h"

static void tell(struct world *w, enum host host, enum fy_stage stage, const struct fy_error *err)
{
    if (host == SOURCE)
        fy_source_journaled(&w->source, stage, err);
    else
        fy_destination_journaled(&w->destination, stage, err);
}

static void settle(struct world *w, enum host host, bool is_there)
{
    struct disk *disk = &w->hosts[host].disk;
    struct fy_error err = FY_ERROR_INIT;
    disk->is_writing = disk->in_transaction = false;
    if (is_there) {
        disk->stage = disk->writing;
        disk->epoch = w->epoch;
    }
    if (disk->is_full)
        fy_error_set(&err, FY_E_NOSPACE, "the disk is full");
    tell(w, host, disk->writing, disk->is_full ? &err : NULL);
}

static void written(struct world *w, unsigned host)
{
    settle(w, host, !w->hosts[host].disk.is_full || sim_chance(w, 10));
}

void disk_write(struct world *w, enum host host, enum fy_stage stage)
{
    struct disk *disk = &w->hosts[host].disk;
    sim_trace(w, "%s writes %s", host == SOURCE ? "source" : "destination", fy_stage_name(stage));
    if (disk->is_writing)
        sim_fail(w, "two records are on their way at once");
    disk->writing = stage;
    disk->is_writing = true;
    disk->in_transaction = host == SOURCE && w->group && w->group->transaction;
    if (!disk->in_transaction)
        sim_at(w, sim_delay(w), host == SOURCE ? TO_SOURCE_LIFE : TO_DESTINATION_LIFE, written, "written", host);
}

/* All of it or nothing is there, and then each is told. */
static void transaction_written(struct world *first, unsigned arg)
{
    bool is_there = !first->hosts[SOURCE].disk.is_full || sim_chance(first, 10);
    (void)arg;
    for (unsigned i = 0; i < first->group->count; i++) {
        struct world *w = &first->group->members[i];
        if (w->hosts[SOURCE].disk.in_transaction && is_there) {
            w->hosts[SOURCE].disk.stage = w->hosts[SOURCE].disk.writing;
            w->hosts[SOURCE].disk.epoch = w->epoch;
        }
    }
    for (unsigned i = 0; i < first->group->count; i++)
        if (first->group->members[i].hosts[SOURCE].disk.in_transaction)
            settle(&first->group->members[i], SOURCE, is_there);
}

void disk_transaction(struct group *group)
{
    struct world *first = group->members;
    sim_at(first, sim_delay(first), TO_SOURCE_LIFE, transaction_written, "transaction written", 0);
}

void disk_crash(struct world *w, enum host host, bool is_there)
{
    struct disk *disk = &w->hosts[host].disk;
    if (disk->is_writing && (disk->in_transaction ? is_there : sim_chance(w, 50)))
        disk->stage = disk->writing;
    disk->is_writing = disk->in_transaction = false;
}
