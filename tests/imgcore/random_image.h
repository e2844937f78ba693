/* Random images that a reader must accept: every message, every kind of field, and what CRIU does not write. */
#ifndef FERRY_TESTS_IMGCORE_RANDOM_IMAGE_H
#define FERRY_TESTS_IMGCORE_RANDOM_IMAGE_H

#include <ferry/base/buf.h>
#include <ferry/imgcore/catalogue.h>
#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state; /* not 0 */
};

/* Below `limit`. */
uint64_t chance_below(struct chance *chance, uint64_t limit);

struct random_options {
    bool is_v1_0;
    bool is_odd; /* not as CRIU would encode it: any order, fields twice or missing, packed, long numbers, padding */
};

/* Appends an image of the type with some entries and their content. */
void random_image(struct chance *chance, const struct fy_image_type *type, const struct random_options *options,
                  struct fy_buf *image);

#endif
