/* Decoding and encoding in memory, for fuzz targets. */
#ifndef TESTS_FUZZ_JSON_IMAGE_H
#define TESTS_FUZZ_JSON_IMAGE_H

#include <ferry/base/buf.h>
#include <ferry/imgcore/decode.h>
#include <ferry/imgcore/encode.h>
#include <stdio.h>
#include <string.h>

#define JSON_LIMIT_BYTES ((size_t)64 << 20)

static inline int json_keep(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    return fy_buf_append(data, bytes, size, err);
}

static inline int json_decode(int fd, const struct fy_decode_options *options, struct fy_buf *text,
                              struct fy_error *err)
{
    return fy_image_decode_json(fd, "image", options, json_keep, text, err);
}

struct json_source {
    const uint8_t *data;
    size_t size;
};

/* In small pieces, so that tokens are cut. */
static inline int json_read(void *data, void *bytes, size_t capacity, size_t *got, struct fy_error *err)
{
    struct json_source *source = data;
    size_t piece = source->size % 61 + 1;

    (void)err;
    piece = piece < capacity ? piece : capacity;
    piece = piece < source->size ? piece : source->size;
    if (piece > 0)
        memcpy(bytes, source->data, piece);
    source->data += piece;
    source->size -= piece;
    *got = piece;
    return 0;
}

static inline int json_encode(const uint8_t *data, size_t size, struct fy_buf *image, struct fy_error *err)
{
    struct json_source source = {data, size};

    return fy_image_encode_json(json_read, &source, "text", NULL, json_keep, image, err);
}

#endif
