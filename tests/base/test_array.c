#include <criterion/criterion.h>
#include <ferry/base/array.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

Test(array, grows_and_keeps_what_is_in_it)
{
    struct fy_error err = FY_ERROR_INIT;
    uint64_t *items = NULL;
    size_t capacity = 0, moves = 0;
    for (size_t count = 0; count < 10000; count++) {
        size_t before = capacity;
        cr_assert_eq(fy_array_room(&items, &capacity, count, sizeof *items, "numbers", &err), 0, "%s", err.message);
        cr_assert_gt(capacity, count);
        moves += capacity != before;
        items[count] = count * 3;
    }
    for (size_t i = 0; i < 10000; i++)
        cr_assert_eq(items[i], i * 3);
    cr_expect_leq(moves, 12u, "it doubles: %zu", moves);
    free(items);
}

Test(array, more_than_there_is_changes_nothing)
{
    static const size_t capacities[] = {SIZE_MAX / 16, SIZE_MAX / 2, SIZE_MAX / 2 + 9, SIZE_MAX};
    char *items = strdup("as it was");
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct fy_error err = FY_ERROR_INIT;
        char *before = items;
        size_t capacity = capacities[i];
        cr_assert_eq(fy_array_room(&items, &capacity, capacity, 64, "a list of numbers", &err), -1, "%zu", capacity);
        cr_expect_eq(err.code, FY_E_NOMEM);
        cr_expect_str_eq(err.message, "no memory for a list of numbers");
        cr_expect_eq(capacity, capacities[i]);
        cr_expect_eq(items, before);
    }
    cr_expect_str_eq(items, "as it was");
    free(items);
}
