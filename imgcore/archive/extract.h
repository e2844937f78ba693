/* One file out of an archive. Private to the library. */
#ifndef FERRY_ARCHIVE_EXTRACT_H
#define FERRY_ARCHIVE_EXTRACT_H

#include <archive.h>
#include <ferry/base/error.h>
#include <stddef.h>
#include <stdint.h>

/* The content of the entry at which `reader` stands, into a new file of the directory, mode 0600. Pages of zeros become
 * holes. FY_E_FORMAT when the file is there already. */
int extract_file(struct archive *reader, int dir_fd, const char *name, uint64_t size_bytes, struct fy_error *err);
/* The same into memory, NUL-terminated, freed by the caller. FY_E_LIMIT. */
int extract_text(struct archive *reader, const char *name, uint64_t size_bytes, size_t limit_bytes, char **text,
                 size_t *size, struct fy_error *err);

#endif
