/* XXH3 for processors with AVX2; the build compiles this file for them. */
#define HASH fy_hash_avx2
#include "hash_loops.h"
