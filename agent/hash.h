/* XXH3 with the widest vectors that the processor has: half of what hashing costs otherwise, and every byte of an image
 * set is hashed on both sides. What comes out is the same whatever is used. */
#ifndef FERRY_AGENT_HASH_H
#define FERRY_AGENT_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Header-only, so that a hash state can be embedded and the loops are compiled for what they are used for. */
#define XXH_INLINE_ALL
#include <xxhash.h>

/* The functions, compiled for one kind of processor. */
struct fy_hash {
    uint64_t (*bytes)(const void *data, size_t size);
    /* The 128 bits of one page, with a start of its own. */
    XXH128_hash_t (*page)(const void *data, size_t size, uint64_t start);
    /* Bytes that come one after the other: XXH3_64bits_reset(), this, XXH3_64bits_digest(). */
    void (*more)(XXH3_state_t *state, const void *data, size_t size);
};

extern const struct fy_hash fy_hash_plain;
#ifdef __x86_64__
extern const struct fy_hash fy_hash_avx2;
#endif

/* Whether this processor can run fy_hash_avx2. */
bool fy_hash_has_avx2(void);
/* The fastest that this processor can run. */
const struct fy_hash *fy_hash(void);

#endif
