/* Images made of bytes, and their JSON. Everything here asserts its own success, but for decoding. */
#ifndef FERRY_TESTS_IMGCORE_DECODING_H
#define FERRY_TESTS_IMGCORE_DECODING_H

#include <ferry/base/error.h>
#include <ferry/imgcore/decode.h>
#include <ferry/imgcore/display.h>
#include <stddef.h>
#include <stdint.h>

struct image {
    uint8_t data[1 << 20];
    size_t size;
};

void image_word(struct image *image, uint32_t word);
void image_bytes(struct image *image, const void *bytes, size_t size);
/* The magic common to all images, then that of the type; starts the image anew. */
void image_magic(struct image *image, uint32_t magic);
/* Size word and message. */
void image_entry(struct image *image, const void *wire, size_t size);

/* A descriptor of a file that holds the image. */
int image_file(const struct image *image);
/* The JSON, to be freed; NULL with an error. */
char *decode_text(const struct image *image, const struct fy_decode_options *options, struct fy_error *err);
/* Joins indented lines as on one line, in place. */
void unindent(char *text);

#endif
