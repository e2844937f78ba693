/* Buffers of a block each, kept for the next block: memory fresh from the kernel costs more than what is done with it.
 * Any thread. */
#ifndef FERRY_AGENT_BLOCK_POOL_H
#define FERRY_AGENT_BLOCK_POOL_H

#include <stdint.h>
#include <uv.h>

/* Kept at most; more may be out at a time. */
#define FY_BLOCK_POOL_SPARE 8u

struct fy_block_pool {
    uv_mutex_t lock;
    uint8_t *spare[FY_BLOCK_POOL_SPARE];
    unsigned count;
};

/* 0, or a negative libuv code. */
int fy_block_pool_init(struct fy_block_pool *pool);
/* FY_BLOCK_BYTES, or NULL when there is no memory. */
uint8_t *fy_block_pool_take(struct fy_block_pool *pool);
/* Takes one back; NULL is none. */
void fy_block_pool_give(struct fy_block_pool *pool, uint8_t *buffer);
/* All have been given back. */
void fy_block_pool_done(struct fy_block_pool *pool);

#endif
