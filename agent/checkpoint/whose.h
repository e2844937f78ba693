/* Whose memory is in a damaged piece of a pages file? Private to the store. */
#ifndef FERRY_CHECKPOINT_WHOSE_H
#define FERRY_CHECKPOINT_WHOSE_H

#include "store.h"

#define WHOSE_SIZE 200

struct whose_place {
    const Ferry__Checkpoint__Record *record; /* of the level */
    int dir_fd;
    const Ferry__Checkpoint__File *file;
    const struct fy_checkpoint_key *key;
};

/* "memory of task 12 at 0x7f… to 0x7f…"; "" when it is no memory, or cannot be told. The range is of the stored file.
 */
void whose_memory(const struct whose_place *place, uint64_t stored_offset, uint64_t stored_bytes,
                  char text[WHOSE_SIZE]);

#endif
