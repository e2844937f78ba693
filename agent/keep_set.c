/* File by file: data between its holes, fsync; then the directories. */
#include "keep_set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define PATH_SIZE 4096

static int copy_extent(int in, int out, off_t at, off_t end, struct fy_error *err)
{
    if (lseek(out, at, SEEK_SET) < 0)
        return fy_error_errno(err, errno, "seeking");
    while (at < end) {
        ssize_t n = sendfile(out, in, &at, (size_t)(end - at));
        if (n < 0)
            return fy_error_errno(err, errno, "copying");
        if (n == 0)
            return fy_error_set(err, FY_E_IO, "it became shorter while it was copied");
    }
    return 0;
}

static int copy_data(int in, int out, struct fy_error *err)
{
    struct stat st;
    off_t end = 0;
    if (fstat(in, &st) < 0 || ftruncate(out, st.st_size) < 0)
        return fy_error_errno(err, errno, "making room");
    while (end < st.st_size) {
        off_t start = lseek(in, end, SEEK_DATA);
        if (start < 0 && errno == ENXIO) /* a hole up to the end */
            return 0;
        end = start < 0 ? -1 : lseek(in, start, SEEK_HOLE);
        if (end < 0)
            return fy_error_errno(err, errno, "looking for holes");
        if (copy_extent(in, out, start, end, err) < 0)
            return -1;
    }
    return 0;
}

static int copy_file(int from_dir, int to_dir, const char *name, struct fy_error *err)
{
    FY_AUTO_CLOSE int in = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0)
        return fy_error_errno(err, errno, "opening %s", name);
    FY_AUTO_CLOSE int out = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        return fy_error_errno(err, errno, "making %s", name);
    if (copy_data(in, out, err) < 0)
        return fy_error_wrap(err, "%s", name);
    return fsync(out) == 0 ? 0 : fy_error_errno(err, errno, "writing %s to the disk", name);
}

static int copy_all(const char *from, int to_dir, struct fy_error *err)
{
    DIR *dir = opendir(from);
    struct dirent *entry;
    int result = dir ? 0 : fy_error_errno(err, errno, "opening %s", from);
    while (result == 0 && (entry = readdir(dir))) {
        struct stat st;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            result = copy_file(dirfd(dir), to_dir, entry->d_name, err);
    }
    if (dir)
        (void)closedir(dir);
    return result;
}

/* A new directory is there after a crash only when the one above it is written too. */
static int sync_parent(const char *path, struct fy_error *err)
{
    char above[PATH_SIZE];
    (void)snprintf(above, sizeof(above), "%s", path);
    FY_AUTO_CLOSE int fd = open(dirname(above), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? 0 : fy_error_errno(err, errno, "writing %s to the disk", above);
}

static int keep(const char *from, const char *to, struct fy_error *err)
{
    if (fy_fs_make_directories(to, 0700, err) < 0)
        return -1;
    FY_AUTO_CLOSE int to_dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to_dir < 0)
        return fy_error_errno(err, errno, "opening %s", to);
    if (copy_all(from, to_dir, err) < 0)
        return -1;
    if (fsync(to_dir) < 0)
        return fy_error_errno(err, errno, "writing %s to the disk", to);
    return sync_parent(to, err);
}

int fy_keep_set(const char *from, const char *to, struct fy_error *err)
{
    if (keep(from, to, err) == 0)
        return 0;
    (void)fy_fs_remove_tree(to, NULL);
    return fy_error_wrap(err, "keeping the image set in %s", to);
}
