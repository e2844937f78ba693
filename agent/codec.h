/* Compression of blocks: which ways there are, and one block in and out. Pure; runs on any thread. */
#ifndef FERRY_AGENT_CODEC_H
#define FERRY_AGENT_CODEC_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the body of a chunk is encoded; the numbers are the protocol's. */
enum fy_encoding {
    FY_ENCODING_PLAIN = 0,
    FY_ENCODING_LZ4 = 1,
    FY_ENCODING_ZSTD = 2,
    FY_ENCODING_COUNT,
};

/* From the fastest to the smallest. */
enum fy_effort {
    FY_EFFORT_NONE,
    FY_EFFORT_LZ4,
    FY_EFFORT_ZSTD_1,
    FY_EFFORT_ZSTD_3,
    FY_EFFORT_COUNT,
};

/* What a compressor keeps between blocks; NULL until first needed. One block at a time. */
struct fy_codec;
void fy_codec_free(struct fy_codec *codec);

/* Compresses `size` bytes (1 to 1 MiB) into `*body`, malloc'ed, if that makes them smaller by a sixteenth at least, and
 * says how. FY_ENCODING_PLAIN otherwise, with no body: the data itself goes out. Data of which samples do not become
 * smaller is not tried as a whole. Memory that is not there is no error: the data goes out as it is. */
enum fy_encoding fy_codec_pack(struct fy_codec **codec, enum fy_effort effort, const uint8_t *data, size_t size,
                               uint8_t **body, size_t *body_bytes);
/* Brings `body` back to exactly `size` bytes at `data`, never writing beyond them whatever it holds. FY_E_PROTOCOL. */
int fy_codec_unpack(enum fy_encoding encoding, const uint8_t *body, size_t body_bytes, uint8_t *data, size_t size,
                    struct fy_error *err);

#endif
