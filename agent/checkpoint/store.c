/* The directory: opening, sweeping, listing, publishing. */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/fs.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

/* ---- life ---- */

static int copy_texts(const struct fy_checkpoint_store_options *from, struct fy_checkpoint_store_options *to,
                      struct fy_error *err)
{
    to->directory = strdup(from->directory);
    to->scratch = strdup(from->scratch);
    to->sign_key = from->sign_key ? strdup(from->sign_key) : NULL;
    if (!to->directory || !to->scratch || (from->sign_key && !to->sign_key))
        return fy_error_set(err, FY_E_NOMEM, "no memory for the checkpoint store");
    return 0;
}

/* What has arrived of a copy is of use when its sender comes back soon. */
static bool is_old_part(const struct fy_checkpoint_store *store, const char *name)
{
    struct stat st;
    return strncmp(name, STORE_PART_PREFIX, strlen(STORE_PART_PREFIX)) == 0 &&
           fstatat(store->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_mtime < time(NULL) - STORE_PART_DAYS * 86400;
}

static bool is_leftover(const char *name)
{
    return strncmp(name, STORE_NEW_PREFIX, strlen(STORE_NEW_PREFIX)) == 0 ||
           strncmp(name, STORE_GONE_PREFIX, strlen(STORE_GONE_PREFIX)) == 0;
}

static int remove_below(const struct fy_checkpoint_store *store, const char *name, struct fy_error *err)
{
    FY_AUTO_FREE char *path = NULL;
    if (asprintf(&path, "%s/%s", store->options.directory, name) < 0) {
        path = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for a name");
    }
    return fy_fs_remove_tree(path, err);
}

static void cleanup_names(struct dirent ***names)
{
    for (size_t i = 0; *names && (*names)[i]; i++)
        free((*names)[i]);
    free(*names);
}

static int by_name(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

/* NULL-terminated, in the order of names. */
static int list_names(const struct fy_checkpoint_store *store, struct dirent ***names, struct fy_error *err)
{
    struct dirent **found = NULL;
    int count = scandirat(store->dir_fd, ".", &found, NULL, by_name);
    if (count < 0)
        return fy_error_errno(err, errno, "reading %s", store->options.directory);
    struct dirent **grown = realloc(found, ((size_t)count + 1) * sizeof(struct dirent *));
    if (!grown) {
        while (count > 0)
            free(found[--count]);
        free(found);
        return fy_error_set(err, FY_E_NOMEM, "no memory for the list of checkpoints");
    }
    grown[count] = NULL;
    *names = grown;
    return 0;
}

static int sweep(const struct fy_checkpoint_store *store, struct fy_error *err)
{
    FY_CLEANUP(cleanup_names) struct dirent **names = NULL;
    if (list_names(store, &names, err) < 0)
        return -1;
    for (size_t i = 0; names[i]; i++) {
        const char *name = names[i]->d_name;
        if ((is_leftover(name) || is_old_part(store, name)) && remove_below(store, name, err) < 0)
            return -1;
    }
    return 0;
}

int fy_checkpoint_store_open(const struct fy_checkpoint_store_options *options, struct fy_checkpoint_store **store,
                             struct fy_error *err)
{
    struct fy_checkpoint_store *made = calloc(1, sizeof *made);
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the checkpoint store");
    made->options = *options;
    made->dir_fd = -1;
    struct fy_checkpoint_store_options *own = &made->options;
    int result = copy_texts(options, own, err);
    if (result == 0)
        result = fy_fs_make_directories(own->directory, 0700, err);
    if (result == 0 && (made->dir_fd = open(own->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        result = fy_error_errno(err, errno, "opening %s", own->directory);
    if (result == 0)
        result = sweep(made, err);
    if (result < 0) {
        fy_checkpoint_store_close(made);
        return fy_error_wrap(err, "checkpoint store");
    }
    *store = made;
    return 0;
}

void fy_checkpoint_store_close(struct fy_checkpoint_store *store)
{
    if (!store)
        return;
    if (store->dir_fd >= 0)
        (void)close(store->dir_fd);
    free((char *)(uintptr_t)store->options.directory);
    free((char *)(uintptr_t)store->options.scratch);
    free((char *)(uintptr_t)store->options.sign_key);
    free(store);
}

const struct fy_checkpoint_store_options *fy_checkpoint_store_options(const struct fy_checkpoint_store *store)
{
    return &store->options;
}

/* ---- ids ---- */

int fy_checkpoint_new_id(char id[FY_CHECKPOINT_ID_SIZE], struct fy_error *err)
{
    time_t now = (time_t)(fy_clock_wall_us() / 1000000);
    struct tm tm;
    char stamp[24];
    uint16_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random || !gmtime_r(&now, &tm) ||
        strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm) == 0)
        return fy_error_set(err, FY_E_INTERNAL, "an id for a checkpoint cannot be made");
    (void)snprintf(id, FY_CHECKPOINT_ID_SIZE, "c-%s-%04x", stamp, random);
    return 0;
}

bool fy_checkpoint_id_is_valid(const char *id)
{
    return fy_fs_is_plain_name(id) && id[0] != '.' && strlen(id) < FY_CHECKPOINT_ID_SIZE;
}

/* ---- directories ---- */

int store_open_dir(const struct fy_checkpoint_store *store, const char *name, int *fd, struct fy_error *err)
{
    int opened = openat(store->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (opened < 0 && errno == ENOENT) {
        fy_error_set(err, FY_E_NOT_FOUND, "there is no checkpoint %s", name);
        return fy_error_next(err, "see: ferry checkpoint list");
    }
    if (opened < 0)
        return fy_error_errno(err, errno, "opening %s/%s", store->options.directory, name);
    *fd = opened;
    return 0;
}

static void new_name(const char *prefix, const char *id, char name[FY_CHECKPOINT_ID_SIZE + 8])
{
    (void)snprintf(name, FY_CHECKPOINT_ID_SIZE + 8, "%s%s", prefix, id);
}

int store_make_new(const struct fy_checkpoint_store *store, const char *id, int *fd, struct fy_error *err)
{
    static const char *const folders[] = {"images", "original", "extra"};
    char name[FY_CHECKPOINT_ID_SIZE + 8];
    new_name(STORE_NEW_PREFIX, id, name);
    if (remove_below(store, name, err) < 0)
        return -1;
    if (mkdirat(store->dir_fd, name, 0700) < 0)
        return fy_error_errno(err, errno, "creating %s/%s", store->options.directory, name);
    if (store_open_dir(store, name, fd, err) < 0)
        return -1;
    for (size_t i = 0; i < FY_ARRAY_SIZE(folders); i++) {
        if (mkdirat(*fd, folders[i], 0700) < 0)
            return fy_error_errno(err, errno, "creating %s/%s/%s", store->options.directory, name, folders[i]);
    }
    return 0;
}

void store_drop_new(const struct fy_checkpoint_store *store, const char *id)
{
    char name[FY_CHECKPOINT_ID_SIZE + 8];
    new_name(STORE_NEW_PREFIX, id, name);
    (void)remove_below(store, name, NULL);
}

int store_publish_as(const struct fy_checkpoint_store *store, const char *name, const char *id, int fd, bool replace,
                     struct fy_error *err)
{
    /* One call for all files: many small ones would each cost a write of their own. */
    if (syncfs(fd) < 0)
        return fy_error_errno(err, errno, "bringing checkpoint %s to the disk", id);
    unsigned flags = replace ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    if (renameat2(store->dir_fd, name, store->dir_fd, id, flags) < 0)
        return errno == EEXIST ? fy_error_set(err, FY_E_BUSY, "there is a checkpoint %s already", id)
                               : fy_error_errno(err, errno, "naming checkpoint %s", id);
    if (fsync(store->dir_fd) < 0)
        return fy_error_errno(err, errno, "bringing checkpoint %s to the disk", id);
    if (replace)
        (void)remove_below(store, name, NULL); /* which now is the old one */
    return 0;
}

int store_publish(const struct fy_checkpoint_store *store, const char *id, int fd, bool replace, struct fy_error *err)
{
    char name[FY_CHECKPOINT_ID_SIZE + 8];
    new_name(STORE_NEW_PREFIX, id, name);
    return store_publish_as(store, name, id, fd, replace, err);
}

int store_explain_space(const struct fy_checkpoint_store *store, struct fy_error *err)
{
    if (err && err->code == FY_E_NOSPACE)
        fy_error_next(err,
                      "remove checkpoints that are not needed (ferry checkpoint rm), or make room on the file "
                      "system of %s; those that are there are not harmed",
                      store->options.directory);
    return -1;
}

int store_advance(struct fy_checkpoint_progress *progress, uint64_t bytes, struct fy_error *err)
{
    if (!progress)
        return 0;
    atomic_fetch_add(&progress->done_bytes, bytes);
    if (atomic_load(&progress->cancelled))
        return fy_error_set(err, FY_E_CANCELLED, "cancelled");
    return 0;
}

/* ---- loading ---- */

void fy_checkpoint_free(struct fy_checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    if (checkpoint->record)
        ferry__checkpoint__record__free_unpacked(checkpoint->record, NULL);
    if (checkpoint->state)
        ferry__checkpoint__state__free_unpacked(checkpoint->state, NULL);
    free(checkpoint);
}

static uint64_t blocks_of(int dir_fd, const char *name)
{
    struct stat st;
    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

static uint64_t count_blocks(int dir_fd, const Ferry__Checkpoint__Record *record)
{
    static const char *const fixed[] = {".", "images", "original", "extra", STORE_RECORD_NAME, STORE_STATE_NAME};
    const char *suffix = record->has_key_check                             ? ".sealed"
                         : record->form == FERRY__CHECKPOINT__FORM__PACKED ? ".zst"
                                                                           : "";
    uint64_t bytes = 0;
    for (size_t i = 0; i < FY_ARRAY_SIZE(fixed); i++)
        bytes += blocks_of(dir_fd, fixed[i]);
    for (size_t i = 0; i < record->n_files; i++) {
        char name[512];
        (void)snprintf(name, sizeof name, "%s%s", record->files[i]->path, suffix);
        bytes += blocks_of(dir_fd, name);
    }
    return bytes;
}

static int read_state(int fd, Ferry__Checkpoint__State **state, struct fy_error *err)
{
    if (state_read(fd, state, NULL) == 0)
        return 0;
    /* What cannot be read any more may have said that it is to be kept. */
    *state = ferry__checkpoint__state__unpack(NULL, 0, NULL);
    if (!*state)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a checkpoint's state");
    (*state)->has_pinned = (*state)->pinned = true;
    return 0;
}

int store_keep_state(const struct fy_checkpoint_store *store, const char *id, int fd, struct fy_error *err)
{
    FY_AUTO_CLOSE int old = -1;
    Ferry__Checkpoint__State *state = NULL;
    if (store_open_dir(store, id, &old, err) < 0 || read_state(old, &state, err) < 0)
        return -1;
    int result = state_write(fd, state, err);
    ferry__checkpoint__state__free_unpacked(state, NULL);
    return result;
}

int fy_checkpoint_load(const struct fy_checkpoint_store *store, const char *id, struct fy_checkpoint **checkpoint,
                       struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = -1;
    if (!fy_checkpoint_id_is_valid(id))
        return fy_error_set(err, FY_E_NOT_FOUND, "there is no checkpoint %.64s", id);
    if (store_open_dir(store, id, &fd, err) < 0)
        return -1;
    struct fy_checkpoint *loaded = calloc(1, sizeof *loaded);
    if (!loaded)
        return fy_error_set(err, FY_E_NOMEM, "no memory for checkpoint %s", id);
    int result = record_read(fd, &loaded->record, err);
    if (result == 0 && strcmp(loaded->record->id, id) != 0)
        result = fy_error_set(err, FY_E_VERIFY, "its record is that of %s", loaded->record->id);
    if (result == 0)
        result = read_state(fd, &loaded->state, err);
    if (result < 0) {
        fy_checkpoint_free(loaded);
        return fy_error_wrap(err, "checkpoint %s", id);
    }
    loaded->real_bytes = count_blocks(fd, loaded->record);
    *checkpoint = loaded;
    return 0;
}

int fy_checkpoint_each(const struct fy_checkpoint_store *store, fy_checkpoint_each_cb each, void *data,
                       struct fy_error *err)
{
    FY_CLEANUP(cleanup_names) struct dirent **names = NULL;
    if (list_names(store, &names, err) < 0)
        return -1;
    for (size_t i = 0; names[i]; i++) {
        const char *name = names[i]->d_name;
        if (fy_checkpoint_id_is_valid(name) && each(name, data, err) < 0)
            return -1;
    }
    return 0;
}

int fy_checkpoint_set_state(const struct fy_checkpoint_store *store, const char *id,
                            const Ferry__Checkpoint__State *state, struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = -1;
    if (store_open_dir(store, id, &fd, err) < 0)
        return -1;
    return state_write(fd, state, err) < 0 ? fy_error_wrap(err, "checkpoint %s", id) : 0;
}

/* ---- looking ---- */

/* Three zeros: it is not there. */
static int look_at(int dir_fd, const char *path, uint64_t of[3])
{
    struct stat st;
    if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    of[0] = st.st_ino;
    of[1] = (uint64_t)st.st_size;
    of[2] = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec;
    return 0;
}

int fy_checkpoint_look(const struct fy_checkpoint_store *store, const char *id, struct fy_checkpoint_mark *mark,
                       struct fy_error *err)
{
    char path[FY_CHECKPOINT_ID_SIZE + 16];
    struct fy_checkpoint_mark seen = {0};
    if (!fy_checkpoint_id_is_valid(id))
        return fy_error_set(err, FY_E_NOT_FOUND, "there is no checkpoint %.64s", id);
    if (look_at(store->dir_fd, id, &seen.of[0]) < 0)
        return fy_error_errno(err, errno, "looking at %s/%s", store->options.directory, id);
    (void)snprintf(path, sizeof path, "%s/%s", id, STORE_RECORD_NAME);
    (void)look_at(store->dir_fd, path, &seen.of[3]);
    (void)snprintf(path, sizeof path, "%s/%s", id, STORE_STATE_NAME);
    (void)look_at(store->dir_fd, path, &seen.of[6]);
    *mark = seen;
    return 0;
}
