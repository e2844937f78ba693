/* A growable byte buffer with a limit: what a peer or a file makes us hold is always bounded. */
#ifndef FERRY_BASE_BUF_H
#define FERRY_BASE_BUF_H

#include <ferry/base/error.h>
#include <stddef.h>
#include <stdint.h>

struct fy_buf {
    uint8_t *data;
    size_t size;        /* bytes in use */
    size_t capacity;    /* bytes allocated */
    size_t limit_bytes; /* never grows beyond; 0 means no limit */
};

void fy_buf_init(struct fy_buf *buf, size_t limit_bytes);
/* Frees the content; the buffer can be used again. NULL is legal. */
void fy_buf_done(struct fy_buf *buf);
/* Makes room for `extra` more bytes. FY_E_LIMIT or FY_E_NOMEM. */
int fy_buf_reserve(struct fy_buf *buf, size_t extra, struct fy_error *err);
int fy_buf_append(struct fy_buf *buf, const void *data, size_t size, struct fy_error *err);
__attribute__((format(printf, 3, 4))) int fy_buf_printf(struct fy_buf *buf, struct fy_error *err, const char *format,
                                                        ...);
/* Removes `count` bytes (at most all) from the front. */
void fy_buf_consume(struct fy_buf *buf, size_t count);
/* Content as a NUL-terminated string owned by the caller (free()); the buffer is empty afterwards. NULL: no memory. */
char *fy_buf_take_string(struct fy_buf *buf);

#endif
