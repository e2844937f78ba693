/* See spare.h. A stack for each size: what was used last is still in the processor's cache. */
#include <ferry/base/spare.h>
#include <malloc.h>
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SIZES (FY_SPARE_LARGEST_BYTES / FY_SPARE_STEP_BYTES)

struct spare {
    struct spare *next;
};

static struct {
    pthread_mutex_t lock;
    struct spare *first[SIZES]; /* of (index + 1) steps */
    size_t bytes;
} stock = {.lock = PTHREAD_MUTEX_INITIALIZER};

void fy_spare_set_up(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 4 * FY_SPARE_STEP_BYTES);
}

/* 0: not of a size that is kept. */
static size_t steps_for(size_t bytes)
{
    bool is_kept = bytes >= FY_SPARE_STEP_BYTES && bytes <= FY_SPARE_LARGEST_BYTES;
    return is_kept ? (bytes + FY_SPARE_STEP_BYTES - 1) / FY_SPARE_STEP_BYTES : 0;
}

/* A buffer that is somewhat larger does as well: it costs less than new memory. */
static size_t most_for(size_t steps)
{
    size_t most = steps + steps / 2 + 1;
    return most < SIZES ? most : SIZES;
}

/* How many steps there is room for; 0: none, or more than is kept. */
static size_t steps_of(uint8_t *buffer)
{
    size_t steps = malloc_usable_size(buffer) / FY_SPARE_STEP_BYTES;
    return steps <= SIZES ? steps : 0;
}

/* The smallest of `steps` to `most`; NULL: there is none. */
static uint8_t *pop(size_t steps, size_t most)
{
    (void)pthread_mutex_lock(&stock.lock);
    while (steps < most && !stock.first[steps - 1])
        steps++;
    struct spare *spare = stock.first[steps - 1];
    if (spare) {
        stock.first[steps - 1] = spare->next;
        stock.bytes -= steps * FY_SPARE_STEP_BYTES;
        ASAN_UNPOISON_MEMORY_REGION(spare, steps * FY_SPARE_STEP_BYTES);
    }
    (void)pthread_mutex_unlock(&stock.lock);
    return (uint8_t *)spare;
}

/* Under AddressSanitizer nobody uses what has been given back. */
static bool push(uint8_t *buffer, size_t steps)
{
    struct spare *spare = (struct spare *)(void *)buffer;
    size_t bytes = steps * FY_SPARE_STEP_BYTES;
    (void)pthread_mutex_lock(&stock.lock);
    bool has_room = bytes <= FY_SPARE_STOCK_BYTES - stock.bytes;
    if (has_room) {
        spare->next = stock.first[steps - 1];
        stock.first[steps - 1] = spare;
        stock.bytes += bytes;
        ASAN_POISON_MEMORY_REGION(buffer + sizeof *spare, bytes - sizeof *spare);
    }
    (void)pthread_mutex_unlock(&stock.lock);
    return has_room;
}

uint8_t *fy_spare_take(size_t size)
{
    size_t steps = steps_for(size);
    if (steps == 0)
        return malloc(size);
    uint8_t *buffer = pop(steps, most_for(steps));
    return buffer ? buffer : malloc(steps * FY_SPARE_STEP_BYTES);
}

void fy_spare_give(uint8_t *buffer)
{
    if (!buffer)
        return;
    size_t steps = steps_of(buffer);
    if (steps == 0 || !push(buffer, steps))
        free(buffer);
}

uint8_t *fy_spare_fit(uint8_t *buffer, size_t size)
{
    size_t steps = steps_of(buffer);
    size_t wanted = steps_for(size);
    if (steps > 0 && wanted > 0 && steps <= most_for(wanted))
        return buffer;
    uint8_t *fitting = steps > 0 ? fy_spare_take(size) : realloc(buffer, size);
    if (!fitting)
        return buffer;
    if (steps > 0) {
        memcpy(fitting, buffer, size);
        fy_spare_give(buffer);
    }
    return fitting;
}

void fy_spare_drop(void)
{
    for (size_t steps = 1; steps <= SIZES; steps++)
        for (uint8_t *buffer; (buffer = pop(steps, steps));)
            free(buffer);
}
