/* The sender's side of a copy. */
#include "chunk_index.h"

#include <ferry/base/cleanup.h>
#include <ferry/checkpoint/copy.h>
#include <inttypes.h>

struct fy_checkpoint_copy_source {
    int dir_fd;
    Ferry__Checkpoint__Record *record;
    uint8_t *packed;
    size_t packed_bytes;
};

int fy_checkpoint_copy_open(const struct fy_checkpoint_store *store, const char *id,
                            struct fy_checkpoint_copy_source **source, struct fy_error *err)
{
    struct fy_checkpoint_copy_source *made = calloc(1, sizeof *made);
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a copy of checkpoint %s", id);
    made->dir_fd = -1;
    int result = store_open_dir(store, id, &made->dir_fd, err);
    if (result == 0 && record_read(made->dir_fd, &made->record, err) < 0)
        result = fy_error_wrap(err, "checkpoint %s", id);
    if (result == 0) {
        made->packed_bytes = ferry__checkpoint__record__get_packed_size(made->record);
        made->packed = malloc(made->packed_bytes + 1);
        if (made->packed_bytes > FY_COPY_RECORD_LIMIT)
            result = fy_error_set(err, FY_E_LIMIT, "the record of checkpoint %s is too long for a copy", id);
        else if (!made->packed)
            result = fy_error_set(err, FY_E_NOMEM, "no memory for a copy of checkpoint %s", id);
        else
            (void)ferry__checkpoint__record__pack(made->record, made->packed);
    }
    if (result == 0)
        *source = fy_take(made);
    fy_checkpoint_copy_close(made);
    return result;
}

void fy_checkpoint_copy_close(struct fy_checkpoint_copy_source *source)
{
    if (!source)
        return;
    if (source->dir_fd >= 0)
        (void)close(source->dir_fd);
    if (source->record)
        ferry__checkpoint__record__free_unpacked(source->record, NULL);
    free(source->packed);
    free(source);
}

const uint8_t *fy_checkpoint_copy_record(const struct fy_checkpoint_copy_source *source, size_t *size)
{
    *size = source->packed_bytes;
    return source->packed;
}

const char *fy_checkpoint_copy_parent(const struct fy_checkpoint_copy_source *source)
{
    return source->record->parent;
}

uint64_t fy_checkpoint_copy_count(const struct fy_checkpoint_copy_source *source)
{
    return chunk_count(source->record);
}

uint64_t fy_checkpoint_copy_bytes(const struct fy_checkpoint_copy_source *source)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < source->record->n_files; i++)
        bytes += source->record->files[i]->stored_bytes;
    return bytes;
}

int fy_checkpoint_copy_read(struct fy_checkpoint_copy_source *source, uint64_t index, void *buffer, size_t *size,
                            struct fy_error *err)
{
    struct chunk_place place;
    if (!chunk_find(source->record, index, &place))
        return fy_error_set(err, FY_E_PROTOCOL, "checkpoint %s has no chunk %" PRIu64, source->record->id, index);
    if (!chunk_read(source->dir_fd, source->record, &place, buffer)) {
        fy_error_set(err, FY_E_VERIFY, "checkpoint %s: %s is damaged in chunk %" PRIu64 ", and is not passed on",
                     source->record->id, place.file->path, place.offset / FY_STORED_CHUNK_BYTES);
        return fy_error_next(err, "ferry checkpoint verify %s", source->record->id);
    }
    *size = place.size;
    return 0;
}
