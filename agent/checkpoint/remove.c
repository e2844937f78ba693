/* Removing a checkpoint. Those that need its pages are written anew upon its parent, from their whole content: so what
 * they keep is found by comparing again, and there is one way only to make a level. */
#include "level.h"
#include "store.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>

static struct view_file get(void *data, size_t index)
{
    return view_get(data, index);
}

static int read_file(void *data, size_t index, uint64_t offset, void *buffer, size_t size, struct fy_error *err)
{
    return view_read(data, index, offset, buffer, size, err);
}

static int copy(void *data, size_t index, int *fd, struct fy_error *err)
{
    return view_copy(data, index, UINT64_MAX, fd, err);
}

static void forget_files(Ferry__Checkpoint__Record *record)
{
    for (size_t i = 0; i < record->n_files; i++)
        ferry__checkpoint__file__free_unpacked(record->files[i], NULL);
    free(record->files);
    record->files = NULL;
    record->n_files = 0;
}

static int set_parent(Ferry__Checkpoint__Record *record, struct view *before, struct fy_error *err)
{
    char *parent = before ? strdup(view_record(before)->id) : NULL;
    if (before && !parent)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a name");
    free(record->parent);
    record->parent = parent;
    record->depth = before ? view_record(before)->depth + 1 : 0;
    return 0;
}

static int rewrite(const struct fy_checkpoint_store *store, const char *child, const char *removed,
                   struct fy_checkpoint_progress *progress, struct fy_error *err)
{
    struct view *whole = NULL, *before = NULL;
    Ferry__Checkpoint__Record *record = NULL;
    if (view_open(store, child, &whole, err) < 0)
        return -1;
    int result = 0;
    if (view_levels(whole) < 2 || strcmp(view_level(whole, 1)->id, removed) != 0)
        result = fy_error_set(err, FY_E_INTERNAL, "checkpoint %s does not need %s", child, removed);
    const char *parent = result == 0 ? view_level(whole, 1)->parent : NULL;
    if (parent)
        result = view_open(store, parent, &before, err);
    if (result == 0)
        result = (record = record_copy(view_record(whole), err)) ? set_parent(record, before, err) : -1;
    if (result == 0) {
        const struct level_source source = {view_count(whole), get, read_file, copy, whole};
        forget_files(record);
        result = store_write(store, &source, before, record, true, progress, err);
    }
    if (record)
        ferry__checkpoint__record__free_unpacked(record, NULL);
    view_close(before);
    view_close(whole);
    return result < 0 ? fy_error_wrap(err, "checkpoint %s needs %s", child, removed) : 0;
}

static int remove_directory(const struct fy_checkpoint_store *store, const char *id, struct fy_error *err)
{
    char gone[FY_CHECKPOINT_ID_SIZE + 8];
    FY_AUTO_FREE char *path = NULL;
    (void)snprintf(gone, sizeof gone, "%s%s", STORE_GONE_PREFIX, id);
    if (asprintf(&path, "%s/%s", store->options.directory, gone) < 0) {
        path = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for a name");
    }
    if (fy_fs_remove_tree(path, err) < 0)
        return -1;
    if (renameat(store->dir_fd, id, store->dir_fd, gone) < 0)
        return errno == ENOENT ? fy_error_set(err, FY_E_NOT_FOUND, "there is no checkpoint %s", id)
                               : fy_error_errno(err, errno, "removing checkpoint %s", id);
    if (fsync(store->dir_fd) < 0)
        return fy_error_errno(err, errno, "removing checkpoint %s", id);
    return fy_fs_remove_tree(path, err);
}

int fy_checkpoint_remove(const struct fy_checkpoint_store *store, const char *id, const char *const *children,
                         size_t child_count, struct fy_checkpoint_progress *progress, struct fy_error *err)
{
    if (!fy_checkpoint_id_is_valid(id))
        return fy_error_set(err, FY_E_NOT_FOUND, "there is no checkpoint %.64s", id);
    for (size_t i = 0; i < child_count; i++) {
        if (rewrite(store, children[i], id, progress, err) < 0)
            return -1;
    }
    return remove_directory(store, id, err);
}
