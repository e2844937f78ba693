/* Writing one level: the files of an image set, of its memory only what the checkpoint before has not. Private to the
 * store. */
#ifndef FERRY_CHECKPOINT_LEVEL_H
#define FERRY_CHECKPOINT_LEVEL_H

#include "pack.h"
#include "view.h"

/* The files that go in, by whoever has them. */
struct level_source {
    size_t count;
    struct view_file (*get)(void *data, size_t index); /* extra files too */
    int (*read)(void *data, size_t index, uint64_t offset, void *buffer, size_t size, struct fy_error *err);
    /* The file as a descriptor of the caller's, for pagemaps. */
    int (*copy)(void *data, size_t index, int *fd, struct fy_error *err);
    void *data;
};

/* Writes into `dir_fd` (of store_make_new) and fills `files` and `n_files` of `record`, which are empty before.
 * `before` NULL: the level stands alone. */
int level_write(int dir_fd, const struct level_source *source, struct view *before, const struct pack_form *form,
                struct fy_checkpoint_progress *progress, Ferry__Checkpoint__Record *record, struct fy_error *err);

/* Writes a whole checkpoint (put.c): `record` has everything but its files. With `replace` it takes the place, and the
 * state, of the one that is there. */
int store_write(const struct fy_checkpoint_store *store, const struct level_source *source, struct view *before,
                Ferry__Checkpoint__Record *record, bool replace, struct fy_checkpoint_progress *progress,
                struct fy_error *err);

#endif
