/* POSIX ustar headers; sizes of 8 GiB and more in GNU's binary form, which everything reads. */
#include "ustar.h"

#include <errno.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct header {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char user[32];
    char group[32];
    char major[8];
    char minor[8];
    char prefix[155];
    char padding[12];
};
_Static_assert(sizeof(struct header) == USTAR_BLOCK_BYTES, "a header is one block");

#define OCTAL_LIMIT ((uint64_t)1 << 33)

static void put_octal(char *field, size_t width, uint64_t value)
{
    for (size_t i = width - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

static void put_size(char field[12], uint64_t value)
{
    if (value < OCTAL_LIMIT) {
        put_octal(field, 12, value);
        return;
    }
    field[0] = (char)0x80;
    for (size_t i = 11; i > 0; i--, value >>= 8)
        field[i] = (char)(value & 0xff);
}

static void put_checksum(struct header *header)
{
    const unsigned char *bytes = (const unsigned char *)header;
    unsigned sum = 0;
    memset(header->checksum, ' ', sizeof header->checksum);
    for (size_t i = 0; i < sizeof *header; i++)
        sum += bytes[i];
    put_octal(header->checksum, 7, sum);
    header->checksum[6] = '\0';
}

int ustar_write_header(int fd, off_t offset, const char *name, uint64_t size_bytes, int64_t mtime_s,
                       struct fy_error *err)
{
    struct header header = {.type = '0', .magic = "ustar", .version = {'0', '0'}};
    (void)snprintf(header.name, sizeof header.name, "%s", name);
    put_octal(header.mode, sizeof header.mode, 0644);
    put_octal(header.uid, sizeof header.uid, 0);
    put_octal(header.gid, sizeof header.gid, 0);
    put_size(header.size, size_bytes);
    put_octal(header.mtime, sizeof header.mtime, mtime_s > 0 ? (uint64_t)mtime_s : 0);
    put_checksum(&header);
    ssize_t count = pwrite(fd, &header, sizeof header, offset);
    if (count == (ssize_t)sizeof header)
        return 0;
    return fy_error_errno(err, count < 0 ? errno : ENOSPC, "cannot write the archive");
}

int ustar_pad(int fd, uint64_t size_bytes, struct fy_error *err)
{
    static const char zeros[USTAR_BLOCK_BYTES];
    size_t over = (size_t)(size_bytes % USTAR_BLOCK_BYTES);
    return over == 0 ? 0 : fy_fs_write_all(fd, zeros, USTAR_BLOCK_BYTES - over, err);
}

int ustar_write_file(int fd, const char *name, const void *data, size_t size, int64_t mtime_s, struct fy_error *err)
{
    off_t offset = lseek(fd, 0, SEEK_CUR);
    if (offset < 0 || lseek(fd, USTAR_BLOCK_BYTES, SEEK_CUR) < 0)
        return fy_error_errno(err, errno, "cannot write the archive");
    if (ustar_write_header(fd, offset, name, size, mtime_s, err) < 0 || fy_fs_write_all(fd, data, size, err) < 0)
        return -1;
    return ustar_pad(fd, size, err);
}

int ustar_end(int fd, struct fy_error *err)
{
    static const char zeros[2 * USTAR_BLOCK_BYTES];
    return fy_fs_write_all(fd, zeros, sizeof zeros, err);
}
