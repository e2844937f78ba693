/* The bounded byte buffer. */
#include <ferry/base/buf.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY_BYTES 256

void fy_buf_init(struct fy_buf *buf, size_t limit_bytes)
{
    *buf = (struct fy_buf){.limit_bytes = limit_bytes};
}

void fy_buf_done(struct fy_buf *buf)
{
    if (!buf)
        return;
    free(buf->data);
    fy_buf_init(buf, buf->limit_bytes);
}

static size_t next_capacity(const struct fy_buf *buf, size_t needed)
{
    size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY_BYTES;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    if (buf->limit_bytes && capacity > buf->limit_bytes)
        capacity = buf->limit_bytes;
    return capacity;
}

int fy_buf_reserve(struct fy_buf *buf, size_t extra, struct fy_error *err)
{
    size_t limit = buf->limit_bytes ? buf->limit_bytes : SIZE_MAX;
    if (buf->size > limit || extra > limit - buf->size)
        return fy_error_set(err, FY_E_LIMIT, "%zu more bytes after %zu exceed the limit of %zu bytes", extra, buf->size,
                            limit);
    size_t needed = buf->size + extra;
    if (needed <= buf->capacity)
        return 0;
    size_t capacity = next_capacity(buf, needed);
    uint8_t *data = realloc(buf->data, capacity);
    if (!data)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a buffer of %zu bytes", capacity);
    buf->data = data;
    buf->capacity = capacity;
    return 0;
}

int fy_buf_append(struct fy_buf *buf, const void *data, size_t size, struct fy_error *err)
{
    if (!size)
        return 0;
    if (fy_buf_reserve(buf, size, err))
        return -1;
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    return 0;
}

int fy_buf_printf(struct fy_buf *buf, struct fy_error *err, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory to format text");
    int rc = fy_buf_append(buf, text, (size_t)length, err);
    free(text);
    return rc;
}

void fy_buf_consume(struct fy_buf *buf, size_t count)
{
    if (count >= buf->size) {
        buf->size = 0;
        return;
    }
    memmove(buf->data, buf->data + count, buf->size - count);
    buf->size -= count;
}

char *fy_buf_take_string(struct fy_buf *buf)
{
    char *text = realloc(buf->data, buf->size + 1);
    if (!text)
        return NULL;
    text[buf->size] = '\0';
    fy_buf_init(buf, buf->limit_bytes);
    return text;
}
