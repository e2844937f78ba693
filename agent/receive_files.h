/* The files of an image set while they arrive, in any order: created in the directory at the first word of them, each
 * block exactly once, of the length that their end says. Nothing of the peer is believed. */
#ifndef FERRY_AGENT_RECEIVE_FILES_H
#define FERRY_AGENT_RECEIVE_FILES_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fy_receive_file;

struct fy_receive_files {
    int dir_fd;                     /* borrowed */
    uint64_t limit_bytes;           /* for the sum of all extents */
    struct fy_receive_file **items; /* by the peer's number of the file; NULL: no word of it yet */
    size_t capacity;
    uint32_t count;
    uint32_t ended;        /* files of which the end has come */
    uint32_t complete;     /* files of which the end and all blocks have come */
    uint64_t extent_bytes; /* sum over all files of how far they reach */
};

/* The name under which the block of a file is to be written (valid as long as the table), having checked that it is on
 * the grid, new, and within the space. NULL with FY_E_PROTOCOL, FY_E_NOSPACE, FY_E_IO, FY_E_NOMEM. */
const char *fy_receive_files_block(struct fy_receive_files *files, uint32_t number, const char *name, uint64_t offset,
                                   uint32_t raw_bytes, struct fy_error *err);
/* The end of a file, which may come before its blocks: gives it its size. */
int fy_receive_files_end(struct fy_receive_files *files, uint32_t number, const char *name, uint64_t size_bytes,
                         struct fy_error *err);
/* The name of a file of which something has come already; NULL for any other number. */
const char *fy_receive_files_name(const struct fy_receive_files *files, uint32_t number);
/* Whether these are so many files of so many bytes together, all of them complete. */
bool fy_receive_files_are(const struct fy_receive_files *files, uint32_t count, uint64_t bytes);
void fy_receive_files_done(struct fy_receive_files *files);

#endif
