/* A list of chunks; single allocations are never freed. */
#include "arena.h"
#include <stdint.h>
#include <stdlib.h>

#define CHUNK_BYTES ((size_t)64 << 10)
#define ALIGNMENT _Alignof(max_align_t)

struct fy_arena_chunk {
    struct fy_arena_chunk *next;
    size_t size;
    size_t used;
    max_align_t data[];
};

static struct fy_arena_chunk *add_chunk(struct fy_arena *arena, size_t size)
{
    size_t bytes = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    struct fy_arena_chunk *chunk = malloc(sizeof(*chunk) + bytes);

    if (!chunk)
        return NULL;
    *chunk = (struct fy_arena_chunk){.next = arena->chunks, .size = bytes};
    arena->chunks = chunk;
    return chunk;
}

static void *arena_alloc(void *data, size_t size)
{
    struct fy_arena *arena = data;
    struct fy_arena_chunk *chunk = arena->chunks;
    void *memory;

    if (size <= arena->limit_bytes)
        size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (size > arena->limit_bytes - arena->used_bytes) {
        arena->over_limit = true;
        return NULL;
    }
    if (!chunk || size > chunk->size - chunk->used)
        chunk = add_chunk(arena, size);
    if (!chunk)
        return NULL;
    memory = (char *)chunk->data + chunk->used;
    chunk->used += size;
    arena->used_bytes += size;
    return memory;
}

static void arena_free(void *data, void *memory)
{
    (void)data;
    (void)memory;
}

void fy_arena_init(struct fy_arena *arena, size_t limit_bytes)
{
    *arena = (struct fy_arena){.limit_bytes = limit_bytes};
    arena->allocator = (ProtobufCAllocator){.alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
}

void fy_arena_reset(struct fy_arena *arena)
{
    struct fy_arena_chunk *kept = NULL;

    while (arena->chunks) {
        struct fy_arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        if (!kept && chunk->size == CHUNK_BYTES) {
            *chunk = (struct fy_arena_chunk){.size = CHUNK_BYTES};
            kept = chunk;
        } else {
            free(chunk);
        }
    }
    arena->chunks = kept;
    arena->used_bytes = 0;
    arena->over_limit = false;
}

void fy_arena_done(struct fy_arena *arena)
{
    fy_arena_reset(arena);
    free(arena->chunks);
    arena->chunks = NULL;
}
