/* Where `ferry image` writes to: standard output, or a file that appears under its name only when it is whole. */
#ifndef FERRY_CLI_IMAGE_OUTPUT_H
#define FERRY_CLI_IMAGE_OUTPUT_H

#include <ferry/base/error.h>
#include <stddef.h>

struct image_output {
    int fd;
    const char *name; /* as it was given, for messages */
    char *path;       /* what is to be replaced; NULL: written in place */
    char *beside;     /* what is written meanwhile */
};

/* `path` is kept, not copied; NULL: standard output. A file is written beside `path` with the permissions of the one
 * that it will replace; devices, pipes and sockets are written as they are. */
int image_output_open(struct image_output *output, const char *path, struct fy_error *err);
/* A fy_write_fn; `data` is the output. */
int image_output_write(void *data, const void *bytes, size_t size, struct fy_error *err);
/* Gives the file its name. */
int image_output_finish(struct image_output *output, struct fy_error *err);
/* Frees; what was not finished is removed. */
void image_output_done(struct image_output *output);

#endif
