/* The levels before a set: `parent` leads from each to the one before, and a page that is not in one is in an earlier
 * one. */
#ifndef FERRY_IMGCORE_VERIFY_PARENTS_H
#define FERRY_IMGCORE_VERIFY_PARENTS_H

#include "pagemap.h"
#include <sys/types.h>

#define PARENTS_MAX 256 /* each stands for an open directory */

struct parent_level {
    int dir_fd;
    dev_t device;
    ino_t inode;
};

struct parents {
    struct fy_report *report;
    struct parent_level levels[PARENTS_MAX]; /* [0]: the set itself, whose descriptor is not owned */
    size_t count;
    bool is_at_end;      /* the last level has no parent that could be used; if that is a fault, it has been reported */
    bool is_faulty;      /* what is needed of levels beyond is not reported again */
    struct page_map map; /* of the level that is looked at */
};

void fy_parents_init(struct parents *parents, int dir_fd, struct fy_report *report);
void fy_parents_done(struct parents *parents);
/* Looks for every page that `map` (of the image `name` in the set itself, checked) has in a parent. Reports what is
 * wrong; -1 with an error that is no finding. */
int fy_parents_check(struct parents *parents, const struct page_map *map, const char *name, uint32_t page_bytes,
                     struct fy_error *err);

#endif
