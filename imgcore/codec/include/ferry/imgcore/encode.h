/* From JSON to an image: the other half of decode.h.
 *
 * Accepts what fy_image_decode_json writes, plain and pretty; what crit of CRIU 4.2.1 writes, plain and pretty; and
 * what go-crit writes (64-bit numbers as strings, base64 on one line also for the names of unix sockets, "in_q" and
 * "out_q"). Keys may come in any order. What would be lost in silence is refused: keys that the message does not have,
 * keys given twice, numbers out of the field's range, required fields that are missing, content of another size than
 * its entry says. */
#ifndef FERRY_IMGCORE_ENCODE_H
#define FERRY_IMGCORE_ENCODE_H

#include <ferry/base/error.h>
#include <ferry/imgcore/image.h>
#include <ferry/imgcore/stream.h>
#include <stddef.h>

/* "extra" that comes before the fields of its entry, and "entries" before "magic", are kept until these are known, up
 * to this size. */
#define FY_ENCODE_EXTRA_KEPT_BYTES ((size_t)16 << 20)

/* Reads one JSON document with `read` and writes the image with `write`, an entry at a time; content ("extra") that
 * follows the fields of its entry is written while it is read, so that memory does not grow with it.
 * `label` is what errors call the text, usually its file name. `limits` may be NULL for the default.
 * Errors: FY_E_FORMAT, as "LABEL:LINE:COLUMN: …"; FY_E_LIMIT; FY_E_NOMEM; those of `read` and `write`. What has been
 * written until then is not an image. */
int fy_image_encode_json(fy_read_fn *read, void *read_data, const char *label, const struct fy_image_limits *limits,
                         fy_write_fn *write, void *write_data, struct fy_error *err);

#endif
