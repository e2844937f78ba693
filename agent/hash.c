/* XXH3 for any processor, and which one it is. */
#define HASH fy_hash_plain
#include "hash_loops.h"

bool fy_hash_has_avx2(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2") != 0;
#else
    return false;
#endif
}

const struct fy_hash *fy_hash(void)
{
#ifdef __x86_64__
    if (fy_hash_has_avx2())
        return &fy_hash_avx2;
#endif
    return &fy_hash_plain;
}
