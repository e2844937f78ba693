/* Writing beside and renaming. */
#include "image_output.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>
#include <sys/stat.h>

#define BESIDE_TRIES 100

static int open_beside(struct image_output *output, mode_t mode, struct fy_error *err)
{
    for (int i = 0; i < BESIDE_TRIES; i++) {
        if (asprintf(&output->beside, "%s.new-%ld-%d", output->path, (long)getpid(), i) < 0) {
            output->beside = NULL;
            return fy_error_set(err, FY_E_NOMEM, "no memory");
        }
        output->fd = open(output->beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (output->fd >= 0)
            return 0;
        free(fy_take(output->beside));
        if (errno != EEXIST)
            break;
    }
    return fy_error_errno(err, errno, "cannot create a file beside %s", output->name);
}

/* A link leads to what is to be replaced. */
static int open_replacing(struct image_output *output, const struct stat *old, struct fy_error *err)
{
    output->path = realpath(output->name, NULL);
    if (!output->path)
        return fy_error_errno(err, errno, "%s", output->name);
    if (open_beside(output, 0600, err) < 0)
        return -1;
    if (fchmod(output->fd, old->st_mode & 0777) < 0)
        return fy_error_errno(err, errno, "cannot set the permissions of %s", output->beside);
    return 0;
}

int image_output_open(struct image_output *output, const char *path, struct fy_error *err)
{
    struct stat old;

    *output = (struct image_output){.fd = STDOUT_FILENO, .name = path ? path : "standard output"};
    if (!path)
        return 0;
    output->fd = -1;
    if (stat(path, &old) == 0) {
        if (S_ISREG(old.st_mode))
            return open_replacing(output, &old, err);
        output->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return output->fd < 0 ? fy_error_errno(err, errno, "cannot write %s", path) : 0;
    }
    if (errno != ENOENT)
        return fy_error_errno(err, errno, "%s", path);
    output->path = strdup(path);
    if (!output->path)
        return fy_error_set(err, FY_E_NOMEM, "no memory");
    return open_beside(output, 0666, err);
}

int image_output_write(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    struct image_output *output = data;

    return fy_fs_write_all(output->fd, bytes, size, err) < 0 ? fy_error_wrap(err, "%s", output->name) : 0;
}

int image_output_finish(struct image_output *output, struct fy_error *err)
{
    int fd = output->fd;

    if (fd == STDOUT_FILENO)
        return 0;
    output->fd = -1;
    if (close(fd) < 0) /* some file systems report a full disk only here */
        return fy_error_errno(err, errno, "cannot write %s", output->name);
    if (!output->path)
        return 0;
    if (rename(output->beside, output->path) < 0)
        return fy_error_errno(err, errno, "cannot rename %s to %s", output->beside, output->name);
    free(fy_take(output->beside));
    return 0;
}

void image_output_done(struct image_output *output)
{
    if (output->fd >= 0 && output->fd != STDOUT_FILENO)
        (void)close(output->fd);
    if (output->beside)
        (void)unlink(output->beside);
    free(output->beside);
    free(output->path);
    *output = (struct image_output){.fd = -1};
}
