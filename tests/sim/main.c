/* sim: many migrations in many bad worlds.
 *
 *     sim [--seeds N] [--first SEED]     prints what was run, and the seeds that break a rule
 *     sim --seed SEED --trace            one of them, step by step
 *     sim --together 3 ...               the same for so many workloads of one group
 */
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct options {
    uint64_t first, count;
    unsigned together; /* workloads in a group; 1: each alone */
    bool trace;
    bool stop; /* at the first seed that breaks a rule */
};

static bool read_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0)
            options->trace = true;
        else if (strcmp(argv[i], "--stop") == 0)
            options->stop = true;
        else if (i + 1 < argc && strcmp(argv[i], "--seeds") == 0)
            options->count = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--first") == 0)
            options->first = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--together") == 0)
            options->together = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            options->first = strtoull(argv[++i], NULL, 10);
            options->count = 1;
        } else
            return false;
    }
    return options->together >= 1 && options->together <= SIM_MEMBERS;
}

struct totals {
    uint64_t events, checks, completed, rolled_back, recovered, none, broken;
};

static void count(struct totals *totals, const struct world *w)
{
    bool moved = w->hosts[DESTINATION].restore.copy == COPY_RUNS;
    totals->events += w->events;
    totals->checks += w->checks;
    totals->completed += moved;
    totals->rolled_back += w->tasks == TASKS_RUN;
    totals->recovered += w->hosts[SOURCE].restore.copy == COPY_RUNS;
    totals->none += !moved && w->tasks != TASKS_RUN && w->hosts[SOURCE].restore.copy != COPY_RUNS;
    totals->broken += w->broken != NULL;
}

int main(int argc, char **argv)
{
    static struct world worlds[SIM_MEMBERS];
    struct options options = {.first = 1, .count = 100000, .together = 1};
    struct totals totals = {0};
    if (!read_options(argc, argv, &options)) {
        (void)fprintf(stderr,
                      "usage: sim [--together N] [--seeds N] [--first SEED] [--stop] | --seed SEED [--trace]\n");
        return 2;
    }
    if (options.trace) /* also of a seed that ends in an abort() */
        setvbuf(stdout, NULL, _IONBF, 0);
    for (uint64_t i = 0; i < options.count && !(options.stop && totals.broken); i++) {
        sim_run(worlds, options.together, options.first + i, options.trace ? stdout : NULL);
        for (unsigned j = 0; j < options.together; j++) {
            count(&totals, &worlds[j]);
            if (worlds[j].broken && totals.broken <= 10)
                (void)printf("seed %" PRIu64 ": %s\n", worlds[j].seed, worlds[j].broken);
        }
    }
    (void)printf("%" PRIu64 " seeds, %" PRIu64 " events, %" PRIu64 " checks: moved %" PRIu64 ", rolled back %" PRIu64
                 ", recovered %" PRIu64 ", down with a host %" PRIu64 "; broken %" PRIu64 "\n",
                 options.count, totals.events, totals.checks, totals.completed, totals.rolled_back, totals.recovered,
                 totals.none, totals.broken);
    return totals.broken ? 1 : 0;
}
