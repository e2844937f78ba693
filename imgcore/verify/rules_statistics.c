/* The dump's own statistics say how many pages it wrote, found in the level before, and left on the source: a pagemap
 * that was cut between two entries shows in the sum when nothing else tells. (In all of 135 real sets whose statistics
 * were taken when the pages had been written, the sums are exact.)
 *
 * It is a warning only: the statistics lie in CRIU's work directory, and may be of another dump. */
#include "set.h"
#include <ferry/imgcore/stats.h>
#include <inttypes.h>

struct sums {
    uint64_t written, in_parent, lazy;
};

/* False when some pagemap does not say, or they do not say it of this set. */
static bool sum_pagemaps(const struct fy_set *set, struct sums *sums)
{
    for (size_t i = 0; i < set->pagemaps.count; i++) {
        const struct set_pagemap *pagemap = &set->pagemaps.items[i];
        if (!pagemap->has_size || __builtin_add_overflow(sums->written, pagemap->present_pages, &sums->written) ||
            __builtin_add_overflow(sums->in_parent, pagemap->parent_pages, &sums->in_parent) ||
            __builtin_add_overflow(sums->lazy, pagemap->lazy_pages, &sums->lazy))
            return false;
    }
    return set->pagemaps.count > 0 && fy_set_is_whole(set, FY_IMAGE_PAGEMAP) &&
           fy_set_is_whole(set, FY_IMAGE_PAGEMAP_SHMEM) && fy_set_is_whole(set, FY_IMAGE_STATS_DUMP);
}

static void compare(const struct fy_set *set, const char *what, uint64_t said, uint64_t found)
{
    if (said != found)
        fy_set_report(set, FY_FINDING_STATISTICS, "stats-dump",
                      "says that %" PRIu64 " pages %s, but all pagemaps together have %" PRIu64, said, what, found);
}

int fy_rules_statistics(struct fy_set *set, struct fy_error *err)
{
    const struct set_file *file = fy_set_find_image(set, FY_IMAGE_STATS_DUMP, 0);
    struct fy_dump_stats stats;
    struct sums sums = {0};

    (void)err;
    if (!file || !file->is_regular || !sum_pagemaps(set, &sums) || fy_stats_read_dump(set->dir_fd, &stats, NULL) < 0)
        return 0;
    /* All zeros: a lazy dump wrote them before the pages were served. */
    if (stats.pages_scanned == 0 && stats.pages_written == 0)
        return 0;
    compare(set, "were written", stats.pages_written + stats.shmem_pages_written, sums.written);
    compare(set, "are in the level before", stats.pages_skipped_parent + stats.shmem_pages_skipped_parent,
            sums.in_parent);
    compare(set, "were left on the source", stats.pages_lazy, sums.lazy);
    return 0;
}
