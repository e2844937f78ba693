/* Doubling, so that filling an array of any size costs each element about one copy. */
#include <ferry/base/array.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16

int fy_array_room(void *items, size_t *capacity, size_t count, size_t size, const char *what, struct fy_error *err)
{
    void *old;
    if (count < *capacity)
        return 0;
    memcpy(&old, items, sizeof old); /* whatever it points to */
    size_t wanted = *capacity ? *capacity * 2 : FIRST_CAPACITY;
    void *grown = *capacity > SIZE_MAX / 2 ? NULL : reallocarray(old, wanted, size);
    if (!grown)
        return fy_error_set(err, FY_E_NOMEM, "no memory for %s", what);
    memcpy(items, &grown, sizeof grown);
    *capacity = wanted;
    return 0;
}
