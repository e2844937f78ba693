/* The files of an image set while CRIU writes them, and which block of them is sent next.
 *
 * While the set grows only files that are appended to are known, and of these the full blocks; once it is final every
 * file is known with its size, and what is left of it is handed out to the end. */
#ifndef FERRY_AGENT_SEND_FILES_H
#define FERRY_AGENT_SEND_FILES_H

#include "image_files.h"

#include <stdbool.h>

struct fy_send_file {
    char *name;
    uint32_t number; /* in the order in which they were met */
    uint64_t size_bytes;
    uint64_t next_offset;
    bool ended; /* its end was handed out */
};

/* All zero is an empty one. */
struct fy_send_files {
    struct fy_send_file **items; /* by name */
    size_t count;
    size_t cursor; /* those before have nothing to hand out */
    bool final;
    uint64_t total_bytes;
};

struct fy_send_block {
    struct fy_send_file *file;
    uint64_t offset;
    uint32_t raw_bytes; /* 0: only the end of the file */
    bool last;
};

/* Takes in what a listing has found; `final`: nothing is written any more. FY_E_IO for a file that went or became
 * shorter, FY_E_NOMEM. */
int fy_send_files_update(struct fy_send_files *files, const struct fy_image_files *found, bool final,
                         struct fy_error *err);
/* The next block; false when there is none (yet). */
bool fy_send_files_next(struct fy_send_files *files, struct fy_send_block *block);
void fy_send_files_done(struct fy_send_files *files);

#endif
