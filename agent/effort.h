/* How hard to compress: a model of what a byte costs here and on the link, fed by what is measured, which says which
 * effort gets the set across soonest. Compressing and sending go on side by side, so the slowest of them counts:
 *
 *     the link          its share of the bytes after compression
 *     the compressors   processor time of compressing / workers
 *     the processors    processor time of compressing, encrypting and sending / processors
 *
 * What the clock says of the link holds what its threads waited for a processor. Where all processors are busy, and
 * most of that is our doing, that is all there is to it: then what saves processor time is done, not what saves bytes.
 * Where the link is fast enough that compressing could only hold it up, nothing is compressed. Pure. */
#ifndef FERRY_AGENT_EFFORT_H
#define FERRY_AGENT_EFFORT_H

#include "codec.h"
#include "processors.h"

struct fy_effort_model {
    double workers; /* that compress side by side */
    double processors;
    double cost;         /* processor time, as a multiple of what each effort is known to take */
    double saving;       /* of bytes, as a multiple of what each effort is known to save */
    double link_ns;      /* for a byte on the link, by the clock */
    double link_part;    /* of that: what is the link's doing */
    uint64_t sent_bytes; /* since it was last measured, and in what time */
    uint64_t sent_ns;
    unsigned skipped; /* blocks since anything was compressed */
};

void fy_effort_init(struct fy_effort_model *model, unsigned workers, unsigned processors);
enum fy_effort fy_effort_choose(struct fy_effort_model *model);
/* One block: `plain_bytes` took `processor_ns` and became `body_bytes` (the same when it did not get smaller). */
void fy_effort_packed(struct fy_effort_model *model, enum fy_effort effort, uint64_t plain_bytes, uint64_t body_bytes,
                      uint64_t processor_ns);
/* The link, which had enough to send all the time, took `bytes` in `ns`. */
void fy_effort_sent(struct fy_effort_model *model, uint64_t bytes, uint64_t ns);
/* How far the processors were used meanwhile. */
void fy_effort_used(struct fy_effort_model *model, const struct fy_processors_share *share);
/* The link took `bytes` (not 0) in `ns` and would have taken more: it is at least so fast. */
void fy_effort_starved(struct fy_effort_model *model, uint64_t bytes, uint64_t ns);

#endif
