/* The choice of a compressor by measurement. */
#include "effort.h"

/* Weight of a new measurement. */
#define WEIGHT 0.2
/* Blocks with less to send say nothing about compressing: most of their time is something else. */
#define TELLING_BYTES 65536u
/* A link is measured over so much at least: frames are counted when they are whole, so that one alone tells nothing. */
#define TELLING_SENT_BYTES (2u * 1024u * 1024u)
/* While nothing is compressed, each so manieth block is, to know whether that is still right. */
#define LOOK_AGAIN 16u
/* With so much of all processors idle nobody has to wait for one. */
#define ENOUGH_IDLE 0.25
/* When so much of all is this process's, with what the kernel and a peer on the same host do for it, it is all ours. */
#define OWN_ALL 0.4
/* Until it is measured, a link is taken for one of 4 Gbit/s: a fast one would be held up for as long as it is taken for
 * slow, a slow one is known for what it is when the first blocks wait. */
#define FIRST_LINK_NS 2.0

/* Measured on a core of a current server: what matters is how they relate to each other. First what it takes to send a
 * byte with OpenSSL's AES and SHA-256 through libssh2; then the efforts, for text and programs. */
#define SENDING_NS 2.0
static const struct {
    double ns;     /* for a byte */
    double saving; /* of bytes */
} known[FY_EFFORT_COUNT] = {
    [FY_EFFORT_NONE] = {0.0, 0.0},
    [FY_EFFORT_LZ4] = {1.5, 0.50},
    [FY_EFFORT_ZSTD_1] = {2.6, 0.63},
    [FY_EFFORT_ZSTD_3] = {4.7, 0.66},
};

void fy_effort_init(struct fy_effort_model *model, unsigned workers, unsigned processors)
{
    *model = (struct fy_effort_model){
        .workers = workers < processors ? workers : processors,
        .processors = processors,
        .cost = 1.0,
        .saving = 1.0,
        .link_ns = FIRST_LINK_NS,
        .link_part = 1.0,
    };
}

static double larger(double one, double other)
{
    return one > other ? one : other;
}

static double time_of_byte(const struct fy_effort_model *model, enum fy_effort effort)
{
    double left = larger(1.0 - known[effort].saving * model->saving, 0.0);
    double work = known[effort].ns * model->cost;
    double processors = (work + left * SENDING_NS) / model->processors;
    return larger(larger(left * model->link_ns * model->link_part, work / model->workers), processors);
}

enum fy_effort fy_effort_choose(struct fy_effort_model *model)
{
    enum fy_effort best = FY_EFFORT_NONE;
    for (enum fy_effort effort = FY_EFFORT_LZ4; effort < FY_EFFORT_COUNT; effort++)
        if (time_of_byte(model, effort) < time_of_byte(model, best))
            best = effort;
    if (best == FY_EFFORT_NONE && ++model->skipped % LOOK_AGAIN == 0)
        return FY_EFFORT_LZ4;
    return best;
}

static void approach(double *value, double measured)
{
    *value += WEIGHT * (measured - *value);
}

void fy_effort_packed(struct fy_effort_model *model, enum fy_effort effort, uint64_t plain_bytes, uint64_t body_bytes,
                      uint64_t processor_ns)
{
    if (effort == FY_EFFORT_NONE || plain_bytes < TELLING_BYTES)
        return;
    double saved = 1.0 - (double)body_bytes / (double)plain_bytes;
    approach(&model->cost, (double)processor_ns / (double)plain_bytes / known[effort].ns);
    approach(&model->saving, saved / known[effort].saving);
}

void fy_effort_sent(struct fy_effort_model *model, uint64_t bytes, uint64_t ns)
{
    model->sent_bytes += bytes;
    model->sent_ns += ns;
    if (model->sent_bytes < TELLING_SENT_BYTES)
        return;
    approach(&model->link_ns, (double)model->sent_ns / (double)model->sent_bytes);
    model->sent_bytes = model->sent_ns = 0;
}

void fy_effort_used(struct fy_effort_model *model, const struct fy_processors_share *share)
{
    double idle = share->idle / ENOUGH_IDLE;
    double others = 1.0 - share->own / OWN_ALL;
    model->link_part = larger(larger(idle, others), 0.0);
    if (model->link_part > 1.0)
        model->link_part = 1.0;
}

void fy_effort_starved(struct fy_effort_model *model, uint64_t bytes, uint64_t ns)
{
    double most_ns = (double)ns / (double)bytes;
    if (most_ns < model->link_ns)
        approach(&model->link_ns, most_ns);
}
