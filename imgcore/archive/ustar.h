/* The outermost tar of an oci-archive, block by block: its first header is written when what follows it is known.
 * Private to the library. */
#ifndef FERRY_ARCHIVE_USTAR_H
#define FERRY_ARCHIVE_USTAR_H

#include <ferry/base/error.h>
#include <stdint.h>
#include <sys/types.h>

#define USTAR_BLOCK_BYTES 512

/* A regular file's header, at `offset` of `fd`; `name` has at most 99 characters. */
int ustar_write_header(int fd, off_t offset, const char *name, uint64_t size_bytes, int64_t mtime_s,
                       struct fy_error *err);
/* Zeros up to the next block, where `fd` stands. */
int ustar_pad(int fd, uint64_t size_bytes, struct fy_error *err);
/* A whole file, and a tar's end, where `fd` stands. */
int ustar_write_file(int fd, const char *name, const void *data, size_t size, int64_t mtime_s, struct fy_error *err);
int ustar_end(int fd, struct fy_error *err);

#endif
