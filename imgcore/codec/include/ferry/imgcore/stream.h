/* Where the codec reads JSON from, and where it writes JSON and images to. */
#ifndef FERRY_IMGCORE_STREAM_H
#define FERRY_IMGCORE_STREAM_H

#include <ferry/base/error.h>
#include <stddef.h>

/* Reads up to `capacity` bytes and sets how many these are: 0 at the end. -1 with an error. */
typedef int fy_read_fn(void *data, void *bytes, size_t capacity, size_t *size, struct fy_error *err);
/* Writes all of the bytes. -1 with an error. */
typedef int fy_write_fn(void *data, const void *bytes, size_t size, struct fy_error *err);

#endif
