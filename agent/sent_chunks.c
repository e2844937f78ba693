/* Sent chunks by number. */
#include "sent_chunks.h"

#include <ferry/base/array.h>
#include <stdlib.h>

int fy_sent_chunks_reserve(struct fy_sent_chunks *chunks, struct fy_error *err)
{
    if (chunks->count == UINT32_MAX)
        return fy_error_set(err, FY_E_LIMIT, "the image set has more than %u blocks", chunks->count);
    return fy_array_room(&chunks->items, &chunks->capacity, chunks->count, sizeof *chunks->items, "the list of chunks",
                         err);
}

void fy_sent_chunks_add(struct fy_sent_chunks *chunks, const struct fy_sent_chunk *chunk)
{
    chunks->items[chunks->count++] = *chunk;
}

int fy_sent_chunks_acknowledge(struct fy_sent_chunks *chunks, uint32_t kept, uint64_t kept_bytes, struct fy_error *err)
{
    uint64_t sum = chunks->kept_bytes;
    bool possible = kept >= chunks->kept && kept <= chunks->count;
    for (uint32_t i = chunks->kept; possible && i < kept; i++)
        sum += chunks->items[i].raw_bytes;
    if (!possible || sum != kept_bytes)
        return fy_error_set(err, FY_E_PROTOCOL, "the peer acknowledges %u chunks of %llu bytes; %u were sent", kept,
                            (unsigned long long)kept_bytes, chunks->count);
    chunks->kept = kept;
    chunks->kept_bytes = sum;
    return 0;
}

void fy_sent_chunks_done(struct fy_sent_chunks *chunks)
{
    free(chunks->items);
    *chunks = (struct fy_sent_chunks){0};
}
