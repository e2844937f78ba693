/* Removing a directory tree. Everything is reached through descriptors, never by path a second time, so a link put in
 * the way does not lead out of the tree; a mount inside the tree is refused instead of emptied. */
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MAX_DEPTH 128 /* each level holds a descriptor */

/* Where the walk is, for error messages and as the bound of its depth. */
struct walk {
    char path[PATH_MAX];
    size_t length;
    unsigned depth;
};

static int remove_entries(struct walk *walk, int dir_fd, struct fy_error *err);

static int open_directory(int dir_fd, const char *name)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
    };
    return (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof how);
}

static int remove_directory(struct walk *walk, int parent_fd, const char *name, struct fy_error *err)
{
    if (walk->depth == MAX_DEPTH)
        return fy_error_set(err, FY_E_LIMIT, "%s: nested deeper than %d directories", walk->path, MAX_DEPTH);
    int fd = open_directory(parent_fd, name);
    if (fd < 0 && errno == EXDEV) {
        fy_error_set(err, FY_E_BUSY, "%s is a mount point", walk->path);
        return fy_error_next(err, "unmount it and try again");
    }
    if (fd < 0)
        return fy_error_errno(err, errno, "cannot open directory %s", walk->path);
    walk->depth++;
    int rc = remove_entries(walk, fd, err);
    walk->depth--;
    if (rc)
        return -1;
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) && errno != ENOENT)
        return fy_error_errno(err, errno, "cannot remove directory %s", walk->path);
    return 0;
}

static int remove_entry(struct walk *walk, int dir_fd, const char *name, struct fy_error *err)
{
    size_t length = walk->length;
    int added = snprintf(walk->path + length, sizeof walk->path - length, "/%s", name);
    if (added > 0)
        walk->length = length + (size_t)added < sizeof walk->path ? length + (size_t)added : sizeof walk->path - 1;
    int rc = 0;
    if (unlinkat(dir_fd, name, 0) && errno != ENOENT) {
        /* Linux answers EISDIR for a directory, POSIX allows EPERM. */
        rc = errno == EISDIR || errno == EPERM ? remove_directory(walk, dir_fd, name, err)
                                               : fy_error_errno(err, errno, "cannot remove %s", walk->path);
    }
    walk->length = length;
    walk->path[length] = '\0';
    return rc;
}

static int remove_entries(struct walk *walk, int dir_fd, struct fy_error *err)
{
    DIR *dir = fdopendir(dir_fd);
    int rc = 0;
    if (!dir) {
        fy_error_errno(err, errno, "cannot list %s", walk->path);
        (void)close(dir_fd);
        return -1;
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno)
                rc = fy_error_errno(err, errno, "cannot list %s", walk->path);
            break;
        }
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        rc = remove_entry(walk, dirfd(dir), entry->d_name, err);
        if (rc)
            break;
    }
    (void)closedir(dir);
    return rc;
}

int fy_fs_remove_tree(const char *path, struct fy_error *err)
{
    struct walk walk = {0};
    walk.length = strlen(path);
    if (walk.length >= sizeof walk.path)
        return fy_error_errno(err, ENAMETOOLONG, "cannot remove %s", path);
    memcpy(walk.path, path, walk.length + 1);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        if (unlink(path) && errno != ENOENT)
            return fy_error_errno(err, errno, "cannot remove %s", path);
        return 0;
    }
    if (fd < 0)
        return fy_error_errno(err, errno, "cannot open directory %s", path);
    if (remove_entries(&walk, fd, err))
        return -1;
    if (rmdir(path) && errno != ENOENT)
        return fy_error_errno(err, errno, "cannot remove directory %s", path);
    return 0;
}
