/* Gives back the source's memory of pages that the destination keeps: punches them out of their files, oldest first, in
 * the thread pool. The last FY_PUNCH_SPARE_BYTES stay, so that a small image set stays whole. */
#ifndef FERRY_AGENT_PUNCH_H
#define FERRY_AGENT_PUNCH_H

#include "sent_chunks.h"

#include <uv.h>

#define FY_PUNCH_SPARE_BYTES (64u * 1024u * 1024u)
#define FY_PUNCH_BATCH 64u

struct fy_punch {
    uv_work_t work;
    bool working;
    uint32_t next;          /* the chunks before it are punched, or not to be */
    uint64_t punched_bytes; /* all of them together */
    struct fy_sent_chunk batch[FY_PUNCH_BATCH];
    unsigned batch_count;
    int dir_fd;               /* borrowed */
    void (*idle)(void *data); /* the thread pool has no work for it any more */
    void *data;
};

/* Looks whether anything is to be punched, and starts. To be called when more is kept, and from `idle`. */
void fy_punch_advance(struct fy_punch *punch, uv_loop_t *loop, const struct fy_sent_chunks *chunks);
/* Whether all files with pages still have all of their content. False also when that cannot be found out. */
bool fy_punch_is_whole(const char *directory);

#endif
