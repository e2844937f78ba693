/* Base64 of RFC 4648 with padding, strict: what encodes differently from how it was written is refused. */
#include "base64_decode.h"
#include <stdbool.h>

#define IS 0x80 /* base64 has the character; its value is in the low six bits */

static const uint8_t values[256] = {
    ['A'] = IS | 0,  ['B'] = IS | 1,  ['C'] = IS | 2,  ['D'] = IS | 3,  ['E'] = IS | 4,  ['F'] = IS | 5,
    ['G'] = IS | 6,  ['H'] = IS | 7,  ['I'] = IS | 8,  ['J'] = IS | 9,  ['K'] = IS | 10, ['L'] = IS | 11,
    ['M'] = IS | 12, ['N'] = IS | 13, ['O'] = IS | 14, ['P'] = IS | 15, ['Q'] = IS | 16, ['R'] = IS | 17,
    ['S'] = IS | 18, ['T'] = IS | 19, ['U'] = IS | 20, ['V'] = IS | 21, ['W'] = IS | 22, ['X'] = IS | 23,
    ['Y'] = IS | 24, ['Z'] = IS | 25, ['a'] = IS | 26, ['b'] = IS | 27, ['c'] = IS | 28, ['d'] = IS | 29,
    ['e'] = IS | 30, ['f'] = IS | 31, ['g'] = IS | 32, ['h'] = IS | 33, ['i'] = IS | 34, ['j'] = IS | 35,
    ['k'] = IS | 36, ['l'] = IS | 37, ['m'] = IS | 38, ['n'] = IS | 39, ['o'] = IS | 40, ['p'] = IS | 41,
    ['q'] = IS | 42, ['r'] = IS | 43, ['s'] = IS | 44, ['t'] = IS | 45, ['u'] = IS | 46, ['v'] = IS | 47,
    ['w'] = IS | 48, ['x'] = IS | 49, ['y'] = IS | 50, ['z'] = IS | 51, ['0'] = IS | 52, ['1'] = IS | 53,
    ['2'] = IS | 54, ['3'] = IS | 55, ['4'] = IS | 56, ['5'] = IS | 57, ['6'] = IS | 58, ['7'] = IS | 59,
    ['8'] = IS | 60, ['9'] = IS | 61, ['+'] = IS | 62, ['/'] = IS | 63};

/* The bytes of a whole group; those of the padding must be zero bits. */
static const char *finish_group(struct base64_decoder *decoder, uint8_t **to)
{
    uint32_t bits = decoder->bits;
    unsigned bytes = 3 - decoder->padding;

    if (bits & ((1u << (8 * decoder->padding)) - 1))
        return "base64 with bits set in its padding";
    for (unsigned i = 0; i < bytes; i++)
        *(*to)++ = (uint8_t)(bits >> (16 - 8 * i));
    decoder->is_done = decoder->padding > 0;
    decoder->bits = decoder->count = decoder->padding = 0;
    return NULL;
}

static const char *take(struct base64_decoder *decoder, uint8_t c, uint8_t **to)
{
    uint8_t value = values[c];

    if (c == '\n' || c == '\r')
        return NULL;
    if (!(value & IS) && c != '=')
        return "a character that base64 does not have";
    if (decoder->is_done || (decoder->padding > 0 && c != '='))
        return "base64 that goes on after its padding";
    if (c == '=') {
        if (decoder->count < 2)
            return "base64 with padding in the wrong place";
        decoder->padding++;
        value = 0;
    }
    decoder->bits = decoder->bits << 6 | (value & 0x3f);
    return ++decoder->count == 4 ? finish_group(decoder, to) : NULL;
}

/* Four plain characters at once, which is nearly all of a long text. */
static bool take_four(const uint8_t *text, uint8_t **to)
{
    uint8_t a = values[text[0]], b = values[text[1]], c = values[text[2]], d = values[text[3]];

    uint32_t bits = (a & 0x3fu) << 18 | (b & 0x3fu) << 12 | (c & 0x3fu) << 6 | (d & 0x3fu);

    if (!(a & b & c & d & IS))
        return false;
    (*to)[0] = (uint8_t)(bits >> 16);
    (*to)[1] = (uint8_t)(bits >> 8);
    (*to)[2] = (uint8_t)bits;
    *to += 3;
    return true;
}

const char *fy_base64_decode(struct base64_decoder *decoder, const uint8_t *text, size_t size, uint8_t *bytes,
                             size_t *decoded)
{
    uint8_t *to = bytes;
    size_t i = 0;

    while (i < size) {
        const char *fault;
        if (decoder->count == 0 && !decoder->is_done && size - i >= 4 && take_four(text + i, &to)) {
            i += 4;
            continue;
        }
        fault = take(decoder, text[i++], &to);
        if (fault)
            return fault;
    }
    *decoded = (size_t)(to - bytes);
    return NULL;
}

const char *fy_base64_decode_end(const struct base64_decoder *decoder)
{
    return decoder->count > 0 ? "base64 that is cut off" : NULL;
}
