/* GNU tar does it: it knows all that a file can be. What the kernel notes of the mount in attributes would be wrong for
 * another one, and stays behind. */
#include "root_tar.h"

#include <ferry/base/cleanup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int start(const struct fy_host *host, const char *const *argv, uint64_t deadline_ms, fy_child_cb ended,
                 void *data, struct fy_child **tar, struct fy_error *err)
{
    static const char *const environment[] = {"LC_ALL=C", NULL};
    const struct fy_child_options options = {
        .argv = argv, .environment = environment, .inherit_fd = -1, .deadline_ms = deadline_ms, .kill_after_ms = 1000};
    return fy_child_start(host->loop, &options, ended, data, tar, err);
}

static char *file_in(const char *extra_dir)
{
    char *file = NULL;
    return asprintf(&file, "%s/" ROOT_TAR_NAME, extra_dir) < 0 ? NULL : file;
}

int root_tar_keep(const struct fy_host *host, const char *upper, const char *extra_dir, fy_child_cb ended, void *data,
                  struct fy_child **tar, struct fy_error *err)
{
    FY_AUTO_FREE char *file = file_in(extra_dir);
    if (!file)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a file's name");
    const char *const argv[] = {"tar",
                                "--create",
                                "--format=pax",
                                "--pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f",
                                "--sort=name",
                                "--sparse",
                                "--numeric-owner",
                                "--acls",
                                "--xattrs",
                                "--xattrs-include=*",
                                "--xattrs-exclude=trusted.overlay.origin",
                                "--xattrs-exclude=trusted.overlay.impure",
                                "--xattrs-exclude=trusted.overlay.nlink",
                                "--xattrs-exclude=trusted.overlay.upper",
                                "--xattrs-exclude=trusted.overlay.uuid",
                                "--file",
                                file,
                                "--directory",
                                upper,
                                ".",
                                NULL};
    return start(host, argv, host->settings->timeouts.dump_ms, ended, data, tar, err);
}

void root_tar_list(const char *file, const char *upper, const char *argv[ROOT_TAR_ARGUMENTS])
{
    const char *const list[] = {"tar",
                                "--extract",
                                "--sparse",
                                "--numeric-owner",
                                "--same-owner",
                                "--same-permissions",
                                "--delay-directory-restore",
                                "--acls",
                                "--xattrs",
                                "--xattrs-include=*",
                                "--file",
                                file,
                                "--directory",
                                upper,
                                NULL};
    _Static_assert(sizeof list <= ROOT_TAR_ARGUMENTS * sizeof *list, "all of them have room");
    memcpy(argv, list, sizeof list);
}

int root_tar_put_back(const struct fy_host *host, const char *extra_dir, const char *upper, fy_child_cb ended,
                      void *data, struct fy_child **tar, struct fy_error *err)
{
    const char *argv[ROOT_TAR_ARGUMENTS];
    FY_AUTO_FREE char *file = file_in(extra_dir);
    if (!file)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a file's name");
    root_tar_list(file, upper, argv);
    return start(host, argv, host->settings->timeouts.restore_ms, ended, data, tar, err);
}

int root_tar_check(const struct fy_child_result *result, struct fy_error *err)
{
    struct fy_error why = FY_ERROR_INIT;
    if (fy_child_check("tar", result, &why) == 0)
        return 0;
    if (strstr(result->output, "No space left on device"))
        why.code = FY_E_NOSPACE;
    fy_error_propagate(err, &why);
    return -1;
}
