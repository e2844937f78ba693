/* Reading of statistics. */
#include <criu/stats.pb-c.h>
#include <ferry/imgcore/image.h>
#include <ferry/imgcore/stats.h>

static void take_dump(const DumpStatsEntry *dump, struct fy_dump_stats *stats)
{
    *stats = (struct fy_dump_stats){.freezing_us = dump->freezing_time,
                                    .frozen_us = dump->frozen_time,
                                    .memdump_us = dump->memdump_time,
                                    .memwrite_us = dump->memwrite_time,
                                    .pages_scanned = dump->pages_scanned,
                                    .pages_skipped_parent = dump->pages_skipped_parent,
                                    .pages_written = dump->pages_written,
                                    .pages_lazy = dump->pages_lazy,
                                    .shmem_pages_scanned = dump->shpages_scanned,
                                    .shmem_pages_skipped_parent = dump->shpages_skipped_parent,
                                    .shmem_pages_written = dump->shpages_written};
}

static void take_restore(const RestoreStatsEntry *restore, struct fy_restore_stats *stats)
{
    *stats = (struct fy_restore_stats){.forking_us = restore->forking_time,
                                       .restore_us = restore->restore_time,
                                       .pages_compared = restore->pages_compared,
                                       .pages_skipped_cow = restore->pages_skipped_cow,
                                       .pages_restored = restore->pages_restored};
}

/* Takes what `name` holds into the one of the two that is wanted. */
static int read_stats(int dir_fd, const char *name, struct fy_dump_stats *dump, struct fy_restore_stats *restore,
                      struct fy_error *err)
{
    struct fy_image *image;
    struct fy_image_entry entry;
    const StatsEntry *stats;
    int result = -1;

    if (fy_image_open(dir_fd, name, NULL, &image, err) < 0)
        return -1;
    if (fy_image_next(image, &entry, err) < 0)
        goto out;
    stats = (const StatsEntry *)entry.message;
    if (dump ? !stats->dump : !stats->restore) {
        (void)fy_error_set(err, FY_E_FORMAT, "%s: does not hold the statistics of a %s", name,
                           dump ? "dump" : "restore");
        goto out;
    }
    if (dump)
        take_dump(stats->dump, dump);
    else
        take_restore(stats->restore, restore);
    result = 0;
out:
    fy_image_free(image);
    return result;
}

int fy_stats_read_dump(int work_dir_fd, struct fy_dump_stats *stats, struct fy_error *err)
{
    return read_stats(work_dir_fd, "stats-dump", stats, NULL, err);
}

int fy_stats_read_restore(int work_dir_fd, struct fy_restore_stats *stats, struct fy_error *err)
{
    return read_stats(work_dir_fd, "stats-restore", NULL, stats, err);
}
