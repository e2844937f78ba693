/* One pagemap image as a list of runs, before runs that are in a parent are looked up there. */
#ifndef FERRY_EXPLORE_PAGEMAP_H
#define FERRY_EXPLORE_PAGEMAP_H

#include "vector.h"
#include <criu/pagemap.pb-c.h>
#include <ferry/imgcore/memory.h>

struct run {
    struct fy_memory_run place;
    bool in_parent; /* the next level says where; `place.kind` is LOST until then */
};

/* In the shape of VECTOR, with a name, so that lists can be handed on. */
struct runs {
    struct run *items;
    size_t count;
    size_t capacity;
};

struct pagemap {
    uint32_t pages_id;
    uint64_t stored_pages;
    struct runs runs; /* offsets and addresses are in pages of `page_bytes` given to fy_pagemap_read */
};

#define PAGEMAP_NAME_SIZE 64
void fy_pagemap_name(const struct fy_memory_id *id, char name[PAGEMAP_NAME_SIZE]);

/* How many pages an entry stands for, and its PAGE_… flags, in all forms that CRIU has written. */
enum { PAGE_PARENT = 1, PAGE_LAZY = 2, PAGE_PRESENT = 4 };
uint64_t fy_pagemap_count(const PagemapEntry *entry);
uint32_t fy_pagemap_flags(const PagemapEntry *entry);

/* Reads the image. Offsets are left in pages: fy_pagemap_place makes bytes of them. `pagemap` is to be given to
 * fy_pagemap_done in any case. */
int fy_pagemap_read(int dir_fd, const char *name, unsigned level, struct pagemap *pagemap, struct fy_error *err);
/* With pages of that size: fills in the offsets and looks whether runs are in order. FY_E_FORMAT. */
int fy_pagemap_place(struct pagemap *pagemap, const char *name, uint32_t page_bytes, struct fy_error *err);
void fy_pagemap_done(struct pagemap *pagemap);

/* The end of a run; fy_pagemap_place has seen to it that there is no overflow. */
uint64_t fy_pagemap_run_end(const struct run *run, uint32_t page_bytes);

#endif
