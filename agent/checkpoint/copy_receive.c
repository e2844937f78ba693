/* The receiver's side of a copy: what is there already is found by its hashes, what comes is checked by them. */
#include "chunk_index.h"
#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/base/text.h>
#include <ferry/checkpoint/copy.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define PIECE_BYTES 4096u

struct fy_checkpoint_copy {
    const struct fy_checkpoint_store *store;
    Ferry__Checkpoint__Record *record;
    Ferry__Checkpoint__Record *old; /* of the one that it replaces; NULL: none */
    int dir_fd, old_fd;             /* of .part-ID; of the old one */
    uint8_t *wanted;
    uint64_t count, missing;
    uint8_t *buffer; /* a chunk */
};

void fy_checkpoint_copy_free(struct fy_checkpoint_copy *copy)
{
    if (!copy)
        return;
    if (copy->dir_fd >= 0)
        (void)close(copy->dir_fd);
    if (copy->old_fd >= 0)
        (void)close(copy->old_fd);
    if (copy->record)
        ferry__checkpoint__record__free_unpacked(copy->record, NULL);
    if (copy->old)
        ferry__checkpoint__record__free_unpacked(copy->old, NULL);
    free(copy->wanted);
    free(copy->buffer);
    free(copy);
}

/* ---- writing ---- */

