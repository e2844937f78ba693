/* Reading stored files: a chunk at a time, the last one is kept. */
#include "pack.h"
#include "seal.h"
#include "seek_table.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>

#define SEAL_MAGIC_BYTES 8u
#define SEAL_HEADER_BYTES (SEAL_MAGIC_BYTES + SEAL_SALT_BYTES)

extern const char pack_seal_magic[SEAL_MAGIC_BYTES];

struct pack_reader {
    struct pack_form form;
    const Ferry__Checkpoint__File *file;
    int fd;
    ZSTD_DCtx *zstd;
    struct seal *seal;
    struct seek_table table;
    uint8_t *stored, *opened, *chunk; /* after each step; `chunk` is plain */
    size_t kept;                      /* number of the chunk in `chunk`; SIZE_MAX: none */
};

/* ---- which form ---- */

int pack_form_of(const Ferry__Checkpoint__Record *record, const struct fy_checkpoint_key *key, struct pack_form *form,
                 struct fy_error *err)
{
    uint8_t check[FY_KEY_CHECK_BYTES];
    *form = (struct pack_form){.packed = record->form == FERRY__CHECKPOINT__FORM__PACKED,
                               .compressed = record->has_compressed && record->compressed};
    if (!record->has_key_check)
        return 0;
    if (!key) {
        fy_error_set(err, FY_E_DENIED, "checkpoint %s is encrypted, and no key is configured", record->id);
        return fy_error_next(err, "set checkpoints.key_file or checkpoints.key_command in ferryd's configuration");
    }
    if (fy_checkpoint_key_check(key, check, err) < 0)
        return -1;
    if (record->key_check.len != sizeof check || memcmp(record->key_check.data, check, sizeof check) != 0) {
        fy_error_set(err, FY_E_DENIED, "checkpoint %s is encrypted with another key", record->id);
        return fy_error_next(err, "configure the key that it was made with");
    }
    form->key = key;
    return 0;
}

const char *pack_suffix(const Ferry__Checkpoint__Record *record)
{
    return record->has_key_check ? ".sealed" : record->form == FERRY__CHECKPOINT__FORM__PACKED ? ".zst" : "";
}

char *pack_stored_name(const Ferry__Checkpoint__Record *record, const char *path, struct fy_error *err)
{
    char *name = NULL;
    if (asprintf(&name, "%s%s", path, pack_suffix(record)) < 0) {
        fy_error_set(err, FY_E_NOMEM, "no memory for a file's name");
        return NULL;
    }
    return name;
}

/* ---- opening ---- */

