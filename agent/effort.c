/* The choice of a compressor by measurement. */
#include "effort.h"

/* Weight of a new measurement. */
#define WEIGHT 0.2
/* Blocks with less to send say nothing about compressing: most of their time is something else. */
#define TELLING_BYTES 65536u
/* While nothing is compressed, each so manieth block is, to know whether that is still right. */
#define LOOK_AGAIN 16u
/* Until it is measured, a link is taken for one of 1 Gbit/s. */
#define FIRST_LINK_NS 8.0

/* Measured for text and programs, a core of a current server: what matters is how they relate to each other. */
static const struct {
    double ns;     /* for a byte */
    double saving; /* of bytes */
} known[FY_EFFORT_COUNT] = {
    [FY_EFFORT_NONE] = {0.0, 0.0},
    [FY_EFFORT_LZ4] = {1.5, 0.50},
    [FY_EFFORT_ZSTD_1] = {2.6, 0.63},
    [FY_EFFORT_ZSTD_3] = {4.7, 0.66},
};

void fy_effort_init(struct fy_effort_model *model, unsigned workers)
{
    *model = (struct fy_effort_model){.workers = workers, .cost = 1.0, .saving = 1.0, .link_ns = FIRST_LINK_NS};
}

static double time_of_byte(const struct fy_effort_model *model, enum fy_effort effort)
{
    double left = 1.0 - known[effort].saving * model->saving;
    double link = (left > 0.0 ? left : 0.0) * model->link_ns;
    double work = known[effort].ns * model->cost / model->workers;
    return work > link ? work : link;
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
                      uint64_t ns)
{
    if (effort == FY_EFFORT_NONE || plain_bytes < TELLING_BYTES)
        return;
    double saved = 1.0 - (double)body_bytes / (double)plain_bytes;
    approach(&model->cost, (double)ns / (double)plain_bytes / known[effort].ns);
    approach(&model->saving, saved / known[effort].saving);
}

void fy_effort_sent(struct fy_effort_model *model, uint64_t bytes, uint64_t ns)
{
    if (bytes > 0)
        approach(&model->link_ns, (double)ns / (double)bytes);
}

void fy_effort_starved(struct fy_effort_model *model)
{
    approach(&model->link_ns, 0.0);
}
