/* Every block carries a small header that links it into its session's list. */
#include "ssh_memory.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct fy_ssh_block {
    struct fy_ssh_block *next;
    struct fy_ssh_block *previous;
    size_t size;
    max_align_t content[];
};

static struct fy_ssh_block *block_of(void *pointer)
{
    return (struct fy_ssh_block *)(void *)((char *)pointer - offsetof(struct fy_ssh_block, content));
}

void *fy_ssh_memory_alloc(struct fy_ssh_memory *memory, size_t size)
{
    if (size > memory->limit_bytes - memory->used_bytes)
        return NULL;
    struct fy_ssh_block *block = malloc(sizeof(*block) + size);
    if (!block)
        return NULL;
    *block = (struct fy_ssh_block){.next = memory->first, .size = size};
    if (memory->first)
        memory->first->previous = block;
    memory->first = block;
    memory->used_bytes += size;
    return block->content;
}

void fy_ssh_memory_free(struct fy_ssh_memory *memory, void *pointer)
{
    if (!pointer)
        return;
    struct fy_ssh_block *block = block_of(pointer);
    if (block->previous)
        block->previous->next = block->next;
    else
        memory->first = block->next;
    if (block->next)
        block->next->previous = block->previous;
    memory->used_bytes -= block->size;
    free(block);
}

void *fy_ssh_memory_realloc(struct fy_ssh_memory *memory, void *pointer, size_t size)
{
    void *moved = fy_ssh_memory_alloc(memory, size);
    if (!moved || !pointer)
        return moved;
    size_t before = block_of(pointer)->size;
    memcpy(moved, pointer, before < size ? before : size);
    fy_ssh_memory_free(memory, pointer);
    return moved;
}

void fy_ssh_memory_done(struct fy_ssh_memory *memory)
{
    while (memory->first)
        fy_ssh_memory_free(memory, memory->first->content);
}
