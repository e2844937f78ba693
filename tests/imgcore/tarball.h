/* Tars by hand, so that they may be wrong in every way. Everything asserts its own success. */
#ifndef FERRY_TESTS_IMGCORE_TARBALL_H
#define FERRY_TESTS_IMGCORE_TARBALL_H

#include <stddef.h>
#include <stdint.h>

/* An unnamed file; to be closed. */
int tarball_open(void);
/* One entry: `type` as in a ustar header ('0' a file, '5' a directory, '1' a hard link, '2' a symbolic link, …); `size`
 * is what the header says, the content is `text`. */
void tarball_put(int fd, const char *name, char type, const char *link, uint64_t size, const char *text);
/* A plain file. */
void tarball_file(int fd, const char *name, const char *text);
void tarball_end(int fd);
/* The whole file, to be freed. */
uint8_t *tarball_bytes(int fd, size_t *size);
/* An unnamed file with these bytes. */
int tarball_of(const uint8_t *bytes, size_t size);

#endif
