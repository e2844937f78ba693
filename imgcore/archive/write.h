/* What podman's archives and OCI layers have in common. Private to the library. */
#ifndef FERRY_ARCHIVE_WRITE_H
#define FERRY_ARCHIVE_WRITE_H

#include "writer.h"

/* The rest, and the images below checkpoint/ or a link there. */
int write_container(struct writer *writer, int images_fd, const char *images_link, struct fy_error *err);

#endif
