/* One tar, opened with libarchive for reading. Private to the library. */
#ifndef FERRY_ARCHIVE_READER_H
#define FERRY_ARCHIVE_READER_H

#include <archive.h>
#include <archive_entry.h>
#include <ferry/base/error.h>

#define READER_BLOCK_BYTES ((size_t)256 * 1024)

/* From where `fd` stands. The reader is freed with reader_cleanup(). */
int reader_open(int fd, struct archive **reader, struct fy_error *err);
/* A tar inside the entry at which `outer` stands. */
int reader_open_nested(archive_read_callback *read, void *data, struct archive **reader, struct fy_error *err);
/* 1: `*entry` is the next one, 0: there is none, -1: FY_E_FORMAT, FY_E_IO. */
int reader_next(struct archive *reader, struct archive_entry **entry, struct fy_error *err);
/* What libarchive complains of, as an error. Returns -1. */
int reader_fail(struct archive *reader, const char *what, struct fy_error *err);
void reader_cleanup(struct archive **reader);

#endif
