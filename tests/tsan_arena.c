/* Criterion shares memory with its workers at an address that it draws from a wide range with rand_r(), most of which
 * ThreadSanitizer reserves. With the sanitizer this stands before libc's function and draws from what is left: above
 * where position-independent programs are loaded, below the shadow. */
#include <stdlib.h>

#define ARENA_RANGE_START 0x200000000000u /* the address that a draw of 0 stands for, in steps of 16 MiB */
#define FREE_RANGE_START 0x566000000000u
#define FREE_STEPS 0x1000u

int rand_r(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return (int)(((FREE_RANGE_START - ARENA_RANGE_START) >> 24) + (*seed >> 8) % FREE_STEPS);
}
