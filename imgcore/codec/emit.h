/* JSON text as Python's json.dumps writes it: on one line with ", " and ": ", or indented by four. Goes out in large
 * pieces. The first error is kept, and nothing is written after it. What runs for each field of millions of entries is
 * inline. */
#ifndef FERRY_CODEC_EMIT_H
#define FERRY_CODEC_EMIT_H

#include <ferry/imgcore/decode.h>
#include <string.h>

#define EMIT_DEPTH_MAX 320 /* of lists and objects: two for each level of messages, and those around an entry */
#define EMIT_KEY_BYTES 40  /* a field's name and six characters around it; the longest in the schema has 28 */

/* A key that is printed often: `, "name": `, in full length so that it is copied without a look at its size. */
struct emit_key {
    const char *name;
    size_t size; /* 0: the name is too long for this */
    char text[EMIT_KEY_BYTES];
};

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
/* `name` must outlive the key. */
struct emit_key fy_emit_known_key_make(const char *name);
/* '{' or '[', and its end. */
void fy_emit_open(struct emit *emit, char bracket);
void fy_emit_close(struct emit *emit, char bracket);

/* For fy_emit_raw: what does not fit. */
void fy_emit_over(struct emit *emit, const char *text, size_t size);
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

static inline size_t fy_emit_room(const struct emit *emit)
{
    return sizeof(emit->buffer) - emit->used;
}

static inline void fy_emit_raw(struct emit *emit, const char *text, size_t size)
{
    if (size > fy_emit_room(emit)) {
        fy_emit_over(emit, text, size);
        return;
    }
    memcpy(emit->buffer + emit->used, text, size);
    emit->used += size;
}

/* As fy_emit_key. */
static inline void fy_emit_known_key(struct emit *emit, const struct emit_key *key)
{
    bool *has_item = &emit->has_item[emit->depth];
    size_t skipped = *has_item ? 0 : 2;

    if (emit->pretty || key->size == 0 || fy_emit_room(emit) < EMIT_KEY_BYTES) {
        fy_emit_key(emit, key->name);
        return;
    }
    memcpy(emit->buffer + emit->used, key->text + skipped, EMIT_KEY_BYTES - 2);
    emit->used += key->size - skipped;
    *has_item = true;
}

#endif
