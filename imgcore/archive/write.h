/* What podman's archives and OCI layers have in common. Private to the library. */
#ifndef FERRY_ARCHIVE_WRITE_H
#define FERRY_ARCHIVE_WRITE_H

#include "writer.h"

struct container_source {
    int images_fd;
    const char *images_link; /* NULL: the images themselves */
    const char *config;      /* in the place of config.dump; NULL: as it is */
};

/* The rest, and the images below checkpoint/ or a link there. */
int write_container(struct writer *writer, const struct container_source *source, struct fy_error *err);

#endif
