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

static void written(struct world *w, unsigned host)
{
    struct disk *disk = &w->hosts[host].disk;
    struct fy_error err = FY_ERROR_INIT;
    disk->is_writing = false;
    if (!disk->is_full || sim_chance(w, 10)) {
        disk->stage = disk->writing;
        disk->epoch = w->epoch;
    }
    if (disk->is_full)
        fy_error_set(&err, FY_E_NOSPACE, "the disk is full");
    tell(w, host, disk->writing, disk->is_full ? &err : NULL);
}

void disk_write(struct world *w, enum host host, enum fy_stage stage)
{
    struct disk *disk = &w->hosts[host].disk;
    sim_trace(w, "%s writes %s", host == SOURCE ? "source" : "destination", fy_stage_name(stage));
    if (disk->is_writing)
        sim_fail(w, "two records are on their way at once");
    disk->writing = stage;
    disk->is_writing = true;
    sim_at(w, sim_delay(w), host == SOURCE ? TO_SOURCE_LIFE : TO_DESTINATION_LIFE, written, "written", host);
}

void disk_crash(struct world *w, enum host host)
{
    struct disk *disk = &w->hosts[host].disk;
    if (disk->is_writing && sim_chance(w, 50))
        disk->stage = disk->writing;
    disk->is_writing = false;
}
