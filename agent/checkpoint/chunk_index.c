/* Finding and reading chunks. */
#include "chunk_index.h"
#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <openssl/evp.h>
#include <string.h>

uint64_t chunk_count(const Ferry__Checkpoint__Record *record)
{
    uint64_t count = 0;
    for (size_t i = 0; i < record->n_files; i++)
        count += record->files[i]->chunks.len / FY_STORED_HASH_BYTES;
    return count;
}

static void place_in(const Ferry__Checkpoint__File *file, uint64_t chunk, struct chunk_place *place)
{
    uint64_t offset = chunk * FY_STORED_CHUNK_BYTES, left = file->stored_bytes - offset;
    *place = (struct chunk_place){.file = file,
                                  .offset = offset,
                                  .size = left < FY_STORED_CHUNK_BYTES ? (size_t)left : FY_STORED_CHUNK_BYTES,
                                  .hash = file->chunks.data + chunk * FY_STORED_HASH_BYTES};
}

bool chunk_find(const Ferry__Checkpoint__Record *record, uint64_t index, struct chunk_place *place)
{
    for (size_t i = 0; i < record->n_files; i++) {
        uint64_t count = record->files[i]->chunks.len / FY_STORED_HASH_BYTES;
        if (index < count) {
            place_in(record->files[i], index, place);
            return true;
        }
        index -= count;
    }
    return false;
}

bool chunk_same_place(const Ferry__Checkpoint__Record *record, const struct chunk_place *place,
                      struct chunk_place *other)
{
    const Ferry__Checkpoint__File *file = record_file(record, place->file->path);
    if (!file || place->offset >= file->stored_bytes)
        return false;
    place_in(file, place->offset / FY_STORED_CHUNK_BYTES, other);
    return other->size == place->size && memcmp(other->hash, place->hash, FY_STORED_HASH_BYTES) == 0;
}

bool chunk_is(const struct chunk_place *place, const void *data, size_t size)
{
    uint8_t hash[FY_STORED_HASH_BYTES];
    return size == place->size && EVP_Digest(data, size, hash, NULL, EVP_sha256(), NULL) == 1 &&
           memcmp(hash, place->hash, sizeof hash) == 0;
}

bool chunk_read(int dir_fd, const Ferry__Checkpoint__Record *record, const struct chunk_place *place, void *buffer)
{
    FY_AUTO_FREE char *name = pack_stored_name(record, place->file->path, NULL);
    FY_AUTO_CLOSE int fd = name ? openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    size_t at = 0;
    while (fd >= 0 && at < place->size) {
        ssize_t got = pread(fd, (uint8_t *)buffer + at, place->size - at, (off_t)(place->offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return fd >= 0 && chunk_is(place, buffer, place->size);
}
