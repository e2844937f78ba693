/* An image set as one string of bytes, for fuzzing what reads whole sets.
 *
 *     archive := { name '\n' u32 stored, u32 zeros, stored bytes }          integers are little-endian
 *
 * A file is its stored bytes and then `zeros` zero bytes (a hole: the content of pages files). A name that begins with
 * "p/" is a file of the parent set; when there is any, the set has the link `parent`. Everything is clamped to what is
 * there, so that any bytes at all are an archive. */
#ifndef TESTS_FUZZ_ARCHIVE_H
#define TESTS_FUZZ_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARCHIVE_FILES 96
#define ARCHIVE_NAME_SIZE 48
#define ARCHIVE_ZEROS ((uint32_t)64 << 20)

struct archive_file {
    char name[ARCHIVE_NAME_SIZE]; /* plain, without "p/" */
    bool in_parent;
    uint32_t zeros;
    size_t size;
    const uint8_t *data; /* in the archive */
};

struct archive {
    size_t count;
    struct archive_file files[ARCHIVE_FILES];
};

void archive_parse(struct archive *archive, const uint8_t *data, size_t size);
/* The archive's bytes, at most `capacity`; returns how many. `data` must not overlap the files' content. */
size_t archive_print(const struct archive *archive, uint8_t *data, size_t capacity);
/* Whether the file is in the set as it is unpacked: not of the parent, and not replaced by a later one of its name. */
bool archive_is_in_set(const struct archive *archive, size_t index);
/* Puts the set into a directory of its own on a memory file system, instead of the one before, and returns the
 * directory, which is not the caller's to close. Aborts when the file system does not work. */
int archive_unpack(const struct archive *archive);

#endif
