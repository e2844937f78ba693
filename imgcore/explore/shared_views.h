/* Which mapping of which task shows which shared memory. */
#ifndef FERRY_EXPLORE_SHARED_VIEWS_H
#define FERRY_EXPLORE_SHARED_VIEWS_H

#include "vector.h"
#include <ferry/imgcore/explore.h>

struct shared_view {
    uint64_t memory; /* the number in pagemap-shmem-%u.img */
    uint32_t pid;
    const struct fy_explore_mapping *mapping;
};

/* Sorted by memory, pid and address. */
typedef VECTOR(struct shared_view) shared_views;

/* `explore` has FY_EXPLORE_MAPPINGS; the views point into it. A memory file that memfd.img does not describe has none.
 */
int fy_shared_views_make(int dir_fd, const struct fy_explore *explore, shared_views *views, struct fy_error *err);
/* Index of the first view of that memory or of a higher one. */
size_t fy_shared_views_find(const shared_views *views, uint64_t memory);
/* The first view of the byte `offset` of a memory; NULL: nobody maps it. */
const struct shared_view *fy_shared_views_of(const shared_views *views, uint64_t memory, uint64_t offset);

#endif
