/* Arrays that grow as they are filled. */
#ifndef FERRY_BASE_ARRAY_H
#define FERRY_BASE_ARRAY_H

#include <ferry/base/error.h>
#include <stddef.h>

/* Room for one more than `count` elements of `size` bytes: a full array becomes twice as large. `items` is the address
 * of the pointer to them, which is malloc'ed, or NULL with a capacity of 0, and may move. FY_E_NOMEM: "no memory for "
 * and `what`; then all is as it was. */
int fy_array_room(void *items, size_t *capacity, size_t count, size_t size, const char *what, struct fy_error *err);

#endif