static int read_exactly(const struct pack_reader *reader, uint64_t offset, void *data, size_t size,
                        struct fy_error *err)
{
    uint8_t *to = data;
    while (size > 0) {
        ssize_t got = pread(reader->fd, to, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fy_error_errno(err, errno, "reading %s", reader->file->path);
        if (got == 0)
            return fy_error_set(err, FY_E_VERIFY, "%s is shorter than it was", reader->file->path);
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

static int parse_table(struct pack_reader *reader, const uint8_t *data, size_t size, uint64_t first, uint64_t end,
                       struct fy_error *err)
{
    if (seek_table_parse(&reader->table, data, size, PACK_CHUNK_BYTES, reader->file->plain_bytes, first, err) < 0)
        return -1;
    const struct seek_table *table = &reader->table;
    const struct seek_chunk *last = table->count ? &table->chunks[table->count - 1] : NULL;
    if ((last ? last->stored_offset + last->stored_bytes : first) != end)
        return fy_error_set(err, FY_E_FORMAT, "its table does not fit its content");
    return 0;
}

static int read_open_table(struct pack_reader *reader, uint64_t stored_bytes, struct fy_error *err)
{
    uint8_t footer[SEEK_FOOTER_BYTES];
    if (stored_bytes < SEEK_FRAME_BYTES + SEEK_FOOTER_BYTES)
        return fy_error_set(err, FY_E_FORMAT, "it is too short");
    if (read_exactly(reader, stored_bytes - sizeof footer, footer, sizeof footer, err) < 0)
        return -1;
    int64_t count = seek_table_count(footer);
    uint64_t size = SEEK_FRAME_BYTES + (uint64_t)(count < 0 ? 0 : count) * SEEK_ENTRY_BYTES + SEEK_FOOTER_BYTES;
    if (count < 0 || size > stored_bytes)
        return fy_error_set(err, FY_E_FORMAT, "it has no table of its chunks");
    FY_AUTO_FREE uint8_t *data = malloc(size);
    if (!data)
        return fy_error_set(err, FY_E_NOMEM, "no memory for its table");
    if (read_exactly(reader, stored_bytes - size, data, size, err) < 0)
        return -1;
    return parse_table(reader, data, size, 0, stored_bytes - size, err);
}

static int read_sealed_table(struct pack_reader *reader, uint64_t stored_bytes, struct fy_error *err)
{
    uint8_t header[SEAL_HEADER_BYTES];
    uint32_t size;
    if (stored_bytes < sizeof header + SEAL_TAG_BYTES + sizeof size)
        return fy_error_set(err, FY_E_FORMAT, "it is too short");
    uint64_t room = stored_bytes - sizeof header - sizeof size;
    if (read_exactly(reader, 0, header, sizeof header, err) < 0 ||
        read_exactly(reader, stored_bytes - sizeof size, &size, sizeof size, err) < 0)
        return -1;
    if (memcmp(header, pack_seal_magic, SEAL_MAGIC_BYTES) != 0 || size < SEAL_TAG_BYTES || size > room)
        return fy_error_set(err, FY_E_FORMAT, "it is no sealed file");
    FY_AUTO_FREE uint8_t *sealed = malloc(size);
    FY_AUTO_FREE uint8_t *data = malloc(size);
    uint64_t at = stored_bytes - sizeof size - size;
    if (!sealed || !data)
        return fy_error_set(err, FY_E_NOMEM, "no memory for its table");
    if (seal_new(reader->form.key, header + SEAL_MAGIC_BYTES, reader->file->path, &reader->seal, err) < 0 ||
        read_exactly(reader, at, sealed, size, err) < 0 ||
        seal_open(reader->seal, UINT64_MAX, sealed, size, data, err) < 0)
        return -1;
    return parse_table(reader, data, size - SEAL_TAG_BYTES, sizeof header, at, err);
}

static int prepare(struct pack_reader *reader, struct fy_error *err)
{
    size_t limit = ZSTD_compressBound(PACK_CHUNK_BYTES) + SEAL_TAG_BYTES;
    struct stat st;
    if (fstat(reader->fd, &st) < 0)
        return fy_error_errno(err, errno, "looking at %s", reader->file->path);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != reader->file->stored_bytes)
        return fy_error_set(err, FY_E_VERIFY, "%s has %lld bytes, and should have %llu", reader->file->path,
                            (long long)st.st_size, (unsigned long long)reader->file->stored_bytes);
    if (!reader->form.packed)
        return 0;
    reader->stored = malloc(limit);
    reader->opened = malloc(limit);
    reader->chunk = malloc(PACK_CHUNK_BYTES);
    reader->zstd = ZSTD_createDCtx();
    if (!reader->stored || !reader->opened || !reader->chunk || !reader->zstd)
        return fy_error_set(err, FY_E_NOMEM, "no memory for reading %s", reader->file->path);
    struct fy_error why = FY_ERROR_INIT;
    int result = reader->form.key ? read_sealed_table(reader, (uint64_t)st.st_size, &why)
                                  : read_open_table(reader, (uint64_t)st.st_size, &why);
    if (result < 0)
        fy_error_set(err, why.code == FY_E_FORMAT ? FY_E_VERIFY : why.code, "%s: %s", reader->file->path, why.message);
    return result;
}

int pack_open(int dir_fd, const Ferry__Checkpoint__File *file, const struct pack_form *form,
              struct pack_reader **reader, struct fy_error *err)
{
    struct pack_reader *made = calloc(1, sizeof *made);
    FY_AUTO_FREE char *name = NULL;
    const char *suffix = form->key ? ".sealed" : form->packed ? ".zst" : "";
    if (!made || asprintf(&name, "%s%s", file->path, suffix) < 0) {
        free(made);
        return fy_error_set(err, FY_E_NOMEM, "no memory for reading %s", file->path);
    }
    *made = (struct pack_reader){.form = *form, .file = file, .kept = SIZE_MAX};
    made->fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int result = 0;
    if (made->fd < 0 && errno == ENOENT)
        result = fy_error_set(err, FY_E_VERIFY, "%s is missing", name);
    else if (made->fd < 0)
        result = fy_error_errno(err, errno, "opening %s", name);
    if (result == 0)
        result = prepare(made, err);
    if (result == 0)
        *reader = fy_take(made);
    pack_close(made);
    return result;
}

void pack_close(struct pack_reader *reader)
{
    if (!reader)
        return;
    if (reader->fd >= 0)
        (void)close(reader->fd);
    seek_table_done(&reader->table);
    seal_free(reader->seal);
    ZSTD_freeDCtx(reader->zstd);
    free(reader->stored);
    free(reader->opened);
    free(reader->chunk);
    free(reader);
}

/* ---- reading ---- */

static int load_chunk(struct pack_reader *reader, size_t number, struct fy_error *err)
{
    const struct seek_chunk *chunk = &reader->table.chunks[number];
    const uint8_t *data = reader->stored;
    size_t size = chunk->stored_bytes;
    if (size > ZSTD_compressBound(PACK_CHUNK_BYTES) + (reader->seal ? SEAL_TAG_BYTES : 0))
        return fy_error_set(err, FY_E_VERIFY, "%s: chunk %zu is too long", reader->file->path, number);
    reader->kept = SIZE_MAX;
    if (read_exactly(reader, chunk->stored_offset, reader->stored, size, err) < 0)
        return -1;
    if (reader->seal) {
        if (seal_open(reader->seal, number, data, size, reader->opened, err) < 0)
            return -1;
        data = reader->opened;
        size -= SEAL_TAG_BYTES;
    }
    size_t plain = size;
    if (reader->form.compressed)
        plain = ZSTD_decompressDCtx(reader->zstd, reader->chunk, PACK_CHUNK_BYTES, data, size);
    else if (size <= PACK_CHUNK_BYTES)
        memcpy(reader->chunk, data, size);
    if (ZSTD_isError(plain) || plain != chunk->plain_bytes)
        return fy_error_set(err, FY_E_VERIFY, "%s: chunk %zu (of 256 KiB) cannot be expanded: it is damaged",
                            reader->file->path, number);
    reader->kept = number;
    return 0;
}

int pack_read(struct pack_reader *reader, uint64_t offset, void *data, size_t size, struct fy_error *err)
{
    uint8_t *to = data;
    if (offset > reader->file->plain_bytes || size > reader->file->plain_bytes - offset)
        return fy_error_set(err, FY_E_VERIFY, "%s ends before byte %llu", reader->file->path,
                            (unsigned long long)(offset + size));
    if (!reader->form.packed)
        return read_exactly(reader, offset, data, size, err);
    while (size > 0) {
        size_t number = (size_t)(offset / PACK_CHUNK_BYTES), skip = (size_t)(offset % PACK_CHUNK_BYTES);
        if (reader->kept != number && load_chunk(reader, number, err) < 0)
            return -1;
        size_t room = reader->table.chunks[number].plain_bytes - skip;
        size_t piece = size < room ? size : room;
        memcpy(to, reader->chunk + skip, piece);
        to += piece;
        offset += piece;
        size -= piece;
    }
    return 0;
}

/* ---- where something is ---- */

static int range_in_table(const struct seek_table *table, uint64_t first, uint64_t end, uint64_t range[2])
{
    uint64_t plain = 0;
    range[0] = UINT64_MAX;
    for (size_t i = 0; i < table->count; i++) {
        const struct seek_chunk *chunk = &table->chunks[i];
        if (chunk->stored_offset < end && chunk->stored_offset + chunk->stored_bytes > first) {
            range[0] = plain < range[0] ? plain : range[0];
            range[1] = plain + chunk->plain_bytes;
        }
        plain += chunk->plain_bytes;
    }
    return range[0] == UINT64_MAX ? -1 : 0;
}

int pack_plain_range(int dir_fd, const Ferry__Checkpoint__File *file, const struct pack_form *form,
                     uint64_t stored_offset, uint64_t stored_bytes, uint64_t range[2])
{
    struct pack_reader *reader = NULL;
    uint64_t end = stored_offset + stored_bytes;
    if (!form->packed) {
        range[0] = stored_offset;
        range[1] = end < file->plain_bytes ? end : file->plain_bytes;
        return range[0] < range[1] ? 0 : -1;
    }
    if (pack_open(dir_fd, file, form, &reader, NULL) < 0)
        return -1;
    int result = range_in_table(&reader->table, stored_offset, end, range);
    pack_close(reader);
    return result;
}
