/* The findings about one image set, kept until all are there, for printing them in one piece. */
#ifndef FERRY_CLI_FOUND_H
#define FERRY_CLI_FOUND_H

#include <ferry/base/json.h>
#include <ferry/imgcore/verify.h>
#include <stdio.h>

struct found {
    struct fy_finding *items; /* file and what are owned */
    size_t count, capacity;
    size_t by_severity[FY_SEVERITY_ERROR + 1]; /* of those in the list */
    bool out_of_memory;
};

/* A fy_finding_fn; `data` is the struct found. */
void found_add(const struct fy_finding *finding, void *data);
void found_done(struct found *found);

/* A block of lines for each: severity, code and place; what is wrong; what a restore does; what to do. */
void found_print(const struct found *found, FILE *out);
/* The same as the array `findings`. */
void found_json(const struct found *found, struct fy_json *json);

#endif
