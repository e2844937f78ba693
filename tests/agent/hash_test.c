/* What one kind of processor hashes, every other must find right. */
#include "hash.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define DATA_BYTES (1024u * 1024u + 777u)

static uint8_t data[DATA_BYTES];

static void fill(void)
{
    unsigned seed = 5;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)rand_r(&seed);
}

TestSuite(hash, .init = fill);

/* XXH3 goes other ways for up to 16, 128, 240 and more bytes, and over the ends of its stripes and blocks. */
static size_t size_of(unsigned round)
{
    return round < 2100 ? round : DATA_BYTES - (round - 2100) * 977;
}

#define ROUNDS 2600u

static uint64_t in_pieces(const struct fy_hash *hash, size_t size, unsigned seed)
{
    XXH3_state_t state;
    (void)XXH3_64bits_reset(&state);
    for (size_t at = 0, piece; at < size; at += piece) {
        piece = (size_t)rand_r(&seed) % 70000 + 1;
        piece = piece < size - at ? piece : size - at;
        hash->more(&state, data + at, piece);
    }
    return XXH3_64bits_digest(&state);
}

static void compare(const struct fy_hash *hash)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t size = size_of(round);
        uint64_t expected = XXH3_64bits(data, size);
        XXH128_hash_t page = XXH3_128bits_withSeed(data, size, round);
        cr_assert_eq(hash->bytes(data, size), expected, "%zu bytes", size);
        cr_assert_eq(in_pieces(hash, size, round), expected, "%zu bytes in pieces", size);
        cr_assert(XXH128_isEqual(hash->page(data, size, round), page), "%zu bytes of a page", size);
    }
}

/* A value that never changes, since hosts with different processors and versions send to each other. */
Test(hash, is_xxh3)
{
    cr_assert_eq(fy_hash()->bytes("", 0), UINT64_C(0x2d06800538d394c2));
    compare(&fy_hash_plain);
}

#ifdef __x86_64__
Test(hash, avx2_makes_the_same)
{
    if (!fy_hash_has_avx2())
        cr_skip("this processor has no AVX2");
    cr_assert_eq(fy_hash(), &fy_hash_avx2);
    compare(&fy_hash_avx2);
}
#endif
