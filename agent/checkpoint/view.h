/* A checkpoint as the image set that CRIU wrote: whole files, wherever in the chain their bytes are. Private to the
 * store.
 *
 * Pages files are put together from the levels; pagemaps that were rewritten for the chain are read from original/; all
 * else is as it is stored. */
#ifndef FERRY_CHECKPOINT_VIEW_H
#define FERRY_CHECKPOINT_VIEW_H

#include "store.h"

struct view;

struct view_file {
    const char *name; /* in the image set, or in extra/ */
    uint64_t size_bytes;
    bool is_extra;
    bool is_pages;
};

int view_open(const struct fy_checkpoint_store *store, const char *id, struct view **view, struct fy_error *err);
/* NULL is legal. */
void view_close(struct view *view);
const Ferry__Checkpoint__Record *view_record(const struct view *view);
/* Level 0 is the checkpoint itself. */
size_t view_levels(const struct view *view);
const Ferry__Checkpoint__Record *view_level(const struct view *view, size_t level);
int view_level_dir(const struct view *view, size_t level); /* descriptor, the view's */
uint32_t view_page_bytes(const struct view *view);

size_t view_count(const struct view *view);
struct view_file view_get(const struct view *view, size_t index);
/* Index, or -1. Extra files are not found. */
ptrdiff_t view_find(const struct view *view, const char *name);
/* Exactly `size` bytes. FY_E_VERIFY names level and file. */
int view_read(struct view *view, size_t index, uint64_t offset, void *data, size_t size, struct fy_error *err);
/* The whole file in an anonymous descriptor, at most `limit_bytes`. */
int view_copy(struct view *view, size_t index, uint64_t limit_bytes, int *fd, struct fy_error *err);

#endif
