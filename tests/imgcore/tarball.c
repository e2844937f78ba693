/* ustar headers from their fields. */
#include "tarball.h"

#include <criterion/criterion.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 512

int tarball_open(void)
{
    int fd = memfd_create("tarball", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    return fd;
}

static void pad(int fd, size_t size)
{
    static const char zeros[BLOCK];
    if (size % BLOCK)
        cr_assert_eq(fy_fs_write_all(fd, zeros, BLOCK - size % BLOCK, NULL), 0);
}

void tarball_put(int fd, const char *name, char type, const char *link, uint64_t size, const char *text)
{
    char header[BLOCK] = "";
    unsigned sum = 0;
    (void)snprintf(header, 100, "%s", name);
    memcpy(header + 100, "0000600", 8);
    memcpy(header + 108, "0000000", 8);
    memcpy(header + 116, "0000000", 8);
    (void)snprintf(header + 124, 12, "%011llo", (unsigned long long)size);
    memcpy(header + 136, "00000000000", 12);
    memset(header + 148, ' ', 8);
    header[156] = type;
    (void)snprintf(header + 157, 100, "%s", link ? link : "");
    memcpy(header + 257, "ustar", 6);
    memcpy(header + 263, "00", 2);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)header[i];
    (void)snprintf(header + 148, 7, "%06o", sum);
    cr_assert_eq(fy_fs_write_all(fd, header, BLOCK, NULL), 0);
    cr_assert_eq(fy_fs_write_all(fd, text, strlen(text), NULL), 0);
    pad(fd, strlen(text));
}

void tarball_file(int fd, const char *name, const char *text)
{
    tarball_put(fd, name, '0', NULL, strlen(text), text);
}

void tarball_end(int fd)
{
    static const char zeros[2 * BLOCK];
    cr_assert_eq(fy_fs_write_all(fd, zeros, sizeof(zeros), NULL), 0);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
}

uint8_t *tarball_bytes(int fd, size_t *size)
{
    struct stat status;
    cr_assert_eq(fstat(fd, &status), 0);
    uint8_t *bytes = malloc((size_t)status.st_size + 1);
    cr_assert_eq(pread(fd, bytes, (size_t)status.st_size, 0), status.st_size);
    *size = (size_t)status.st_size;
    return bytes;
}

int tarball_of(const uint8_t *bytes, size_t size)
{
    int fd = tarball_open();
    cr_assert_eq(fy_fs_write_all(fd, bytes, size, NULL), 0);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}
