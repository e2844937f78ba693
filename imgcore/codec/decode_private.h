/* What the parts of the decoder share.
 *
 *   canonical.c       would encoding what is printed give the same bytes?
 *   print_canonical.c a message as an object, if it is canonical
 *   print_odd.c       and if it is not
 *   print_value.c     a value in it
 *   print_payload.c   what follows an entry, as "extra"
 *   decode.c          the document around them */
#ifndef FERRY_CODEC_DECODE_PRIVATE_H
#define FERRY_CODEC_DECODE_PRIVATE_H

#include "emit.h"
#include "shape.h"
#include <ferry/base/buf.h>
#include <ferry/imgcore/image.h>

#define ADDRESS_WORDS_MAX 5 /* one more than the longest address has */

/* Part of an encoded message: protobuf merges all occurrences of a message that should be there once. */
struct range {
    const uint8_t *data;
    size_t size;
};

struct decoder {
    struct fy_image *image;
    bool no_payload;
    struct shapes shapes;
    struct fy_buf text;   /* of the value at hand */
    struct fy_buf ranges; /* struct range: those of the messages that are open */
    struct emit emit;
};

/* Whether the message, which must be well formed, is the one that encode makes of its fields: all there that must be,
 * by tag, each once, unknown ones last, every number in its shortest form and within its type. */
bool fy_decode_is_canonical(const struct shape *shape, const uint8_t *data, size_t size);

/* The members of a message, without the braces around it; "@unknown" is the last. Failures are kept in decoder->emit.
 */
void fy_decode_canonical(struct decoder *decoder, const struct shape *shape, const uint8_t *data, size_t size);
void fy_decode_odd(struct decoder *decoder, const struct shape *shape, const uint8_t *data, size_t size);

static inline void fy_decode_members(struct decoder *decoder, const struct shape *shape, const uint8_t *data,
                                     size_t size, bool is_canonical)
{
    if (is_canonical)
        fy_decode_canonical(decoder, shape, data, size);
    else
        fy_decode_odd(decoder, shape, data, size);
}

/* The value `found` of a field that is no message. */
void fy_decode_scalar(struct decoder *decoder, const struct shape_field *field, const struct fy_wire_field *found);

/* Whether the words of a repeated field are to be shown as the address that they make, if they make one. */
bool fy_decode_may_be_address(const struct emit *emit, const struct shape_field *field);
/* The field as a list of that one text. False: the words make no address, and nothing is printed. */
bool fy_decode_address(struct emit *emit, const struct shape_field *field, const uint32_t *words, size_t count);

/* A field that the message does not have, as an item of "@unknown". */
void fy_decode_unknown(struct emit *emit, const struct fy_wire_field *found);

/* "extra" of the entry, and "@extra" if that does not say all. `data` of the entry is not valid afterwards. */
int fy_decode_payload(struct decoder *decoder, const struct fy_image_raw *entry, struct fy_error *err);

#endif
