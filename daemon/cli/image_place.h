/* Directories of image sets, and how places in their memory are shown. */
#ifndef FERRY_CLI_IMAGE_PLACE_H
#define FERRY_CLI_IMAGE_PLACE_H

#include <ferry/base/error.h>
#include <ferry/base/json.h>
#include <ferry/imgcore/explore.h>

/* A directory for reading; -1 with an error. */
int image_open_directory(const char *path, struct fy_error *err);

/* "rw-p" into `text`, as in /proc/PID/maps. */
#define IMAGE_PROTECTION_SIZE 5
void image_protection_text(const struct fy_explore_mapping *mapping, char text[IMAGE_PROTECTION_SIZE]);
/* What is mapped: a file, "[heap]", "[stack]", "anonymous", …; printable. free() it; NULL: no memory. */
char *image_mapping_text(const struct fy_explore *explore, const struct fy_explore_mapping *mapping);
/* {"start", "end", "protection", "what"}, or null for NULL. */
void image_mapping_json(struct fy_json *json, const char *key, const struct fy_explore *explore,
                        const struct fy_explore_mapping *mapping);

#endif
