/* From a directory of CRIU's to a checkpoint. */
#include "level.h"
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/array.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/manifest.h>
#include <ferry/imgcore/signature.h>
#include <ferry/imgcore/verify.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define KEY_LIMIT_BYTES ((size_t)64 * 1024)

/* ---- a directory as source ---- */

struct item {
    char *name;
    uint64_t size_bytes;
    bool is_extra;
    int fd; /* -1 until it is read */
};

struct directory {
    int images_fd, extra_fd;
    struct item *items;
    size_t count, capacity;
    size_t open_index; /* the one that is open */
};

static void directory_done(struct directory *directory)
{
    for (size_t i = 0; i < directory->count; i++) {
        if (directory->items[i].fd >= 0)
            (void)close(directory->items[i].fd);
        free(directory->items[i].name);
    }
    free(directory->items);
    if (directory->images_fd >= 0)
        (void)close(directory->images_fd);
    if (directory->extra_fd >= 0)
        (void)close(directory->extra_fd);
}

static int add_item(struct directory *directory, const char *name, uint64_t size, bool is_extra, struct fy_error *err)
{
    if (fy_array_room(&directory->items, &directory->capacity, directory->count, sizeof *directory->items,
                      "a list of files", err) < 0)
        return -1;
    char *copy = strdup(name);
    if (!copy)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a list of files");
    directory->items[directory->count++] = (struct item){copy, size, is_extra, -1};
    return 0;
}

static int add_entry(struct directory *directory, int dir_fd, const char *name, bool is_extra, struct fy_error *err)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fy_error_errno(err, errno, "looking at %s", name);
    if (!S_ISREG(st.st_mode) || !fy_fs_is_plain_name(name) || strlen(name) >= 200)
        return fy_error_set(err, FY_E_UNSUPPORTED, "%s in the image set is not a plain file", name);
    return add_item(directory, name, (uint64_t)st.st_size, is_extra, err);
}

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

static int list(struct directory *directory, int dir_fd, bool is_extra, struct fy_error *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FY_CLEANUP(cleanup_dir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    if (!dir)
        return fy_error_errno(err, errno, "reading the image set");
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (add_entry(directory, dir_fd, entry->d_name, is_extra, err) < 0)
            return -1;
    }
    return 0;
}

static int by_kind_and_name(const void *a, const void *b)
{
    const struct item *left = a, *right = b;
    return left->is_extra != right->is_extra ? left->is_extra - right->is_extra : strcmp(left->name, right->name);
}

static int directory_open(const char *path, int *fd, struct fy_error *err)
{
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd < 0 ? fy_error_errno(err, errno, "opening %s", path) : 0;
}

static int directory_read(struct directory *directory, const struct fy_checkpoint_source *source, struct fy_error *err)
{
    if (list(directory, directory->images_fd, false, err) < 0)
        return -1;
    if (source->extra_dir && (directory_open(source->extra_dir, &directory->extra_fd, err) < 0 ||
                              list(directory, directory->extra_fd, true, err) < 0))
        return -1;
    if (directory->count > 1)
        qsort(directory->items, directory->count, sizeof *directory->items, by_kind_and_name);
    return 0;
}

static struct view_file directory_get(void *data, size_t index)
{
    const struct directory *directory = data;
    const struct item *item = &directory->items[index];
    return (struct view_file){.name = item->name, .size_bytes = item->size_bytes, .is_extra = item->is_extra};
}

