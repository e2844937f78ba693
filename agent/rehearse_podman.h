/* What podman restores from in a rehearsal. */
#ifndef FERRY_AGENT_REHEARSE_PODMAN_H
#define FERRY_AGENT_REHEARSE_PODMAN_H

#include <ferry/base/error.h>

/* Writes podman's archive of the image set, which has a link to the images in the place of them: the container as it
 * was, but in the rehearsal's control group. Blocks. */
int rehearse_podman_write(const char *images_dir, const char *job_id, const char *archive, struct fy_error *err);

#endif
