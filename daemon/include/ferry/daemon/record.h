/* A job's record: one immutable snapshot of what is known of a job, as clients see it and as the store keeps it.
 * Every change makes a new one, so watchers, the store's thread and the job table can hold theirs without copying. */
#ifndef FERRY_DAEMON_RECORD_H
#define FERRY_DAEMON_RECORD_H

#include <ferry/agent/migrate.h>
#include <ferry/base/error.h>
#include <ferry/control.pb-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fy_record {
    unsigned refs;            /* touched on the loop's thread only */
    Ferry__Control__Job *job; /* never changed */
};

/* A deep copy; `job` may point into anybody's memory. NULL with FY_E_NOMEM or FY_E_LIMIT. The caller owns one
 * reference. */
struct fy_record *fy_record_new(const Ferry__Control__Job *job, struct fy_error *err);
/* From what fy_record_pack() gave. FY_E_FORMAT. */
struct fy_record *fy_record_unpack(const void *data, size_t size, struct fy_error *err);
/* Bytes that the caller frees. */
int fy_record_pack(const struct fy_record *record, uint8_t **data, size_t *size, struct fy_error *err);
struct fy_record *fy_record_ref(struct fy_record *record);
/* NULL is legal. */
void fy_record_unref(struct fy_record *record);

/* The snapshot after `report`: `before` gives what a migration does not know (id, times, plan, logs). */
struct fy_record *fy_record_after_report(const struct fy_record *before, const struct fy_migration_report *report,
                                         struct fy_error *err);
/* The snapshot after the job ended without a migration's report: never started, or lost in a restart. `cause` may be
 * NULL. */
struct fy_record *fy_record_after_end(const struct fy_record *before, Ferry__Control__JobState state,
                                      const char *workload_state, const struct fy_error *cause, struct fy_error *err);

/* COMPLETED, FAILED or CANCELLED: nothing follows. */
bool fy_record_ended(const struct fy_record *record);
/* Something else than progress differs: state, a phase begun or ended, the end itself. */
bool fy_record_is_step(const struct fy_record *before, const struct fy_record *after);
/* "pre-switchover"; never NULL. */
const char *fy_job_state_name(Ferry__Control__JobState state);
/* "migration", "checkpoint", …; never NULL. */
const char *fy_job_kind_name(const Ferry__Control__Job *job);
/* The phase that goes on, or the last one; NULL when none has begun. */
const char *fy_job_phase_name(const Ferry__Control__Job *job);

#endif
