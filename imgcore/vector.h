/* A growing array of any type: struct VECTOR(type) { items, count, capacity }. */
#ifndef FERRY_IMGCORE_VECTOR_H
#define FERRY_IMGCORE_VECTOR_H

#include <ferry/base/error.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define VECTOR(type)                                                                                                   \
    struct {                                                                                                           \
        type *items;                                                                                                   \
        size_t count;                                                                                                  \
        size_t capacity;                                                                                               \
    }

/* 0, or -1 with FY_E_NOMEM. */
#define vector_push(vector, err, ...)                                                                                  \
    (((vector)->count < (vector)->capacity ||                                                                          \
      vector_grow((void **)&(vector)->items, &(vector)->capacity, sizeof(*(vector)->items), (err)) == 0)               \
         ? ((vector)->items[(vector)->count++] = (__VA_ARGS__), 0)                                                     \
         : -1)

#define vector_sort(vector, compare)                                                                                   \
    do {                                                                                                               \
        if ((vector)->count > 1)                                                                                       \
            qsort((vector)->items, (vector)->count, sizeof(*(vector)->items), (compare));                              \
    } while (0)

/* The item that is equal to *key, or NULL; the vector is sorted. */
#define vector_find(vector, key, compare)                                                                              \
    ((__typeof__((vector)->items))((vector)->count ? bsearch((key), (vector)->items, (vector)->count,                  \
                                                             sizeof(*(vector)->items), (compare))                      \
                                                   : NULL))

static inline int vector_grow(void **items, size_t *capacity, size_t item_bytes, struct fy_error *err)
{
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *grown = wanted > SIZE_MAX / 2 / item_bytes ? NULL : realloc(*items, wanted * item_bytes);

    if (!grown)
        return fy_error_set(err, FY_E_NOMEM, "no memory for %zu records of an image set", wanted);
    *items = grown;
    *capacity = wanted;
    return 0;
}

#endif
