/* CRIU's statistics of a dump and of a restore. Times are in microseconds, pages in pages of the host. */
#ifndef FERRY_IMGCORE_STATS_H
#define FERRY_IMGCORE_STATS_H

#include <ferry/base/error.h>
#include <stdint.h>

struct fy_dump_stats {
    uint32_t freezing_us; /* until all tasks stood still */
    uint32_t frozen_us;   /* from then until they ran again or were killed */
    uint32_t memdump_us;  /* taking pages out of the tasks */
    uint32_t memwrite_us; /* writing them */
    uint64_t pages_scanned;
    uint64_t pages_skipped_parent; /* unchanged since the level before */
    uint64_t pages_written;
    uint64_t pages_lazy;
    uint64_t shmem_pages_scanned;
    uint64_t shmem_pages_skipped_parent;
    uint64_t shmem_pages_written;
};

struct fy_restore_stats {
    uint32_t forking_us;
    uint32_t restore_us;
    uint64_t pages_compared;
    uint64_t pages_skipped_cow; /* already there, inherited from the parent task */
    uint64_t pages_restored;
};

/* Read stats-dump and stats-restore in CRIU's work directory, which is the image directory if none was given.
 * FY_E_NOT_FOUND when there is no such file, which is usual for a dump whose pages are still to be fetched. */
int fy_stats_read_dump(int work_dir_fd, struct fy_dump_stats *stats, struct fy_error *err);
int fy_stats_read_restore(int work_dir_fd, struct fy_restore_stats *stats, struct fy_error *err);

#endif
