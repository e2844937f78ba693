/* Verification of an image set before it is sent and before it is restored. */
#include "migrate_check.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/verify.h>

int fy_migrate_check_set(const char *directory, struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fy_error_errno(err, errno, "opening image set %s", directory);
    struct fy_imageset_summary summary = {0};
    if (fy_imageset_check(fd, NULL, &summary, err) < 0)
        return fy_error_wrap(err, "the image set is not whole");
    fy_imageset_summary_done(&summary);
    return 0;
}
