/* JSON text as Python's json.dumps writes it: on one line with ", " and ": ", or indented by four. Goes out in large
 * pieces. The first error is kept, and nothing is written after it. */
#ifndef FERRY_CODEC_EMIT_H
#define FERRY_CODEC_EMIT_H

#include <ferry/imgcore/decode.h>

#define EMIT_DEPTH_MAX 320 /* of lists and objects: two for each level of messages, and those around an entry */

struct emit {
    fy_write_fn *write;
    void *data;
    struct fy_error *err;
    bool pretty;
    bool failed;
    unsigned depth;
    bool has_item[EMIT_DEPTH_MAX];
    size_t used;
    char buffer[(size_t)64 << 10];
};

void fy_emit_begin(struct emit *emit, bool pretty, fy_write_fn *write, void *data, struct fy_error *err);
/* Writes what is left. 0, or -1 if anything failed. */
int fy_emit_end(struct emit *emit);

/* Before each value in a list. */
void fy_emit_item(struct emit *emit);
/* Before each value in an object. */
void fy_emit_key(struct emit *emit, const char *key);
/* '{' or '[', and its end. */
void fy_emit_open(struct emit *emit, char bracket);
void fy_emit_close(struct emit *emit, char bracket);

void fy_emit_raw(struct emit *emit, const char *text, size_t size);
void fy_emit_unsigned(struct emit *emit, uint64_t value);
/* A string of ASCII that needs no escapes. */
void fy_emit_plain_string(struct emit *emit, const char *text);
/* Bytes that should be UTF-8; each that is not becomes a lone surrogate, as with Python's surrogateescape. */
void fy_emit_string(struct emit *emit, const uint8_t *bytes, size_t size);
/* A string of base64 in lines of 76, each ended by a newline, in any number of pieces; all but the last piece must be a
 * multiple of 57 bytes. */
void fy_emit_base64_begin(struct emit *emit);
void fy_emit_base64_piece(struct emit *emit, const uint8_t *bytes, size_t size);
void fy_emit_base64_end(struct emit *emit);
void fy_emit_base64(struct emit *emit, const uint8_t *bytes, size_t size);

#endif
