/* All stored chunks of a checkpoint in one row: file after file as in the record. Private to the store. */
#ifndef FERRY_CHECKPOINT_CHUNK_INDEX_H
#define FERRY_CHECKPOINT_CHUNK_INDEX_H

#include "store.h"

struct chunk_place {
    const Ferry__Checkpoint__File *file;
    uint64_t offset;
    size_t size;
    const uint8_t *hash;
};

uint64_t chunk_count(const Ferry__Checkpoint__Record *record);
/* False: there are not so many. */
bool chunk_find(const Ferry__Checkpoint__Record *record, uint64_t index, struct chunk_place *place);
/* The same chunk of another record of that checkpoint, by file and offset. */
bool chunk_same_place(const Ferry__Checkpoint__Record *record, const struct chunk_place *place,
                      struct chunk_place *other);
/* Reads exactly that; false when it cannot be read or has not the hash. */
bool chunk_read(int dir_fd, const Ferry__Checkpoint__Record *record, const struct chunk_place *place, void *buffer);
bool chunk_is(const struct chunk_place *place, const void *data, size_t size);

#endif
