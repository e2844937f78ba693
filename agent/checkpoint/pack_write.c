/* Writing stored files. */
#include "pack.h"
#include "seal.h"
#include "seek_table.h"
#include "stored_output.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <string.h>
#include <sys/random.h>
#include <zstd.h>

#define LEVEL 1 /* measured: higher levels cost far more time than they save in memory images */

const char pack_seal_magic[8] = "FYSEAL01";

struct pack_writer {
    struct pack_form form;
    char *path, *stored_name;
    struct stored_output output;
    int fd;
    uint64_t plain_bytes;
    uint8_t *chunk; /* PACK_CHUNK_BYTES, of which `filled` */
    size_t filled;
    uint8_t *packed, *sealed; /* a chunk after each step */
    ZSTD_CCtx *zstd;
    struct seal *seal;
    struct seek_table table;
};

static size_t packed_limit(void)
{
    return ZSTD_compressBound(PACK_CHUNK_BYTES);
}

static int write_seal_header(struct pack_writer *writer, struct fy_error *err)
{
    uint8_t salt[SEAL_SALT_BYTES];
    if (getrandom(salt, sizeof salt, 0) != sizeof salt)
        return fy_error_errno(err, errno, "random bytes");
    if (seal_new(writer->form.key, salt, writer->path, &writer->seal, err) < 0 ||
        stored_output_write(&writer->output, pack_seal_magic, sizeof pack_seal_magic, err) < 0)
        return -1;
    return stored_output_write(&writer->output, salt, sizeof salt, err);
}

static int prepare(struct pack_writer *writer, int dir_fd, const char *path, struct fy_error *err)
{
    const struct pack_form *form = &writer->form;
    const char *suffix = form->key ? ".sealed" : form->packed ? ".zst" : "";
    if (asprintf(&writer->stored_name, "%s%s", path, suffix) < 0)
        writer->stored_name = NULL;
    writer->path = strdup(path);
    writer->chunk = malloc(PACK_CHUNK_BYTES);
    writer->packed = malloc(packed_limit());
    writer->sealed = malloc(packed_limit() + SEAL_TAG_BYTES);
    writer->zstd = form->compressed ? ZSTD_createCCtx() : NULL;
    if (!writer->stored_name || !writer->path || !writer->chunk || !writer->packed || !writer->sealed ||
        (form->compressed && !writer->zstd))
        return fy_error_set(err, FY_E_NOMEM, "no memory for writing %s", path);
    writer->fd = openat(dir_fd, writer->stored_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (writer->fd < 0)
        return fy_error_errno(err, errno, "creating %s", writer->stored_name);
    if (stored_output_init(&writer->output, writer->fd, writer->stored_name, !form->packed, err) < 0)
        return -1;
    return form->key ? write_seal_header(writer, err) : 0;
}

int pack_create(int dir_fd, const char *path, const struct pack_form *form, struct pack_writer **writer,
                struct fy_error *err)
{
    struct pack_writer *made = calloc(1, sizeof *made);
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for writing %s", path);
    made->form = *form;
    made->fd = -1;
    if (prepare(made, dir_fd, path, err) < 0) {
        pack_abort(made);
        return -1;
    }
    *writer = made;
    return 0;
}

void pack_abort(struct pack_writer *writer)
{
    if (!writer)
        return;
    if (writer->fd >= 0)
        (void)close(writer->fd);
    stored_output_done(&writer->output);
    seek_table_done(&writer->table);
    seal_free(writer->seal);
    ZSTD_freeCCtx(writer->zstd);
    free(writer->chunk);
    free(writer->packed);
    free(writer->sealed);
    free(writer->path);
    free(writer->stored_name);
    free(writer);
}

static int write_chunk(struct pack_writer *writer, struct fy_error *err)
{
    const uint8_t *data = writer->chunk;
    size_t size = writer->filled;
    writer->filled = 0;
    if (!writer->form.packed)
        return stored_output_write(&writer->output, data, size, err);
    uint32_t plain_bytes = (uint32_t)size;
    if (writer->zstd) {
        size = ZSTD_compressCCtx(writer->zstd, writer->packed, packed_limit(), data, size, LEVEL);
        if (ZSTD_isError(size))
            return fy_error_set(err, FY_E_INTERNAL, "%s: zstd: %s", writer->path, ZSTD_getErrorName(size));
        data = writer->packed;
    }
    if (writer->seal) {
        if (seal_close(writer->seal, writer->table.count, data, size, writer->sealed, err) < 0)
            return -1;
        data = writer->sealed;
        size += SEAL_TAG_BYTES;
    }
    if (seek_table_add(&writer->table, (uint32_t)size, plain_bytes, err) < 0)
        return -1;
    return stored_output_write(&writer->output, data, size, err);
}

int pack_write(struct pack_writer *writer, const void *data, size_t size, struct fy_error *err)
{
    const uint8_t *from = data;
    writer->plain_bytes += size;
    while (size > 0) {
        size_t room = PACK_CHUNK_BYTES - writer->filled;
        size_t piece = size < room ? size : room;
        memcpy(writer->chunk + writer->filled, from, piece);
        writer->filled += piece;
        from += piece;
        size -= piece;
        if (writer->filled == PACK_CHUNK_BYTES && write_chunk(writer, err) < 0)
            return -1;
    }
    return 0;
}

static int write_table(struct pack_writer *writer, struct fy_error *err)
{
    struct fy_buf text;
    fy_buf_init(&text, 0);
    int result = seek_table_write(&writer->table, &text, err);
    if (result == 0 && !writer->seal) {
        result = stored_output_write(&writer->output, text.data, text.size, err);
    } else if (result == 0) {
        uint32_t size = (uint32_t)text.size + SEAL_TAG_BYTES;
        FY_AUTO_FREE uint8_t *sealed = malloc(size);
        if (!sealed)
            result = fy_error_set(err, FY_E_NOMEM, "no memory for the table of %s", writer->path);
        else if ((result = seal_close(writer->seal, UINT64_MAX, text.data, text.size, sealed, err)) == 0 &&
                 (result = stored_output_write(&writer->output, sealed, size, err)) == 0)
            result = stored_output_write(&writer->output, &size, sizeof size, err);
    }
    fy_buf_done(&text);
    return result;
}

int pack_finish(struct pack_writer *writer, Ferry__Checkpoint__File *file, struct fy_error *err)
{
    int result = writer->filled ? write_chunk(writer, err) : 0;
    if (result == 0 && writer->form.packed)
        result = write_table(writer, err);
    if (result == 0)
        result = stored_output_finish(&writer->output, err);
    if (result == 0) {
        file->path = fy_take(writer->path);
        file->plain_bytes = writer->plain_bytes;
        file->stored_bytes = writer->output.size_bytes;
        file->chunks.len = writer->output.chunk_count * FY_STORED_HASH_BYTES;
        file->chunks.data = fy_take(writer->output.chunks);
    }
    pack_abort(writer);
    return result;
}
