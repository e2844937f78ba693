/* Hashes many files on all processors. */
#ifndef FERRY_MANIFEST_HASH_FILES_H
#define FERRY_MANIFEST_HASH_FILES_H

#include "tree.h"

struct hash_job {
    const char *name;
    uint64_t size_bytes;
    struct hash *chunks; /* filled in: fy_chunks_of(size_bytes) */
};

/* `threads` 0: one a processor. Each has a buffer of one chunk. FY_E_BUSY when a file has not the size it had, or is no
 * regular file any more. */
int fy_hash_files(int dir_fd, const struct hash_job *jobs, size_t count, unsigned threads, struct fy_error *err);

#endif
