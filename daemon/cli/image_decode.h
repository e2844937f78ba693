/* What `image decode` and `image show` share. */
#ifndef FERRY_CLI_IMAGE_DECODE_H
#define FERRY_CLI_IMAGE_DECODE_H

#include "cli.h"
#include <ferry/imgcore/decode.h>

/* Writes the image in the file `in` (NULL: standard input) as JSON to the file `out` (NULL: standard output, with a
 * newline at the end), and reports what is wrong. */
enum cli_exit image_decode(const struct cli *cli, const char *in, const char *out,
                           const struct fy_decode_options *options);

#endif
