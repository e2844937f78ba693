/* What `ferry image` reads an image from: a file, or standard input, which may be a pipe. */
#ifndef FERRY_CLI_IMAGE_INPUT_H
#define FERRY_CLI_IMAGE_INPUT_H

#include <ferry/base/error.h>

/* A descriptor of a regular file with all that stands in `path` (NULL: standard input), to be closed by the caller; -1
 * with an error. What is not a regular file is copied into a file without a name in TMPDIR or /tmp. */
int image_input_open(const char *path, struct fy_error *err);
/* What messages call it. */
const char *image_input_name(const char *path);

#endif