static bool is_zero(const uint8_t *data, size_t size)
{
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

/* Whole pages of zeros stay holes where the file is as CRIU wrote it. */
static int write_chunk(struct fy_checkpoint_copy *copy, const struct chunk_place *place, const uint8_t *data,
                       struct fy_error *err)
{
    bool sparse = copy->record->form == FERRY__CHECKPOINT__FORM__PLAIN;
    FY_AUTO_FREE char *name = pack_stored_name(copy->record, place->file->path, err);
    if (!name)
        return -1;
    FY_AUTO_CLOSE int fd = openat(copy->dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || (sparse && ftruncate(fd, (off_t)place->file->stored_bytes) < 0))
        return fy_error_errno(err, errno, "creating %s", name);
    for (size_t at = 0, size; at < place->size; at += size) {
        size = sparse && place->size - at > PIECE_BYTES ? PIECE_BYTES : place->size - at;
        if (sparse && is_zero(data + at, size))
            continue;
        ssize_t wrote = pwrite(fd, data + at, size, (off_t)(place->offset + at));
        if (wrote != (ssize_t)size)
            return fy_error_errno(err, wrote < 0 ? errno : ENOSPC, "writing %s", name);
    }
    return 0;
}

/* ---- the beginning ---- */

/* Of those that are not sent: empty files. */
static int make_empty_files(struct fy_checkpoint_copy *copy, struct fy_error *err)
{
    for (size_t i = 0; i < copy->record->n_files; i++) {
        if (copy->record->files[i]->stored_bytes > 0)
            continue;
        FY_AUTO_FREE char *name = pack_stored_name(copy->record, copy->record->files[i]->path, err);
        FY_AUTO_CLOSE int fd =
            name ? openat(copy->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
        if (fd < 0)
            return name ? fy_error_errno(err, errno, "creating %s", name) : -1;
    }
    return 0;
}

/* A part of another version of it is of no use. */
static int open_part(struct fy_checkpoint_copy *copy, const void *packed, size_t size, struct fy_error *err)
{
    static const char *const folders[] = {"images", "original", "extra"};
    char name[FY_CHECKPOINT_ID_SIZE + 8];
    FY_AUTO_FREE char *path = NULL;
    FY_AUTO_FREE char *before = NULL;
    size_t before_size = 0;
    (void)snprintf(name, sizeof name, "%s%s", STORE_PART_PREFIX, copy->record->id);
    if (asprintf(&path, "%s/%s", copy->store->options.directory, name) < 0) {
        path = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for a name");
    }
    if (store_open_dir(copy->store, name, &copy->dir_fd, NULL) == 0) {
        bool same = fy_fs_read_file_at(copy->dir_fd, "offer", FY_COPY_RECORD_LIMIT, &before, &before_size, NULL) == 0 &&
                    before_size == size && memcmp(before, packed, size) == 0;
        if (same)
            return 0;
        (void)close(copy->dir_fd);
        copy->dir_fd = -1;
        if (fy_fs_remove_tree(path, err) < 0)
            return -1;
    }
    if (mkdirat(copy->store->dir_fd, name, 0700) < 0)
        return fy_error_errno(err, errno, "creating %s", path);
    if (store_open_dir(copy->store, name, &copy->dir_fd, err) < 0)
        return -1;
    for (size_t i = 0; i < FY_ARRAY_SIZE(folders); i++) {
        if (mkdirat(copy->dir_fd, folders[i], 0700) < 0)
            return fy_error_errno(err, errno, "creating %s/%s", path, folders[i]);
    }
    FY_AUTO_CLOSE int fd = openat(copy->dir_fd, "offer", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fy_error_errno(err, errno, "creating %s/offer", path);
    return fy_fs_write_all(fd, packed, size, err);
}

/* What an earlier attempt, or the version that is replaced, has of it. */
static int find_missing(struct fy_checkpoint_copy *copy, struct fy_error *err)
{
    struct chunk_place place, other;
    for (uint64_t i = 0; i < copy->count; i++) {
        if (!chunk_find(copy->record, i, &place) || chunk_read(copy->dir_fd, copy->record, &place, copy->buffer))
            continue;
        if (copy->old && chunk_same_place(copy->old, &place, &other) &&
            chunk_read(copy->old_fd, copy->old, &other, copy->buffer)) {
            if (write_chunk(copy, &place, copy->buffer, err) < 0)
                return -1;
            continue;
        }
        copy->wanted[i / 8] |= (uint8_t)(1u << i % 8);
        copy->missing++;
    }
    return 0;
}

static int check_space(const struct fy_checkpoint_copy *copy, struct fy_error *err)
{
    uint64_t available, needed = copy->missing * FY_STORED_CHUNK_BYTES;
    char have[FY_TEXT_SIZE], want[FY_TEXT_SIZE];
    if (fy_fs_available_bytes(copy->store->options.directory, &available, err) < 0)
        return -1;
    /* The last chunk of a file may be short. */
    if (copy->missing < 2 || needed / 2 <= available)
        return 0;
    fy_text_bytes(available, have);
    fy_text_bytes(needed, want);
    fy_error_set(err, FY_E_NOSPACE, "%s has %s, up to %s are needed for checkpoint %s", copy->store->options.directory,
                 have, want, copy->record->id);
    return store_explain_space(copy->store, err);
}

/* The one of that id that is here, if any. Only what came from a peer may be replaced, and only by another form of the
 * same content: those that need it stay right. */
static int open_old(struct fy_checkpoint_copy *copy, const void *packed, size_t size, bool *same, struct fy_error *err)
{
    struct fy_checkpoint *here = NULL;
    struct fy_error why = FY_ERROR_INIT;
    *same = false;
    if (fy_checkpoint_load(copy->store, copy->record->id, &here, &why) < 0) {
        if (why.code == FY_E_NOT_FOUND)
            return 0;
        fy_error_propagate(err, &why);
        return -1;
    }
    FY_AUTO_FREE uint8_t *again = malloc(size + 1);
    bool equal = again && ferry__checkpoint__record__get_packed_size(here->record) == size &&
                 ferry__checkpoint__record__pack(here->record, again) == size && memcmp(again, packed, size) == 0;
    bool foreign = here->state->received_from != NULL;
    bool alike = memcmp(here->record->manifest_root.data, copy->record->manifest_root.data, FY_STORED_HASH_BYTES) == 0;
    /* A damaged one is not had: its damage is what is to be sent. */
    *same = equal && !here->state->damage;
    if (foreign && alike)
        copy->old = fy_take(here->record);
    fy_checkpoint_free(here);
    if (*same)
        return 0;
    if (!foreign || !alike)
        return fy_error_set(err, FY_E_DENIED, "there is a checkpoint %s here that is not a copy of it",
                            copy->record->id);
    return store_open_dir(copy->store, copy->record->id, &copy->old_fd, err);
}

/* A parent that needs it itself: nobody honest offers that. */
static bool leads_back(const struct fy_checkpoint_copy *copy)
{
    char at[FY_CHECKPOINT_ID_SIZE];
    (void)snprintf(at, sizeof at, "%s", copy->record->parent ? copy->record->parent : "");
    for (unsigned levels = 0; at[0] && levels < STORE_CHAIN_LIMIT; levels++) {
        FY_AUTO_CLOSE int fd = -1;
        Ferry__Checkpoint__Record *record = NULL;
        if (strcmp(at, copy->record->id) == 0)
            return true;
        if (store_open_dir(copy->store, at, &fd, NULL) < 0 || record_read(fd, &record, NULL) < 0)
            return false;
        (void)snprintf(at, sizeof at, "%s", record->parent ? record->parent : "");
        ferry__checkpoint__record__free_unpacked(record, NULL);
    }
    return at[0] != '\0';
}

static bool has_parent(const struct fy_checkpoint_copy *copy)
{
    FY_AUTO_CLOSE int fd = -1;
    return !copy->record->parent || store_open_dir(copy->store, copy->record->parent, &fd, NULL) == 0;
}

static int begin(struct fy_checkpoint_copy *copy, const void *packed, size_t size, enum fy_copy_answer *answer,
                 struct fy_error *err)
{
    bool same;
    if (open_old(copy, packed, size, &same, err) < 0)
        return -1;
    if (same || !has_parent(copy)) {
        *answer = same ? FY_COPY_HAVE : FY_COPY_NEEDS_PARENT;
        return 0;
    }
    if (leads_back(copy))
        return fy_error_set(err, FY_E_PROTOCOL, "the chain of checkpoint %s leads back to itself", copy->record->id);
    copy->count = chunk_count(copy->record);
    copy->wanted = calloc(1, (size_t)(copy->count / 8) + 1);
    copy->buffer = malloc(FY_STORED_CHUNK_BYTES);
    if (!copy->wanted || !copy->buffer)
        return fy_error_set(err, FY_E_NOMEM, "no memory for receiving a checkpoint");
    if (open_part(copy, packed, size, err) < 0 || make_empty_files(copy, err) < 0 || find_missing(copy, err) < 0 ||
        check_space(copy, err) < 0)
        return store_explain_space(copy->store, err);
    *answer = FY_COPY_WANT;
    return 0;
}

int fy_checkpoint_copy_begin(const struct fy_checkpoint_store *store, const char *id, const void *record, size_t size,
                             enum fy_copy_answer *answer, uint8_t **wanted, uint64_t *count,
                             struct fy_checkpoint_copy **copy, struct fy_error *err)
{
    struct fy_checkpoint_copy *made = calloc(1, sizeof *made);
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for receiving a checkpoint");
    *made = (struct fy_checkpoint_copy){.store = store, .dir_fd = -1, .old_fd = -1};
    int result = record_unpack(record, size, &made->record, err);
    if (result == 0 && strcmp(made->record->id, id) != 0)
        result = fy_error_set(err, FY_E_PROTOCOL, "the record is that of another checkpoint");
    if (result == 0)
        result = begin(made, record, size, answer, err);
    if (result == 0 && *answer == FY_COPY_WANT) {
        uint64_t bytes = made->count / 8 + 1;
        *wanted = malloc((size_t)bytes);
        if (!*wanted)
            result = fy_error_set(err, FY_E_NOMEM, "no memory for receiving a checkpoint");
        else
            memcpy(*wanted, made->wanted, (size_t)bytes);
        *count = made->count;
    }
    if (result == 0 && *answer == FY_COPY_WANT)
        *copy = fy_take(made);
    fy_checkpoint_copy_free(made);
    return result;
}

/* ---- what comes ---- */

int fy_checkpoint_copy_chunk(struct fy_checkpoint_copy *copy, uint64_t index, const void *data, size_t size,
                             struct fy_error *err)
{
    struct chunk_place place;
    if (index >= copy->count || !(copy->wanted[index / 8] & 1u << index % 8) ||
        !chunk_find(copy->record, index, &place))
        return fy_error_set(err, FY_E_PROTOCOL, "chunk %" PRIu64 " of checkpoint %s was not asked for", index,
                            copy->record->id);
    if (!chunk_is(&place, data, size))
        return fy_error_set(err, FY_E_VERIFY, "chunk %" PRIu64 " of checkpoint %s does not fit its hash", index,
                            copy->record->id);
    if (write_chunk(copy, &place, data, err) < 0)
        return store_explain_space(copy->store, err);
    copy->wanted[index / 8] &= (uint8_t) ~(1u << index % 8);
    copy->missing--;
    return 0;
}

static int write_rest(struct fy_checkpoint_copy *copy, const char *from, struct fy_error *err)
{
    char target[FY_CHECKPOINT_ID_SIZE + 32];
    Ferry__Checkpoint__State state = FERRY__CHECKPOINT__STATE__INIT;
    state.received_from = (char *)(uintptr_t)from;
    (void)snprintf(target, sizeof target, "../../%s/images", copy->record->parent ? copy->record->parent : "");
    if (copy->record->parent && symlinkat(target, copy->dir_fd, "images/parent") < 0 && errno != EEXIST)
        return fy_error_errno(err, errno, "linking to the checkpoint before");
    if (unlinkat(copy->dir_fd, "offer", 0) < 0)
        return fy_error_errno(err, errno, "tidying up");
    if (record_write(copy->dir_fd, copy->record, err) < 0)
        return -1;
    return copy->old ? store_keep_state(copy->store, copy->record->id, copy->dir_fd, err)
                     : state_write(copy->dir_fd, &state, err);
}

/* The hashes of what is stored have been checked; now what it means. */
static int verify(const struct fy_checkpoint_copy *copy, struct fy_error *err)
{
    bool whole_look;
    struct fy_error found = FY_ERROR_INIT;
    struct fy_checkpoint *here = NULL;
    int result = fy_checkpoint_verify(copy->store, copy->record->id, NULL, NULL, NULL, &whole_look, &found);
    if (result < 0)
        fy_error_propagate(err, &found);
    if ((result == 0 || found.code == FY_E_VERIFY) &&
        fy_checkpoint_load(copy->store, copy->record->id, &here, NULL) == 0) {
        free(here->state->damage);
        here->state->damage = result < 0 ? strdup(found.message) : NULL;
        (void)fy_checkpoint_set_state(copy->store, copy->record->id, here->state, NULL);
        fy_checkpoint_free(here);
    }
    return result;
}

int fy_checkpoint_copy_finish(struct fy_checkpoint_copy *copy, const char *from, struct fy_error *err)
{
    char part[FY_CHECKPOINT_ID_SIZE + 8];
    if (copy->missing)
        return fy_error_set(err, FY_E_PROTOCOL, "%" PRIu64 " chunks of checkpoint %s have not come", copy->missing,
                            copy->record->id);
    (void)snprintf(part, sizeof part, "%s%s", STORE_PART_PREFIX, copy->record->id);
    if (write_rest(copy, from, err) < 0 ||
        store_publish_as(copy->store, part, copy->record->id, copy->dir_fd, copy->old != NULL, err) < 0)
        return store_explain_space(copy->store, err);
    return verify(copy, err);
}
