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
#define FY_SPARE_STOCK_BYTES ((size_t)12 * 1024 * 1024)

/* For a process that runs for long, once, before its threads: malloc's large buffers stay apart from its heaps. If they
 * lie in one with small things in between, as glibc does by itself once the first was freed, what was freed is not
 * given back: ferryd kept some MiB more after each migration. */
void fy_spare_set_up(void);
/* At least `size` bytes, at most half as much again and two steps; contents undefined. NULL when there is no memory. */
uint8_t *fy_spare_take(size_t size);
/* Takes back a buffer of malloc's, whoever took it; NULL is legal. */
void fy_spare_give(uint8_t *buffer);
/* The first `size` bytes of a buffer in one that is no larger than fy_spare_take() gives: it may wait for long. The one
 * given is gone, or is what is returned. */
uint8_t *fy_spare_fit(uint8_t *buffer, size_t size);
/* Gives the stock back to the system. */
void fy_spare_drop(void);

#endif
