/* Encoding JSON that stands in a test. */
#ifndef FERRY_TESTS_IMGCORE_ENCODING_H
#define FERRY_TESTS_IMGCORE_ENCODING_H

#include <ferry/base/buf.h>
#include <ferry/base/error.h>
#include <ferry/imgcore/encode.h>
#include <stddef.h>
#include <stdint.h>

/* The begin of documents, up to their entries; parts of entries. */
#define PIPES "{\"magic\": \"PIPES_DATA\", \"entries\": ["
#define FDS "{\"magic\": \"FDINFO\", \"entries\": ["
#define FD "\"id\":1,\"flags\":0,\"type\":\"REG\""
#define DESC "\"desc\":{\"key\":1,\"uid\":0,\"gid\":0,\"cuid\":0,\"cgid\":0,\"mode\":0,\"id\":2}"
#define TCP                                                                                                            \
    "{\"magic\":\"TCP_STREAM\",\"entries\":[{\"inq_len\":1,\"inq_seq\":0,\"outq_len\":2,\"outq_seq\":0,\"opt_mask\":"  \
    "0,\"snd_wscale\":0,\"mss_clamp\":0,\"extra\":"

/* A text that need not be in memory as a whole. */
struct source {
    const char *text;
    size_t size, at;
    const char *fill; /* then this, */
    uint64_t fills;   /* that many times, */
    const char *tail; /* and this */
};

/* A fy_read_fn over a source, and a fy_write_fn to a struct fy_buf. */
int source_read(void *data, void *bytes, size_t capacity, size_t *size, struct fy_error *err);
int buf_write(void *data, const void *bytes, size_t size, struct fy_error *err);
/* The image of `text`, called "x", in place of what `image` has. */
int encode(const char *text, struct fy_buf *image, struct fy_error *err);

#endif
