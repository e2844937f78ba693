/* Reading base64 in pieces of any size, as crit (lines of 76 characters) and go-crit (one line) write it. */
#ifndef FERRY_CODEC_BASE64_DECODE_H
#define FERRY_CODEC_BASE64_DECODE_H

#include <stddef.h>
#include <stdint.h>

struct base64_decoder {
    uint32_t bits;    /* of the group that is not whole yet */
    unsigned count;   /* characters of it */
    unsigned padding; /* '=' at its end */
    unsigned is_done; /* a group with padding was the last */
};

/* How many bytes `size` characters may become. */
#define FY_BASE64_DECODED_MAX(size) ((size) / 4 * 3 + 3)

/* Decodes `size` characters into `bytes` and sets how many these are. Line ends are passed over. NULL, or what is wrong
 * with the text. A decoder begins as zeros. */
const char *fy_base64_decode(struct base64_decoder *decoder, const uint8_t *text, size_t size, uint8_t *bytes,
                             size_t *decoded);
/* Nothing more comes: NULL, or what is missing. */
const char *fy_base64_decode_end(const struct base64_decoder *decoder);

#endif
