/* Spare buffers are a stack: the one that was used last is still in the processor's cache. */
#include "block_pool.h"

#include "block.h"

#include <stdlib.h>

int fy_block_pool_init(struct fy_block_pool *pool)
{
    *pool = (struct fy_block_pool){0};
    return uv_mutex_init(&pool->lock);
}

uint8_t *fy_block_pool_take(struct fy_block_pool *pool)
{
    uv_mutex_lock(&pool->lock);
    uint8_t *buffer = pool->count > 0 ? pool->spare[--pool->count] : NULL;
    uv_mutex_unlock(&pool->lock);
    return buffer ? buffer : malloc(FY_BLOCK_BYTES);
}

void fy_block_pool_give(struct fy_block_pool *pool, uint8_t *buffer)
{
    if (!buffer)
        return;
    uv_mutex_lock(&pool->lock);
    bool is_kept = pool->count < FY_BLOCK_POOL_SPARE;
    if (is_kept)
        pool->spare[pool->count++] = buffer;
    uv_mutex_unlock(&pool->lock);
    if (!is_kept)
        free(buffer);
}

void fy_block_pool_done(struct fy_block_pool *pool)
{
    while (pool->count > 0)
        free(pool->spare[--pool->count]);
    uv_mutex_destroy(&pool->lock);
}
