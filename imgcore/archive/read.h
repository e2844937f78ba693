/* Reading an archive's entries into an image set. Private to the library. */
#ifndef FERRY_ARCHIVE_READ_H
#define FERRY_ARCHIVE_READ_H

#include <archive.h>
#include <ferry/imgcore/archive.h>

#include "entry.h"

/* All entries of a tar of podman's or of a plain one. */
int read_container(struct archive *reader, int images_fd, struct allowance *allowance,
                   struct fy_archive_summary *summary, struct fy_error *err);

/* The layer of an oci-archive. */
int oci_read(int in_fd, int images_fd, uint64_t limit_bytes, struct fy_archive_summary *summary, struct fy_error *err);

#endif
