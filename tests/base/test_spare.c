/* The stock of large buffers: its limits first. */
#include <criterion/criterion.h>
#include <ferry/base/spare.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define STEP FY_SPARE_STEP_BYTES
#define LARGEST FY_SPARE_LARGEST_BYTES

TestSuite(spare, .fini = fy_spare_drop);

Test(spare, no_size_is_too_large_to_be_asked_for)
{
    cr_assert_null(fy_spare_take(SIZE_MAX));
    cr_assert_null(fy_spare_take(SIZE_MAX - STEP));
    fy_spare_give(NULL);
}

Test(spare, every_size_has_its_room)
{
    for (size_t size = 1; size <= 2 * LARGEST; size += STEP / 2 - 1) {
        uint8_t *buffer = fy_spare_take(size);
        cr_assert(buffer);
        cr_assert_geq(malloc_usable_size(buffer), size);
        memset(buffer, 0xa5, size);
        fy_spare_give(buffer);
    }
}

Test(spare, the_last_of_its_size_comes_back_first)
{
    uint8_t *one = fy_spare_take(3 * STEP);
    uint8_t *other = fy_spare_take(3 * STEP - 100);
    fy_spare_give(one);
    fy_spare_give(other);
    uint8_t *larger = fy_spare_take(4 * STEP);
    cr_assert(larger != one && larger != other, "another size");
    cr_assert_eq(fy_spare_take(2 * STEP + 1), other);
    cr_assert_eq(fy_spare_take(3 * STEP), one);
    memset(one, 1, 3 * STEP);
    memset(other, 1, 3 * STEP);
    fy_spare_give(one);
    fy_spare_give(other);
    fy_spare_give(larger);
}

/* New memory is dearer than some room that is not used; much of it is not. */
Test(spare, a_somewhat_larger_one_does_as_well)
{
    uint8_t *four = fy_spare_take(4 * STEP);
    uint8_t *largest = fy_spare_take(LARGEST);
    fy_spare_give(four);
    fy_spare_give(largest);
    uint8_t *one = fy_spare_take(STEP);
    cr_assert(one != four && one != largest, "too large for one step");
    cr_assert_eq(fy_spare_take(2 * STEP), four);
    cr_assert_eq(fy_spare_fit(four, 2 * STEP), four, "what is taken fits, without being copied");
    uint8_t *none = fy_spare_take(2 * STEP);
    cr_assert_neq(none, largest);
    cr_assert_eq(fy_spare_take(LARGEST - STEP), largest);
    fy_spare_give(one);
    fy_spare_give(four);
    fy_spare_give(none);
    fy_spare_give(largest);
}

static size_t in_use(void)
{
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* What is given beyond that goes back to the allocator. */
Test(spare, the_stock_has_an_end)
{
    enum { FIT = FY_SPARE_STOCK_BYTES / FY_SPARE_LARGEST_BYTES };
    uint8_t *given[FIT + 1];
    for (size_t i = 0; i <= FIT; i++)
        cr_assert(given[i] = fy_spare_take(LARGEST));
    size_t before = in_use();
    for (size_t i = 0; i < FIT; i++)
        fy_spare_give(given[i]);
    cr_assert_geq(in_use() + STEP, before, "all of these are kept");
    fy_spare_give(given[FIT]);
    cr_assert_leq(in_use(), before - LARGEST, "this one is not");
    for (size_t i = FIT; i-- > 0;)
        cr_assert_eq(fy_spare_take(LARGEST), given[i]);
    for (size_t i = 0; i < FIT; i++)
        free(given[i]); /* malloc's, after all */
}

Test(spare, gives_all_back_when_told)
{
    size_t before = in_use();
    for (size_t steps = 1; steps <= LARGEST / STEP; steps++)
        fy_spare_give(malloc(steps * STEP));
    fy_spare_drop();
    cr_assert_lt(in_use(), before + STEP);
}

Test(spare, a_buffer_becomes_as_small_as_its_contents)
{
    static const size_t sizes[] = {1, 4096, STEP - 1, STEP, STEP + 1, 5 * STEP, LARGEST};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *buffer = fy_spare_take(LARGEST);
        memset(buffer, (int)i + 1, sizes[i]);
        buffer = fy_spare_fit(buffer, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            cr_assert_eq(buffer[k], i + 1);
        cr_assert_leq(malloc_usable_size(buffer), sizes[i] + sizes[i] / 2 + 2 * STEP + 4096, "and a page of malloc's");
        fy_spare_give(buffer);
    }
}

Test(spare, small_ones_become_smaller_too)
{
    uint8_t *buffer = fy_spare_take(STEP / 2);
    memcpy(buffer, "some", 5);
    buffer = fy_spare_fit(buffer, 5);
    cr_assert_str_eq((char *)buffer, "some");
    cr_assert_lt(malloc_usable_size(buffer), (size_t)4096);
    fy_spare_give(buffer);
}

#ifndef __SANITIZE_ADDRESS__ /* whose allocator has no heap */
/* As glibc is by itself, the first large buffer that is freed moves all that are as large into the heap. */
Test(spare, large_buffers_stay_apart_from_the_heap)
{
    fy_spare_set_up();
    free(malloc(8 * LARGEST));
    size_t before = mallinfo2().hblks;
    uint8_t *large = fy_spare_take(LARGEST);
    cr_assert(large);
    cr_assert_eq(mallinfo2().hblks, before + 1);
    fy_spare_give(large);
    fy_spare_drop();
    cr_assert_eq(mallinfo2().hblks, before);
}
#endif

/* Each thread writes its mark, and finds it again: no buffer has two owners. */
static void *use(void *mark)
{
    for (unsigned round = 0; round < 2000; round++) {
        size_t size = STEP * (round % 3 + 1);
        uint8_t *buffer = fy_spare_take(size);
        memcpy(buffer, mark, 1);
        buffer[size - 1] = *(uint8_t *)mark;
        if (buffer[0] != *(uint8_t *)mark || buffer[size - 1] != *(uint8_t *)mark)
            return mark;
        fy_spare_give(buffer);
    }
    return NULL;
}

Test(spare, threads_share_the_stock)
{
    uint8_t marks[4] = {1, 2, 3, 4};
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, use, &marks[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        void *mixed_up = NULL;
        cr_assert_eq(pthread_join(threads[i], &mixed_up), 0);
        cr_assert_null(mixed_up);
    }
}
