/* From an image to JSON: the text that crit of CRIU 4.2.1 prints, byte for byte, wherever that text says all that the
 * image holds. Where it does not, keys that begin with '@' say the rest (crit ignores them), so that
 * fy_image_encode_json always gives the same file back:
 *
 *   "@framing": "v1.0"   after "magic": the file begins with its type's magic only
 *   "@unknown": [...]    last key of a message: fields that it does not have, as {"tag", "type", "value"}
 *   "@wire": BASE64      last key of an entry's fields: the encoded entry, which encoding the fields would not give
 * back
 *   "@extra": BASE64     after "extra": the entry's whole payload, which "extra" would not give back
 *
 * A text that is not UTF-8 has a lone surrogate \udc80 to \udcff for each byte that is not; an enum's number without a
 * name stays a number. Fields that must be there and are not are not missed. */
#ifndef FERRY_IMGCORE_DECODE_H
#define FERRY_IMGCORE_DECODE_H

#include <ferry/base/error.h>
#include <ferry/imgcore/image.h>
#include <ferry/imgcore/stream.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fy_decode_options {
    bool pretty;                          /* indented, with the texts of display.h */
    bool no_payload;                      /* "... <15B>" in place of a payload */
    const struct fy_image_limits *limits; /* NULL: the default */
};

/* Writes the image in `fd` (a regular file, which stays the caller's) as one JSON document without a final newline,
 * with memory that does not grow with the file. `label` names the file in errors, `options` may be NULL. FY_E_FORMAT:
 * damaged, at the entry and byte that the message says; FY_E_UNSUPPORTED: no image with entries, or one whose pages are
 * compressed; FY_E_LIMIT, FY_E_IO, FY_E_NOMEM; what `write` says. Of a file that is damaged or not known nothing is
 * written. */
int fy_image_decode_json(int fd, const char *label, const struct fy_decode_options *options, fy_write_fn *write,
                         void *data, struct fy_error *err);

struct fy_image_info {
    const char *magic; /* name of the type */
    uint64_t count;    /* entries; of a pagemap without its head, as crit counts */
};

/* What `crit info` prints, with entries counted right: payloads are skipped. Errors as above. */
int fy_image_info(int fd, const char *label, const struct fy_image_limits *limits, struct fy_image_info *info,
                  struct fy_error *err);

#endif
