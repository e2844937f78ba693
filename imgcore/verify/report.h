/* Reporting of findings: counts all, and hands on the first of each kind in each file. */
#ifndef FERRY_IMGCORE_VERIFY_REPORT_H
#define FERRY_IMGCORE_VERIFY_REPORT_H

#include "vector.h"
#include <ferry/imgcore/verify.h>

/* How often one finding was made in one file. */
struct report_count {
    enum fy_finding_id id;
    char *file; /* owned */
    uint64_t count;
};

struct fy_report {
    fy_finding_fn *callback;
    void *data;
    size_t by_severity[FY_SEVERITY_ERROR + 1];
    VECTOR(struct report_count) counts;
    size_t latest[FY_FINDING_COUNT]; /* index + 1 in counts of the file that last had the finding */
    uint64_t uncounted;              /* in so many files that counts has no room for them */
    bool out_of_memory;
};

void fy_report_init(struct fy_report *report, fy_finding_fn *callback, void *data);
void fy_report_done(struct fy_report *report);
/* `finding` needs id, file, entry and what; the rest is filled in here. */
void fy_report_add(struct fy_report *report, const struct fy_finding *finding);
/* Says how many were not handed on. FY_E_NOMEM if memory ran out at some time. */
int fy_report_finish(struct fy_report *report, struct fy_error *err);

#endif
