/* Chunks by number. */
#include "arrivals.h"

#include "block.h"

#include <stdlib.h>
#include <string.h>

struct fy_arrival {
    uint64_t record;
    uint32_t raw_bytes; /* 0: has not arrived */
    bool kept;
};

static int make_room(struct fy_arrivals *arrivals, uint32_t number, struct fy_error *err)
{
    uint32_t wanted = arrivals->capacity ? arrivals->capacity : 64;
    while (wanted <= number)
        wanted *= 2;
    if (wanted == arrivals->capacity)
        return 0;
    struct fy_arrival *grown = reallocarray(arrivals->items, wanted, sizeof *grown);
    if (!grown)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the list of chunks");
    memset(grown + arrivals->capacity, 0, (wanted - arrivals->capacity) * sizeof *grown);
    arrivals->items = grown;
    arrivals->capacity = wanted;
    return 0;
}

int fy_arrivals_add(struct fy_arrivals *arrivals, uint32_t number, uint32_t raw_bytes, uint64_t record,
                    struct fy_error *err)
{
    if (number >= arrivals->limit)
        return fy_error_set(err, FY_E_PROTOCOL, "chunk number %u, where fewer than %u fit into the space offered",
                            number, arrivals->limit);
    if (make_room(arrivals, number, err) < 0)
        return -1;
    struct fy_arrival *item = &arrivals->items[number];
    if (item->raw_bytes > 0)
        return fy_error_set(err, FY_E_PROTOCOL, "chunk number %u arrived twice", number);
    *item = (struct fy_arrival){.record = record, .raw_bytes = raw_bytes};
    arrivals->arrived++;
    if (number >= arrivals->end)
        arrivals->end = number + 1;
    return 0;
}

void fy_arrivals_keep(struct fy_arrivals *arrivals, uint32_t number)
{
    arrivals->items[number].kept = true;
    while (arrivals->kept < arrivals->end && arrivals->items[arrivals->kept].kept)
        arrivals->kept_bytes += arrivals->items[arrivals->kept++].raw_bytes;
}

bool fy_arrivals_are(const struct fy_arrivals *arrivals, uint32_t count)
{
    return arrivals->arrived == count && arrivals->end == count;
}

uint64_t fy_arrivals_digest(const struct fy_arrivals *arrivals)
{
    uint64_t digest = 0;
    for (uint32_t i = 0; i < arrivals->end; i++)
        digest = fy_block_chain(digest, arrivals->items[i].record);
    return digest;
}

void fy_arrivals_done(struct fy_arrivals *arrivals)
{
    free(arrivals->items);
    *arrivals = (struct fy_arrivals){0};
}
