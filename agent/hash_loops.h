/* The body of a struct fy_hash named HASH: included by one file for each kind of processor, which is compiled for it.
 */
#include "hash.h"

static uint64_t hash_bytes(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

static XXH128_hash_t hash_page(const void *data, size_t size, uint64_t start)
{
    return XXH3_128bits_withSeed(data, size, start);
}

static void hash_more(XXH3_state_t *state, const void *data, size_t size)
{
    (void)XXH3_64bits_update(state, data, size);
}

const struct fy_hash HASH = {.bytes = hash_bytes, .page = hash_page, .more = hash_more};
