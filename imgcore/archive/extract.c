/* Content on its way in. An image set lies in memory, and half of many a process's memory is zeros: these are not
 * written. */
#include "extract.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "reader.h"

#define PIECE_BYTES ((size_t)4096)

static bool is_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

static int write_at(int fd, const char *name, const uint8_t *data, size_t size, uint64_t offset, struct fy_error *err)
{
    while (size > 0) {
        ssize_t count = pwrite(fd, data, size, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return fy_error_errno(err, count < 0 ? errno : ENOSPC, "cannot write %s", name);
        data += count;
        size -= (size_t)count;
        offset += (uint64_t)count;
    }
    return 0;
}

/* Up to the next border of a piece. */
static size_t piece_at(uint64_t offset, size_t left)
{
    size_t size = PIECE_BYTES - (size_t)(offset % PIECE_BYTES);
    return size < left ? size : left;
}

static int write_block(int fd, const char *name, const uint8_t *data, size_t size, uint64_t offset,
                       struct fy_error *err)
{
    size_t start = 0;
    size_t end = 0;
    while (end < size) {
        size_t piece = piece_at(offset + end, size - end);
        if (is_zero(data + end, piece)) {
            if (write_at(fd, name, data + start, end - start, offset + start, err) < 0)
                return -1;
            start = end + piece;
        }
        end += piece;
    }
    return write_at(fd, name, data + start, end - start, offset + start, err);
}

static int extract_blocks(struct archive *reader, int fd, const char *name, uint64_t size_bytes, struct fy_error *err)
{
    const void *data;
    size_t size;
    la_int64_t offset;
    for (;;) {
        int status = archive_read_data_block(reader, &data, &size, &offset);
        if (status == ARCHIVE_EOF)
            return 0;
        if (status == ARCHIVE_RETRY)
            continue;
        if (status != ARCHIVE_OK)
            return reader_fail(reader, name, err);
        if (offset < 0 || (uint64_t)offset > size_bytes || size > size_bytes - (uint64_t)offset)
            return fy_error_set(err, FY_E_FORMAT, "%s in the archive is longer than it says", name);
        if (write_block(fd, name, data, size, (uint64_t)offset, err) < 0)
            return -1;
    }
}

int extract_file(struct archive *reader, int dir_fd, const char *name, uint64_t size_bytes, struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return fy_error_set(err, FY_E_FORMAT, "the archive has %s twice", name);
    if (fd < 0)
        return fy_error_errno(err, errno, "cannot make %s", name);
    if (ftruncate(fd, (off_t)size_bytes) < 0)
        return fy_error_errno(err, errno, "cannot make %s of %" PRIu64 " bytes", name, size_bytes);
    return extract_blocks(reader, fd, name, size_bytes, err);
}

int extract_text(struct archive *reader, const char *name, uint64_t size_bytes, size_t limit_bytes, char **text,
                 size_t *size, struct fy_error *err)
{
    if (size_bytes > limit_bytes)
        return fy_error_set(err, FY_E_LIMIT, "%s in the archive is larger than %zu bytes", name, limit_bytes);
    FY_AUTO_FREE char *data = calloc(1, (size_t)size_bytes + 1);
    if (!data)
        return fy_error_set(err, FY_E_NOMEM, "no memory for %s", name);
    size_t filled = 0;
    while (filled < size_bytes) {
        la_ssize_t count = archive_read_data(reader, data + filled, (size_t)size_bytes - filled);
        if (count == ARCHIVE_RETRY)
            continue;
        if (count < 0)
            return reader_fail(reader, name, err);
        if (count == 0)
            return fy_error_set(err, FY_E_FORMAT, "%s in the archive is shorter than it says", name);
        filled += (size_t)count;
    }
    *size = filled;
    *text = fy_take(data);
    return 0;
}
