/* Writing and hashing. */
#include "stored_output.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <string.h>

#define PIECE_BYTES 4096u

int stored_output_init(struct stored_output *output, int fd, const char *name, bool sparse, struct fy_error *err)
{
    *output = (struct stored_output){.fd = fd, .name = name, .sparse = sparse, .hash = EVP_MD_CTX_new()};
    if (!output->hash || EVP_DigestInit_ex(output->hash, EVP_sha256(), NULL) != 1)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a hash");
    return 0;
}

static int end_chunk(struct stored_output *output, struct fy_error *err)
{
    if (output->chunk_count == output->chunk_capacity) {
        size_t capacity = output->chunk_capacity ? output->chunk_capacity * 2 : 4;
        uint8_t *chunks = realloc(output->chunks, capacity * FY_STORED_HASH_BYTES);
        if (!chunks)
            return fy_error_set(err, FY_E_NOMEM, "no memory for the hashes of %s", output->name);
        output->chunks = chunks;
        output->chunk_capacity = capacity;
    }
    uint8_t *to = output->chunks + output->chunk_count++ * FY_STORED_HASH_BYTES;
    if (EVP_DigestFinal_ex(output->hash, to, NULL) != 1 || EVP_DigestInit_ex(output->hash, EVP_sha256(), NULL) != 1)
        return fy_error_set(err, FY_E_INTERNAL, "a hash could not be made");
    return 0;
}

static int hash(struct stored_output *output, const uint8_t *data, size_t size, struct fy_error *err)
{
    uint64_t at = output->size_bytes;
    while (size > 0) {
        size_t room = FY_STORED_CHUNK_BYTES - (size_t)(at % FY_STORED_CHUNK_BYTES);
        size_t piece = size < room ? size : room;
        if (EVP_DigestUpdate(output->hash, data, piece) != 1)
            return fy_error_set(err, FY_E_INTERNAL, "a hash could not be made");
        at += piece;
        data += piece;
        size -= piece;
        if (at % FY_STORED_CHUNK_BYTES == 0 && end_chunk(output, err) < 0)
            return -1;
    }
    return 0;
}

static int write_at(struct stored_output *output, const uint8_t *data, size_t size, uint64_t at, struct fy_error *err)
{
    while (size > 0) {
        ssize_t wrote = pwrite(output->fd, data, size, (off_t)at);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return fy_error_errno(err, errno, "writing %s", output->name);
        data += wrote;
        size -= (size_t)wrote;
        at += (uint64_t)wrote;
    }
    return 0;
}

static bool is_zero(const uint8_t *data, size_t size)
{
    return size == PIECE_BYTES && data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

static size_t piece_of(size_t size)
{
    return size < PIECE_BYTES ? size : PIECE_BYTES;
}

static int write_sparse(struct stored_output *output, const uint8_t *data, size_t size, struct fy_error *err)
{
    uint64_t at = output->size_bytes;
    for (size_t first = 0, end; first < size; first = end) {
        bool zero = is_zero(data + first, piece_of(size - first));
        for (end = first; end < size && is_zero(data + end, piece_of(size - end)) == zero;)
            end += piece_of(size - end);
        if (!zero && write_at(output, data + first, end - first, at + first, err) < 0)
            return -1;
    }
    return 0;
}

int stored_output_write(struct stored_output *output, const void *data, size_t size, struct fy_error *err)
{
    if (hash(output, data, size, err) < 0)
        return -1;
    int result =
        output->sparse ? write_sparse(output, data, size, err) : write_at(output, data, size, output->size_bytes, err);
    if (result == 0)
        output->size_bytes += size;
    return result;
}

int stored_output_finish(struct stored_output *output, struct fy_error *err)
{
    if (output->size_bytes % FY_STORED_CHUNK_BYTES && end_chunk(output, err) < 0)
        return -1;
    if (ftruncate(output->fd, (off_t)output->size_bytes) < 0)
        return fy_error_errno(err, errno, "writing %s", output->name);
    return 0;
}

void stored_output_done(struct stored_output *output)
{
    free(output->chunks);
    EVP_MD_CTX_free(output->hash);
    *output = (struct stored_output){.fd = -1};
}
