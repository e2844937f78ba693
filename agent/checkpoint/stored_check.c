/* Hashing what is stored, level by level, and telling whose memory a damaged chunk holds. */
#include "stored_check.h"
#include "pack.h"
#include "whose.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#define WHAT_SIZE 700

struct checking {
    const struct fy_checkpoint_store *store;
    fy_checkpoint_damage_cb report;
    void *data;
    struct fy_checkpoint_progress *progress;
    size_t count;
    uint8_t *buffer; /* a chunk */
};

struct place {
    const Ferry__Checkpoint__Record *record;
    int dir_fd;
    const Ferry__Checkpoint__File *file;
    const char *stored_name;
};

__attribute__((format(printf, 5, 6))) static void tell(struct checking *checking, const char *id, const char *file,
                                                       const uint64_t *chunk, const char *format, ...)
{
    char what[WHAT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    checking->count++;
    const struct fy_checkpoint_damage damage = {
        .id = id, .file = file, .has_chunk = chunk != NULL, .chunk = chunk ? *chunk : 0, .what = what};
    if (checking->report)
        checking->report(&damage, checking->data);
}

static void tell_chunk(struct checking *checking, const struct place *place, uint64_t chunk)
{
    char whose[WHOSE_SIZE];
    const struct whose_place where = {place->record, place->dir_fd, place->file, checking->store->options.key};
    whose_memory(&where, chunk * FY_STORED_CHUNK_BYTES, FY_STORED_CHUNK_BYTES, whose);
    tell(checking, place->record->id, place->stored_name, &chunk,
         "checkpoint %s: %s is damaged in chunk %" PRIu64 " (bytes %" PRIu64 " to %" PRIu64 ")%s%s", place->record->id,
         place->stored_name, chunk, chunk * FY_STORED_CHUNK_BYTES,
         chunk * FY_STORED_CHUNK_BYTES + FY_STORED_CHUNK_BYTES - 1, whose[0] ? ", " : "", whose);
}

static ssize_t read_chunk(int fd, uint8_t *buffer, size_t size, uint64_t offset)
{
    size_t at = 0;
    while (at < size) {
        ssize_t got = pread(fd, buffer + at, size - at, (off_t)(offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -1 : (ssize_t)at;
        at += (size_t)got;
    }
    return (ssize_t)at;
}

static int check_chunks(struct checking *checking, const struct place *place, int fd, struct fy_error *err)
{
    uint8_t hash[FY_STORED_HASH_BYTES];
    const Ferry__Checkpoint__File *file = place->file;
    for (uint64_t chunk = 0, at = 0; at < file->stored_bytes; chunk++, at += FY_STORED_CHUNK_BYTES) {
        uint64_t left = file->stored_bytes - at;
        size_t size = left < FY_STORED_CHUNK_BYTES ? (size_t)left : FY_STORED_CHUNK_BYTES;
        /* A disk that cannot read it is damage too. */
        bool is_read = read_chunk(fd, checking->buffer, size, at) == (ssize_t)size;
        if (is_read && EVP_Digest(checking->buffer, size, hash, NULL, EVP_sha256(), NULL) != 1)
            return fy_error_set(err, FY_E_INTERNAL, "a hash could not be made");
        if (!is_read || memcmp(hash, file->chunks.data + chunk * sizeof hash, sizeof hash) != 0)
            tell_chunk(checking, place, chunk);
        if (store_advance(checking->progress, size, err) < 0)
            return -1;
    }
    return 0;
}

static int check_file(struct checking *checking, struct place *place, struct fy_error *err)
{
    struct stat st;
    FY_AUTO_FREE char *name = pack_stored_name(place->record, place->file->path, err);
    if (!name)
        return -1;
    place->stored_name = name;
    FY_AUTO_CLOSE int fd = openat(place->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0) {
        tell(checking, place->record->id, name, NULL, "checkpoint %s: %s: %s", place->record->id, name,
             strerror(errno));
        return 0;
    }
    if ((uint64_t)st.st_size != place->file->stored_bytes) {
        tell(checking, place->record->id, name, NULL, "checkpoint %s: %s has %lld bytes, and had %" PRIu64,
             place->record->id, name, (long long)st.st_size, place->file->stored_bytes);
        return 0;
    }
    return check_chunks(checking, place, fd, err);
}

static int check_level(struct checking *checking, const char *id, int dir_fd, const Ferry__Checkpoint__Record *record,
                       struct fy_error *err)
{
    Ferry__Checkpoint__State *state = NULL;
    struct fy_error why = FY_ERROR_INIT;
    if (state_read(dir_fd, &state, &why) < 0)
        tell(checking, id, STORE_STATE_NAME, NULL,
             "checkpoint %s: %s; it counts as pinned until it is pinned or unpinned again", id, why.message);
    else
        ferry__checkpoint__state__free_unpacked(state, NULL);
    for (size_t i = 0; i < record->n_files; i++) {
        struct place place = {.record = record, .dir_fd = dir_fd, .file = record->files[i]};
        if (check_file(checking, &place, err) < 0)
            return -1;
    }
    return 0;
}

/* Sets *next to the id of the level before (malloc'ed), or NULL. */
static int check_id(struct checking *checking, const char *id, char **next, struct fy_error *err)
{
    FY_AUTO_CLOSE int dir_fd = -1;
    Ferry__Checkpoint__Record *record = NULL;
    struct fy_error why = FY_ERROR_INIT;
    *next = NULL;
    if (store_open_dir(checking->store, id, &dir_fd, &why) < 0 || record_read(dir_fd, &record, &why) < 0) {
        tell(checking, id, STORE_RECORD_NAME, NULL, "checkpoint %s: %s", id, why.message);
        return 0;
    }
    int result = check_level(checking, id, dir_fd, record, err);
    if (result == 0 && record->parent && !(*next = strdup(record->parent)))
        result = fy_error_set(err, FY_E_NOMEM, "no memory for checking a checkpoint");
    ferry__checkpoint__record__free_unpacked(record, NULL);
    return result;
}

int stored_check(const struct fy_checkpoint_store *store, const char *id, fy_checkpoint_damage_cb report, void *data,
                 struct fy_checkpoint_progress *progress, size_t *count, struct fy_error *err)
{
    FY_AUTO_FREE uint8_t *buffer = malloc(FY_STORED_CHUNK_BYTES);
    FY_AUTO_FREE char *at = strdup(id);
    if (!buffer || !at)
        return fy_error_set(err, FY_E_NOMEM, "no memory for checking a checkpoint");
    struct checking checking = {store, report, data, progress, 0, buffer};
    for (unsigned levels = 0; at && levels < STORE_CHAIN_LIMIT; levels++) {
        char *next = NULL;
        if (check_id(&checking, at, &next, err) < 0) {
            free(next);
            return -1;
        }
        free(at);
        at = next;
    }
    *count = checking.count;
    return 0;
}
