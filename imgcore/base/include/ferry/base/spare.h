/* Large buffers that are kept for whoever wants one next: memory fresh from the kernel costs more than what is done
 * with it, and an allocator gives large buffers back to the kernel at once. They are malloc's: who has one may free()
 * it, too. One stock for the process; any thread. */
#ifndef FERRY_BASE_SPARE_H
#define FERRY_BASE_SPARE_H

#include <stddef.h>
#include <stdint.h>

/* Sizes come in steps of that; what is smaller is not kept. */
#define FY_SPARE_STEP_BYTES ((size_t)64 * 1024)
/* Nor is what is larger than that. */
#define FY_SPARE_LARGEST_BYTES ((size_t)1024 * 1024)
/* What is kept at most. */
#define FY_SPARE_STOCK_BYTES ((size_t)8 * 1024 * 1024)

/* At least `size` bytes, contents undefined; NULL when there is no memory. */
uint8_t *fy_spare_take(size_t size);
/* Takes back a buffer of malloc's, whoever took it; NULL is legal. */
void fy_spare_give(uint8_t *buffer);
/* The first `size` bytes of a buffer in one that is no larger than need be: it may wait for long. The one given is
 * gone, or is what is returned. */
uint8_t *fy_spare_fit(uint8_t *buffer, size_t size);
/* Gives the stock back to the system. */
void fy_spare_drop(void);

#endif
