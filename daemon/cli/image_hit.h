/* Prints the hits of a search, each as it comes. */
#ifndef FERRY_CLI_IMAGE_HIT_H
#define FERRY_CLI_IMAGE_HIT_H

#include <ferry/imgcore/search.h>

struct hit_printer {
    const struct fy_explore *explore;
    bool json, colour;
    uint64_t count;
    /* The place that was named last; what follows in it is printed below. */
    bool is_shared;
    uint64_t memory;
    const struct fy_explore_mapping *mapping;
};

/* -1: no memory. */
int hit_print(struct hit_printer *printer, const struct fy_search_hit *hit);

#endif
