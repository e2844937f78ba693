/* Images are read here and there, so a pipe has to become a file first. */
#include "image_input.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdlib.h>
#include <sys/stat.h>

const char *image_input_name(const char *path)
{
    return path ? path : "standard input";
}

/* A file that is gone when it is closed, whatever becomes of us. */
static int open_unnamed(struct fy_error *err)
{
    const char *dir = getenv("TMPDIR");
    char path[4096];
    int fd;

    if (!dir || !dir[0])
        dir = "/tmp";
    fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    /* Some file systems cannot do that. */
    (void)snprintf(path, sizeof(path), "%s/ferry-image-XXXXXX", dir);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return fy_error_errno(err, errno, "cannot create a temporary file in %s", dir);
    (void)unlink(path);
    return fd;
}

static int copy(int from, const char *name, int to, struct fy_error *err)
{
    char block[1 << 16];

    for (;;) {
        ssize_t got = read(from, block, sizeof(block));
        if (got == 0)
            return 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fy_error_errno(err, errno, "reading %s", name);
        if (fy_fs_write_all(to, block, (size_t)got, err) < 0)
            return fy_error_wrap(err, "keeping %s in a temporary file", name);
    }
}

/* Takes `fd` over. */
static int make_regular(int fd, const char *name, struct fy_error *err)
{
    struct stat status;
    int file;

    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && lseek(fd, 0, SEEK_CUR) == 0)
        return fd;
    file = open_unnamed(err);
    if (file >= 0 && copy(fd, name, file, err) < 0) {
        (void)close(file);
        file = -1;
    }
    (void)close(fd);
    return file;
}

int image_input_open(const char *path, struct fy_error *err)
{
    const char *name = image_input_name(path);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

    return fd < 0 ? fy_error_errno(err, errno, "%s", name) : make_regular(fd, name, err);
}
