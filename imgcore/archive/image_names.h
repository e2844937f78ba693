/* The files of an image set, by name. Private to the library. */
#ifndef FERRY_ARCHIVE_IMAGE_NAMES_H
#define FERRY_ARCHIVE_IMAGE_NAMES_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>

struct image_names {
    char **items; /* in name order, FY_ARCHIVE_REST not among them */
    size_t count;
    size_t capacity;
    bool has_rest;
};

/* FY_E_VERIFY for what is not a regular file with a plain name: a set with a parent has to be made whole before. */
int image_names_list(int dir_fd, struct image_names *names, struct fy_error *err);
void image_names_done(struct image_names *names);
/* Whether a file of this name, beside others, belongs to an image set rather than to podman. */
bool image_names_is_image(const char *name);
/* Whether it is one that CRIU leaves in passing, in an image set or, by podman's wish, beside it. */
bool image_names_is_trace(const char *name);

#endif
