/* Written by ferryd, as the client, which restores from it, is to load no library that only ferryd needs. */
#include "rehearse_podman.h"
#include "rehearse_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/agent/rehearsal.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/archive.h>
#include <stdio.h>

int rehearse_podman_write(const char *images_dir, const char *job_id, const char *archive, struct fy_error *err)
{
    char cgroup[256];
    FY_AUTO_FREE char *text = NULL;
    FY_AUTO_FREE char *config = NULL;
    FY_AUTO_CLOSE int images_fd = open(images_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FY_AUTO_CLOSE int out_fd = open(archive, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (images_fd < 0 || out_fd < 0)
        return fy_error_errno(err, errno, "making %s of %s", archive, images_dir);
    (void)snprintf(cgroup, sizeof cgroup, "/" FY_REHEARSAL_CGROUP "%s", job_id);
    if (fy_podman_config_text(images_fd, &text, err) < 0 || rehearse_podman_config(text, cgroup, &config, err) < 0)
        return -1;
    return fy_archive_write_podman_as(images_fd, images_dir, config, out_fd, err);
}
