/* LZ4 and zstd, one block at a time. */
#include "codec.h"

#include <ferry/base/spare.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* Samples that say whether data is worth the whole effort: as many as a page, spread over the data. */
#define SAMPLES 8u
#define SAMPLE_BYTES 4096u
#define WORTH_IT(size) ((size) - (size) / 16)

struct fy_codec {
    ZSTD_CCtx *zstd;
};

void fy_codec_free(struct fy_codec *codec)
{
    if (!codec)
        return;
    (void)ZSTD_freeCCtx(codec->zstd);
    free(codec);
}

static struct fy_codec *codec_ready(struct fy_codec **codec)
{
    if (*codec)
        return *codec;
    struct fy_codec *new = calloc(1, sizeof *new);
    if (new)
        new->zstd = ZSTD_createCCtx();
    if (!new || !new->zstd) {
        free(new);
        return NULL;
    }
    return *codec = new;
}

/* The samples are compressed together, so that what repeats among them counts. */
static bool looks_compressible(const uint8_t *data, size_t size)
{
    char samples[SAMPLES * SAMPLE_BYTES];
    char packed[LZ4_COMPRESSBOUND(SAMPLES * SAMPLE_BYTES)];
    if (size < 2 * sizeof samples)
        return true;
    size_t step = size / SAMPLES;
    for (size_t i = 0; i < SAMPLES; i++)
        memcpy(samples + i * SAMPLE_BYTES, data + i * step, SAMPLE_BYTES);
    int n = LZ4_compress_default(samples, packed, (int)sizeof samples, (int)sizeof packed);
    return n > 0 && (size_t)n <= WORTH_IT(sizeof samples);
}

static size_t compress_block(struct fy_codec *codec, enum fy_effort effort, const uint8_t *data, size_t size,
                             uint8_t *body, size_t room)
{
    if (effort == FY_EFFORT_LZ4) {
        int n = LZ4_compress_default((const char *)data, (char *)body, (int)size, (int)room);
        return n > 0 ? (size_t)n : 0;
    }
    size_t n = ZSTD_compressCCtx(codec->zstd, body, room, data, size, effort == FY_EFFORT_ZSTD_1 ? 1 : 3);
    return ZSTD_isError(n) ? 0 : n;
}

enum fy_encoding fy_codec_pack(struct fy_codec **codec, enum fy_effort effort, const uint8_t *data, size_t size,
                               uint8_t **body, size_t *body_bytes)
{
    size_t room = WORTH_IT(size); /* a result that would not be worth it does not fit */
    if (effort == FY_EFFORT_NONE || room == 0 || !codec_ready(codec) || !looks_compressible(data, size))
        return FY_ENCODING_PLAIN;
    uint8_t *packed = fy_spare_take(room);
    if (!packed)
        return FY_ENCODING_PLAIN;
    size_t n = compress_block(*codec, effort, data, size, packed, room);
    if (n == 0) {
        fy_spare_give(packed);
        return FY_ENCODING_PLAIN;
    }
    *body = fy_spare_fit(packed, n);
    *body_bytes = n;
    return effort == FY_EFFORT_LZ4 ? FY_ENCODING_LZ4 : FY_ENCODING_ZSTD;
}

static bool unpack_lz4(const uint8_t *body, size_t body_bytes, uint8_t *data, size_t size)
{
    return LZ4_decompress_safe((const char *)body, (char *)data, (int)body_bytes, (int)size) == (int)size;
}

/* A frame that wants a larger window than a block has is refused before any memory is taken for it: the destination
 * buffer is the window. */
static bool unpack_zstd(const uint8_t *body, size_t body_bytes, uint8_t *data, size_t size)
{
    size_t n = ZSTD_decompress(data, size, body, body_bytes);
    return !ZSTD_isError(n) && n == size;
}

int fy_codec_unpack(enum fy_encoding encoding, const uint8_t *body, size_t body_bytes, uint8_t *data, size_t size,
                    struct fy_error *err)
{
    bool good = false;
    if (encoding == FY_ENCODING_LZ4)
        good = unpack_lz4(body, body_bytes, data, size);
    else if (encoding == FY_ENCODING_ZSTD)
        good = unpack_zstd(body, body_bytes, data, size);
    else if (body_bytes == size) {
        memcpy(data, body, size);
        good = true;
    }
    return good ? 0 : fy_error_set(err, FY_E_PROTOCOL, "a chunk's body does not unpack to its %zu bytes", size);
}
