/* Memory for one decoded entry: handed to protobuf-c as its allocator, capped, and taken back all at once. */
#ifndef FERRY_IMGCORE_ARENA_H
#define FERRY_IMGCORE_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct fy_arena_chunk;

struct fy_arena {
    ProtobufCAllocator allocator; /* its allocator_data points back here, so the arena must not be moved */
    struct fy_arena_chunk *chunks;
    size_t used_bytes;
    size_t limit_bytes;
    bool over_limit; /* an allocation was refused because of the limit, since the last reset */
};

void fy_arena_init(struct fy_arena *arena, size_t limit_bytes);
/* Forgets all allocations; a little memory is kept for the next entry. */
void fy_arena_reset(struct fy_arena *arena);
void fy_arena_done(struct fy_arena *arena);

#endif
