/* The files of an image directory: names and sizes in name order. */
#ifndef FERRY_AGENT_IMAGE_FILES_H
#define FERRY_AGENT_IMAGE_FILES_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FY_MAX_IMAGE_FILES 262144u

struct fy_image_file {
    char *name;
    uint64_t size_bytes;
};

struct fy_image_files {
    struct fy_image_file *items;
    size_t count;
    uint64_t total_bytes;
};

/* FY_E_VERIFY for anything that is not a regular file with a plain name, FY_E_LIMIT beyond FY_MAX_IMAGE_FILES. */
int fy_image_files_list(int dir_fd, struct fy_image_files *files, struct fy_error *err);
/* Of a directory that CRIU still writes to: only the files that it does nothing but append to, which are those that
 * hold pages. */
int fy_image_files_list_growing(int dir_fd, struct fy_image_files *files, struct fy_error *err);
/* Whether a file of that name holds pages and nothing else. */
bool fy_image_file_has_pages(const char *name);
void fy_image_files_done(struct fy_image_files *files);

#endif
