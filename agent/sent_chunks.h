/* The chunks of an image set that were sent, by number, and how many of them the peer keeps. */
#ifndef FERRY_AGENT_SENT_CHUNKS_H
#define FERRY_AGENT_SENT_CHUNKS_H

#include "send_files.h"

struct fy_sent_chunk {
    const struct fy_send_file *file;
    uint64_t offset;
    uint32_t raw_bytes;
};

/* All zero is an empty list. */
struct fy_sent_chunks {
    struct fy_sent_chunk *items;
    uint32_t count;
    size_t capacity;
    uint32_t kept; /* the peer keeps all that come before */
    uint64_t kept_bytes;
};

/* Makes room for one more chunk, whose number is `count`. FY_E_NOMEM, or FY_E_LIMIT. */
int fy_sent_chunks_reserve(struct fy_sent_chunks *chunks, struct fy_error *err);
/* Adds a chunk for which there is room. */
void fy_sent_chunks_add(struct fy_sent_chunks *chunks, const struct fy_sent_chunk *chunk);
/* What the peer says that it keeps: never less than before, nothing that was not sent, and the sum is right.
 * FY_E_PROTOCOL. */
int fy_sent_chunks_acknowledge(struct fy_sent_chunks *chunks, uint32_t kept, uint64_t kept_bytes, struct fy_error *err);
void fy_sent_chunks_done(struct fy_sent_chunks *chunks);

#endif