static int item_open(const struct directory *directory, const struct item *item, int *fd, struct fy_error *err)
{
    int dir_fd = item->is_extra ? directory->extra_fd : directory->images_fd;
    *fd = openat(dir_fd, item->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return *fd < 0 ? fy_error_errno(err, errno, "opening %s", item->name) : 0;
}

static int directory_read_file(void *data, size_t index, uint64_t offset, void *buffer, size_t size,
                               struct fy_error *err)
{
    struct directory *directory = data;
    struct item *item = &directory->items[index];
    struct item *open_one = &directory->items[directory->open_index];
    if (item != open_one && open_one->fd >= 0) {
        (void)close(open_one->fd);
        open_one->fd = -1;
    }
    directory->open_index = index;
    if (item->fd < 0 && item_open(directory, item, &item->fd, err) < 0)
        return -1;
    for (size_t at = 0; at < size;) {
        ssize_t got = pread(item->fd, (uint8_t *)buffer + at, size - at, (off_t)(offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? fy_error_errno(err, errno, "reading %s", item->name)
                           : fy_error_set(err, FY_E_BUSY, "%s became shorter while it was read", item->name);
        at += (size_t)got;
    }
    return 0;
}

static int directory_copy(void *data, size_t index, int *fd, struct fy_error *err)
{
    const struct directory *directory = data;
    return item_open(directory, &directory->items[index], fd, err);
}

/* ---- the manifest ---- */

static int sign(const struct fy_checkpoint_store *store, struct fy_manifest *manifest, struct fy_error *err)
{
    FY_AUTO_FREE char *key = NULL;
    size_t size = 0;
    if (!store->options.sign_key)
        return 0;
    if (fy_fs_read_file(store->options.sign_key, KEY_LIMIT_BYTES, &key, &size, err) < 0)
        return fy_error_wrap(err, "signing key");
    int result = fy_manifest_sign(manifest, key, size, NULL, err);
    explicit_bzero(key, size);
    return result;
}

static int make_manifest(const struct fy_checkpoint_store *store, const struct fy_checkpoint_source *source,
                         int images_fd, struct fy_manifest **manifest, struct fy_error *err)
{
    const struct fy_manifest_options options = {.label = source->label,
                                                .host = source->facts->host,
                                                .kernel = source->kernel,
                                                .criu_version = source->criu_version,
                                                .created_us = (uint64_t)source->facts->created_us};
    if (fy_manifest_create(images_fd, &options, manifest, err) < 0 || sign(store, *manifest, err) < 0)
        return -1;
    return fy_manifest_write(*manifest, images_fd, FY_MANIFEST_NAME, err);
}

/* The first one, by name. */
static void note_difference(const struct fy_manifest_difference *difference, void *data)
{
    char *first = data;
    if (!first[0])
        (void)snprintf(first, NAME_MAX + 1, "%s", difference->name);
}

/* One that came with the set must fit it. */
static int check_manifest(int images_fd, const struct fy_manifest *manifest, struct fy_error *err)
{
    char first[NAME_MAX + 1] = "";
    size_t differences = 0;
    if (fy_manifest_compare(manifest, images_fd, 0, note_difference, first, &differences, err) < 0)
        return -1;
    if (differences == 0)
        return 0;
    if (differences == 1)
        return fy_error_set(err, FY_E_VERIFY, "%s is not as " FY_MANIFEST_NAME " says", first);
    return fy_error_set(err, FY_E_VERIFY, "%s and %zu more files are not as " FY_MANIFEST_NAME " says", first,
                        differences - 1);
}

static int take_manifest(const struct fy_checkpoint_store *store, const struct fy_checkpoint_source *source,
                         int images_fd, struct fy_manifest **manifest, struct fy_error *err)
{
    if (faccessat(images_fd, FY_MANIFEST_NAME, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return make_manifest(store, source, images_fd, manifest, err);
    if (fy_manifest_read(images_fd, FY_MANIFEST_NAME, manifest, err) < 0)
        return -1;
    return check_manifest(images_fd, *manifest, err);
}

/* ---- putting ---- */

static uint32_t page_bytes_of(const struct fy_manifest *manifest)
{
    const Ferry__Manifest__Facts *facts = fy_manifest_facts(manifest);
    return facts->has_page_bytes && facts->page_bytes ? facts->page_bytes : 4096;
}

static int start_record(const struct fy_checkpoint_store *store, const struct fy_checkpoint_source *source,
                        const struct fy_manifest *manifest, struct view *before, Ferry__Checkpoint__Record **record,
                        struct fy_error *err)
{
    Ferry__Checkpoint__Record facts = *source->facts;
    uint8_t check[FY_KEY_CHECK_BYTES];
    const struct fy_checkpoint_store_options *options = &store->options;
    facts.version = 1;
    facts.n_files = 0;
    facts.parent = before ? view_record(before)->id : NULL;
    facts.depth = before ? view_record(before)->depth + 1 : 0;
    facts.logical_bytes = fy_manifest_total_bytes(manifest);
    facts.manifest_root.data = (uint8_t *)(uintptr_t)fy_manifest_root(manifest);
    facts.manifest_root.len = FY_MANIFEST_HASH_BYTES;
    facts.has_page_bytes = 1;
    facts.page_bytes = page_bytes_of(manifest);
    bool plain = options->plain && !options->key;
    facts.form = plain ? FERRY__CHECKPOINT__FORM__PLAIN : FERRY__CHECKPOINT__FORM__PACKED;
    facts.has_compressed = !plain;
    facts.compressed = !plain && !options->uncompressed;
    facts.has_key_check = options->key != NULL;
    if (options->key && fy_checkpoint_key_check(options->key, check, err) < 0)
        return -1;
    facts.key_check.data = check;
    facts.key_check.len = sizeof check;
    *record = record_copy(&facts, err);
    return *record ? 0 : -1;
}

/* CRIU follows it in a plain store. */
static int link_parent(int dir_fd, const char *parent, struct fy_error *err)
{
    char target[FY_CHECKPOINT_ID_SIZE + 32];
    (void)snprintf(target, sizeof target, "../../%s/images", parent);
    if (symlinkat(target, dir_fd, "images/parent") < 0)
        return fy_error_errno(err, errno, "linking to the checkpoint before");
    return 0;
}

int store_write(const struct fy_checkpoint_store *store, const struct level_source *source, struct view *before,
                Ferry__Checkpoint__Record *record, bool replace, struct fy_checkpoint_progress *progress,
                struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = -1;
    struct pack_form form;
    int result = pack_form_of(record, store->options.key, &form, err);
    if (result == 0)
        result = store_make_new(store, record->id, &fd, err);
    if (result == 0)
        result = level_write(fd, source, before, &form, progress, record, err);
    if (result == 0 && before)
        result = link_parent(fd, record->parent, err);
    if (result == 0)
        result = record_write(fd, record, err);
    if (result == 0 && replace)
        result = store_keep_state(store, record->id, fd, err);
    if (result == 0)
        result = store_publish(store, record->id, fd, replace, err);
    if (result < 0) {
        store_drop_new(store, record->id);
        return store_explain_space(store, err);
    }
    return 0;
}

/* The chain is never longer than configured; a checkpoint before that cannot be read is no reason not to take one. */
static struct view *open_before(const struct fy_checkpoint_store *store, const char *parent)
{
    struct view *view = NULL;
    if (!parent || store->options.max_chain < 2 || view_open(store, parent, &view, NULL) < 0)
        return NULL;
    if (view_record(view)->depth + 2 <= store->options.max_chain)
        return view;
    view_close(view);
    return NULL;
}

static int put_level(const struct fy_checkpoint_store *store, const struct fy_checkpoint_source *source,
                     struct directory *directory, const struct fy_manifest *manifest, struct view *before,
                     struct fy_checkpoint_progress *progress, struct fy_error *err)
{
    Ferry__Checkpoint__Record *record = NULL;
    const struct level_source files = {directory->count, directory_get, directory_read_file, directory_copy, directory};
    if (start_record(store, source, manifest, before, &record, err) < 0)
        return -1;
    int result = store_write(store, &files, before, record, false, progress, err);
    ferry__checkpoint__record__free_unpacked(record, NULL);
    return result;
}

static int put(const struct fy_checkpoint_store *store, const struct fy_checkpoint_source *source,
               struct directory *directory, struct fy_manifest **manifest, struct fy_checkpoint_progress *progress,
               struct fy_error *err)
{
    struct fy_imageset_summary summary = {0};
    struct fy_error first = FY_ERROR_INIT;
    if (directory_open(source->images_dir, &directory->images_fd, err) < 0)
        return -1;
    if (fy_imageset_check(directory->images_fd, NULL, &summary, err) < 0)
        return fy_error_wrap(err, "the image set is not whole");
    fy_imageset_summary_done(&summary);
    if (take_manifest(store, source, directory->images_fd, manifest, err) < 0 ||
        directory_read(directory, source, err) < 0)
        return -1;
    if (progress)
        atomic_store(&progress->total_bytes, fy_manifest_total_bytes(*manifest));
    struct view *before = open_before(store, source->parent);
    int result = put_level(store, source, directory, *manifest, before, progress, &first);
    bool parent_at_fault = result < 0 && before && first.code == FY_E_VERIFY;
    view_close(before);
    if (parent_at_fault) {
        /* It cannot be read any more: this one will stand alone. */
        fy_error_clear(&first);
        result = put_level(store, source, directory, *manifest, NULL, progress, &first);
    }
    if (result < 0)
        fy_error_propagate(err, &first);
    return result;
}

int fy_checkpoint_put(const struct fy_checkpoint_store *store, const struct fy_checkpoint_source *source,
                      struct fy_checkpoint_progress *progress, struct fy_checkpoint **made, struct fy_error *err)
{
    struct directory directory = {.images_fd = -1, .extra_fd = -1};
    struct fy_manifest *manifest = NULL;
    if (!fy_checkpoint_id_is_valid(source->facts->id))
        return fy_error_set(err, FY_E_USAGE, "'%.64s' cannot be the id of a checkpoint", source->facts->id);
    int result = put(store, source, &directory, &manifest, progress, err);
    directory_done(&directory);
    fy_manifest_free(manifest);
    return result == 0 ? fy_checkpoint_load(store, source->facts->id, made, err) : -1;
}
