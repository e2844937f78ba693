/* Among the mounts of a rehearsal: the container's root as it was, above the layers of this host. */
#include "scratch.h"

#include "root_tar.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_SIZE 4096

static int fill(const char *tar, const char *upper, struct fy_error *err)
{
    const char *argv[ROOT_TAR_ARGUMENTS];
    int status = -1;
    root_tar_list(tar, upper, argv);
    pid_t pid = fork();
    if (pid == 0) {
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    if (pid < 0)
        return fy_error_errno(err, errno, "starting %s", argv[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? 0 : fy_error_set(err, FY_E_CHILD, "tar could not put back the root file system of %s", tar);
}

int scratch_overlay(const struct fy_rehearsal *rehearsal, const char *root, struct fy_error *err)
{
    char upper[PATH_SIZE], work[PATH_SIZE];
    FY_AUTO_FREE char *at = NULL;
    FY_AUTO_FREE char *options = NULL;
    (void)snprintf(upper, sizeof upper, "%s/root-upper", rehearsal->scratch_dir);
    (void)snprintf(work, sizeof work, "%s/root-work", rehearsal->scratch_dir);
    const char *more = rehearsal->overlay_options ? rehearsal->overlay_options : "";
    if (asprintf(&at, "%s%s", root, rehearsal->overlay) < 0) {
        at = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for a root file system");
    }
    if (asprintf(&options, "lowerdir=%s,upperdir=%s,workdir=%s%s%s", rehearsal->lower, upper, work, more[0] ? "," : "",
                 more) < 0) {
        options = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for a root file system");
    }
    if (mkdir(upper, 0755) < 0 || mkdir(work, 0755) < 0)
        return fy_error_errno(err, errno, "making %s", upper);
    if (fill(rehearsal->root_tar, upper, err) < 0 || fy_fs_make_directories(at, 0755, err) < 0)
        return -1;
    if (mount("overlay", at, "overlay", 0, options) == 0)
        return 0;
    return fy_error_errno(err, errno, "mounting the root file system of the container (%s)", options);
}
