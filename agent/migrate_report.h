/* Bookkeeping of a migration's report: phases, times, rate. Shared by both sides. */
#ifndef FERRY_AGENT_MIGRATE_REPORT_H
#define FERRY_AGENT_MIGRATE_REPORT_H

#include <ferry/agent/migrate.h>

#define FY_RATE_SAMPLES 11u /* one a tick of 100 ms: the last second */

struct fy_report_clock {
    uint64_t start_ns;
    uint64_t freeze_ns; /* 0: not frozen yet */
    uint64_t samples[FY_RATE_SAMPLES];
    unsigned sample_count;
};

void fy_report_start(struct fy_migration_report *report, struct fy_report_clock *clock);
/* Ends the phase that is open, if any, and opens this one (NULL: none). */
void fy_report_phase(struct fy_migration_report *report, const struct fy_report_clock *clock, const char *name);
/* Updates elapsed time; called before the report is shown. */
void fy_report_touch(struct fy_migration_report *report, const struct fy_report_clock *clock);
/* One tick of 100 ms: updates rate_bytes. */
void fy_report_sample(struct fy_migration_report *report, struct fy_report_clock *clock);
/* Adds an item of the preflight; beyond FY_MAX_PREFLIGHT nothing is added. Texts are made printable. */
void fy_report_preflight(struct fy_migration_report *report, const char *name, bool ok, const char *detail,
                         const char *next);

#endif
