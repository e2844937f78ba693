/* Gives back the source's memory of pages that the destination keeps: punches them out of their files, oldest first, in
 * the thread pool. As much stays as does not hurt: a set that is whole can be restored at the source, and punching
 * takes processor time from sending. */
#ifndef FERRY_AGENT_PUNCH_H
#define FERRY_AGENT_PUNCH_H

#include "sent_chunks.h"

#include <uv.h>

/* At least that much stays, so that a small image set stays whole; beyond it a share of the memory that is free. */
#define FY_PUNCH_SPARE_BYTES (64u * 1024u * 1024u)
#define FY_PUNCH_SPARE_SHARE 4u
#define FY_PUNCH_BATCH 64u

struct fy_punch {
    uv_work_t work;
    bool working;
    uint32_t next;          /* the chunks before it are punched, or not to be */
    uint64_t punched_bytes; /* all of them together */
    uint64_t spare_bytes;   /* the last so many stay */
    struct fy_sent_chunk batch[FY_PUNCH_BATCH];
    unsigned batch_count;
    int dir_fd;               /* borrowed */
    void (*idle)(void *data); /* the thread pool has no work for it any more */
    void *data;
};

/* How much may stay where so much memory is free (UINT64_MAX: nobody knows). */
uint64_t fy_punch_spare_bytes(uint64_t free_bytes);
/* Looks whether anything is to be punched, and starts. To be called when more is kept, and from `idle`. */
void fy_punch_advance(struct fy_punch *punch, uv_loop_t *loop, const struct fy_sent_chunks *chunks);
/* Whether all files with pages still have all of their content. False also when that cannot be found out. */
bool fy_punch_is_whole(const char *directory);

#endif
