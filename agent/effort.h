/* How hard to compress: a model of what a byte costs here and on the link, fed by what is measured, which says which
 * effort gets the set across soonest. Compressing and sending go on side by side, so the slower of them counts.
 *
 *     time of a byte = max(time to compress it / workers, its share of the link after compression)
 *
 * Time is what the clock says: where processors are short, compressing takes longer, and less of it is done.
 * Where the link is fast enough that compressing could only hold it up, nothing is compressed. Pure. */
#ifndef FERRY_AGENT_EFFORT_H
#define FERRY_AGENT_EFFORT_H

#include "codec.h"

struct fy_effort_model {
    double workers;   /* that compress side by side */
    double cost;      /* time, as a multiple of what each effort is known to take */
    double saving;    /* of bytes, as a multiple of what each effort is known to save */
    double link_ns;   /* for a byte on the link */
    unsigned skipped; /* blocks since anything was compressed */
};

void fy_effort_init(struct fy_effort_model *model, unsigned workers);
enum fy_effort fy_effort_choose(struct fy_effort_model *model);
/* One block: `plain_bytes` took `ns` and became `body_bytes` (the same when it did not get smaller). */
void fy_effort_packed(struct fy_effort_model *model, enum fy_effort effort, uint64_t plain_bytes, uint64_t body_bytes,
                      uint64_t ns);
/* The link, which had enough to send all the time, took `bytes` in `ns`. */
void fy_effort_sent(struct fy_effort_model *model, uint64_t bytes, uint64_t ns);
/* The link would have taken more than was ready: it is faster than thought. */
void fy_effort_starved(struct fy_effort_model *model);

#endif
