/* Files and directories with errors that name the path. */
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define READ_CHUNK_BYTES 65536

/* Reads to the end; what `/proc` says of a size is not believed. One byte over the limit is enough to know. */
static int read_to_end(int fd, const char *path, size_t limit_bytes, struct fy_buf *buf, struct fy_error *err)
{
    for (;;) {
        size_t room = limit_bytes - buf->size;
        size_t chunk = room < READ_CHUNK_BYTES ? room + 1 : READ_CHUNK_BYTES;
        if (fy_buf_reserve(buf, chunk, err))
            return fy_error_wrap(err, "%s", path);
        ssize_t count = read(fd, buf->data + buf->size, chunk);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fy_error_errno(err, errno, "cannot read %s", path);
        if (count == 0)
            return 0;
        buf->size += (size_t)count;
        if (buf->size > limit_bytes)
            return fy_error_set(err, FY_E_LIMIT, "%s is larger than %zu bytes", path, limit_bytes);
    }
}

static int read_whole(int fd, const char *path, size_t limit_bytes, char **data, size_t *size, struct fy_error *err)
{
    FY_CLEANUP(fy_buf_done) struct fy_buf buf;
    fy_buf_init(&buf, 0);
    if (read_to_end(fd, path, limit_bytes, &buf, err))
        return -1;
    size_t length = buf.size;
    char *text = fy_buf_take_string(&buf);
    if (!text)
        return fy_error_set(err, FY_E_NOMEM, "no memory to read %s", path);
    *data = text;
    if (size)
        *size = length;
    return 0;
}

int fy_fs_read_file(const char *path, size_t limit_bytes, char **data, size_t *size, struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fy_error_errno(err, errno, "cannot open %s", path);
    return read_whole(fd, path, limit_bytes, data, size, err);
}

int fy_fs_read_file_at(int dir_fd, const char *name, size_t limit_bytes, char **data, size_t *size,
                       struct fy_error *err)
{
    struct stat info;
    /* Not blocking, so that opening a FIFO somebody put there returns; it is refused below. */
    FY_AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ELOOP)
        return fy_error_set(err, FY_E_DENIED, "%s is a symbolic link, expected a file", name);
    if (fd < 0)
        return fy_error_errno(err, errno, "cannot open %s", name);
    if (fstat(fd, &info))
        return fy_error_errno(err, errno, "cannot examine %s", name);
    if (!S_ISREG(info.st_mode))
        return fy_error_set(err, FY_E_FORMAT, "%s is not a regular file", name);
    return read_whole(fd, name, limit_bytes, data, size, err);
}

int fy_fs_write_all(int fd, const void *data, size_t size, struct fy_error *err)
{
    const char *next = data;
    while (size) {
        ssize_t count = write(fd, next, size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fy_error_errno(err, errno, "cannot write");
        next += count;
        size -= (size_t)count;
    }
    return 0;
}

int fy_fs_write_file(const char *path, const void *data, size_t size, mode_t mode, struct fy_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return fy_error_errno(err, errno, "cannot create %s", path);
    if (fy_fs_write_all(fd, data, size, err)) {
        (void)close(fd);
        return fy_error_wrap(err, "%s", path);
    }
    if (close(fd)) /* some file systems report a full disk only here */
        return fy_error_errno(err, errno, "cannot write %s", path);
    return 0;
}

static int make_directory(const char *path, mode_t mode, struct fy_error *err)
{
    struct stat info;
    if (!mkdir(path, mode))
        return 0;
    int saved_errno = errno;
    if (saved_errno == EEXIST && !stat(path, &info)) {
        if (S_ISDIR(info.st_mode))
            return 0;
        saved_errno = ENOTDIR;
    }
    return fy_error_errno(err, saved_errno, "cannot create directory %s", path);
}

int fy_fs_make_directories(const char *path, mode_t mode, struct fy_error *err)
{
    char partial[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof partial)
        return fy_error_errno(err, ENAMETOOLONG, "cannot create directory %s", path);
    memcpy(partial, path, length + 1);
    while (length > 1 && partial[length - 1] == '/')
        partial[--length] = '\0';
    for (char *slash = partial; length && (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (make_directory(partial, 0755, err))
            return -1;
        *slash = '/';
    }
    return make_directory(partial, mode, err);
}

int fy_fs_available_bytes(const char *path, uint64_t *bytes, struct fy_error *err)
{
    struct statvfs info;
    if (statvfs(path, &info))
        return fy_error_errno(err, errno, "cannot ask for the free space of %s", path);
    uint64_t available;
    if (__builtin_mul_overflow((uint64_t)info.f_bavail, (uint64_t)info.f_frsize, &available))
        available = UINT64_MAX;
    *bytes = available;
    return 0;
}

bool fy_fs_is_plain_name(const char *name)
{
    size_t length = strnlen(name, NAME_MAX + 1);
    if (!length || length > NAME_MAX || !strcmp(name, ".") || !strcmp(name, ".."))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (name[i] < 0x20 || name[i] > 0x7e || name[i] == '/')
            return false;
    }
    return true;
}
