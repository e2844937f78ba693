/* Checks the chunks of one file while they arrive. */
#include "manifest_private.h"
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <string.h>

struct fy_manifest_stream {
    const struct entry *entry;
    struct hasher hasher;
    uint64_t chunk_count;
    uint8_t *right; /* a bit for each chunk */
};

static bool is_right(const struct fy_manifest_stream *stream, uint64_t index)
{
    return stream->right[index / 8] >> (index % 8) & 1;
}

static void mark_right(struct fy_manifest_stream *stream, uint64_t index)
{
    stream->right[index / 8] = (uint8_t)(stream->right[index / 8] | 1u << (index % 8));
}

int fy_manifest_stream_new(const struct fy_manifest *manifest, const char *name, struct fy_manifest_stream **stream,
                           struct fy_error *err)
{
    ptrdiff_t index = fy_manifest_find(manifest, name);
    struct fy_manifest_stream *made;

    if (index < 0 || manifest->entries.items[index].target)
        return fy_error_set(err, FY_E_NOT_FOUND, "%s is not a file of the manifest", name);
    made = calloc(1, sizeof(*made));
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory to check a file");
    made->entry = &manifest->entries.items[index];
    made->chunk_count = fy_chunks_of(made->entry->size_bytes);
    made->right = calloc(made->chunk_count / 8 + 1, 1);
    if (!made->right)
        (void)fy_error_set(err, FY_E_NOMEM, "no memory to check a file");
    if (!made->right || fy_hasher_init(&made->hasher, err) < 0) {
        fy_manifest_stream_free(made);
        return -1;
    }
    if (made->entry->size_bytes == 0)
        mark_right(made, 0); /* nothing will come, and nothing can be wrong */
    *stream = made;
    return 0;
}

static int feed_chunk(struct fy_manifest_stream *stream, uint64_t index, const uint8_t *data, struct fy_error *err)
{
    size_t size = fy_chunk_size(stream->entry->size_bytes, index);
    struct hash hash;

    if ((data ? fy_hash_chunk(&stream->hasher, data, size, &hash, err)
              : fy_hash_zeros(&stream->hasher, size, &hash, err)) < 0)
        return -1;
    if (memcmp(&hash, fy_entry_chunk(stream->entry, index), sizeof(hash)) != 0)
        return fy_error_set(err, FY_E_VERIFY, "%s: bytes %" PRIu64 " to %" PRIu64 " are not what the manifest says",
                            stream->entry->name, index * FY_MANIFEST_CHUNK_BYTES,
                            index * FY_MANIFEST_CHUNK_BYTES + size - 1);
    mark_right(stream, index);
    return 0;
}

int fy_manifest_stream_feed(struct fy_manifest_stream *stream, uint64_t offset, const void *data, size_t size,
                            struct fy_error *err)
{
    uint64_t file_bytes = stream->entry->size_bytes;
    const uint8_t *from = data;

    if (offset > file_bytes || size > file_bytes - offset)
        return fy_error_set(err, FY_E_VERIFY, "%s: has %" PRIu64 " bytes in the manifest, but more have come",
                            stream->entry->name, file_bytes);
    if (offset % FY_MANIFEST_CHUNK_BYTES != 0 || (size % FY_MANIFEST_CHUNK_BYTES != 0 && offset + size != file_bytes))
        return fy_error_set(err, FY_E_USAGE, "%s: %zu bytes at %" PRIu64 " are not whole chunks", stream->entry->name,
                            size, offset);
    for (uint64_t at = offset; at < offset + size; at += FY_MANIFEST_CHUNK_BYTES)
        if (feed_chunk(stream, at / FY_MANIFEST_CHUNK_BYTES, from ? from + (at - offset) : NULL, err) < 0)
            return -1;
    return 0;
}

int fy_manifest_stream_finish(const struct fy_manifest_stream *stream, struct fy_error *err)
{
    for (uint64_t i = 0; i < stream->chunk_count; i++)
        if (!is_right(stream, i))
            return fy_error_set(err, FY_E_VERIFY, "%s: bytes from %" PRIu64 " on are missing", stream->entry->name,
                                i * FY_MANIFEST_CHUNK_BYTES);
    return 0;
}

void fy_manifest_stream_free(struct fy_manifest_stream *stream)
{
    if (!stream)
        return;
    fy_hasher_done(&stream->hasher);
    free(stream->right);
    free(stream);
}
