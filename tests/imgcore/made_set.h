/* Image sets made by hand, as far as looking at memory needs them: a process tree, mappings, pagemaps and pages. */
#ifndef FERRY_TESTS_IMGCORE_MADE_SET_H
#define FERRY_TESTS_IMGCORE_MADE_SET_H

#include "scratch.h"

#define MADE_PAGE 4096u
enum { MADE_PARENT = 1, MADE_LAZY = 2, MADE_STORED = 4 };

struct made_piece {
    uint64_t address;
    uint64_t pages;
    uint32_t flags;
};

struct made_mapping {
    uint64_t start, end;
    uint32_t protection;
    uint32_t status; /* FY_MAPPING_… */
    uint64_t object;
};

/* pstree.img; each is its own root. */
void made_tree(const struct scratch *set, const uint32_t *pids, size_t count);
/* mm-PID.img. */
void made_mm(const struct scratch *set, uint32_t pid, const struct made_mapping *mappings, size_t count);
/* The pagemap of that name, which ends with a piece of no pages, and pages-ID.img with `bytes`. */
void made_memory(const struct scratch *set, const char *name, uint32_t pages_id, const struct made_piece *pieces,
                 const void *bytes, size_t size);

#endif
