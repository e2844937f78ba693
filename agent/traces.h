/* What a migration has set going outside of ferryd, so that a ferryd that was killed finds it again by pid and start
 * time: CRIU and the runtime ("helpers"), the workload's tasks, and whether a restore was told to let them run.
 *
 * Kept in RUN_DIR/jobs/ID/traces: memory-backed, since none of it outlives the host's boot. */
#ifndef FERRY_AGENT_TRACES_H
#define FERRY_AGENT_TRACES_H

#include "proc.h"

#include <ferry/agent/driver.h>

struct fy_traces {
    struct fy_process_tree helpers;
    struct fy_process_tree tasks; /* parents first */
    bool run_given;
    bool pinned; /* the helpers of a dump were stopped, so that the tasks stand still whatever becomes of ferryd */
};

/* Replaces what was noted, at once. Blocks for as long as a few hundred bytes take. */
int fy_traces_note(const char *run_dir, const char *job_id, const struct fy_traces *traces, struct fy_error *err);
/* Empty when nothing was noted. */
void fy_traces_read(const char *run_dir, const char *job_id, struct fy_traces *traces);
void fy_traces_done(struct fy_traces *traces);

/* Reads the traces, kills the tasks if that is wanted, lets helpers that were stopped go on, and waits until they have
 * ended: they do so by themselves, since a question to a ferryd that is gone is answered with a veto. Those that have
 * not after `patience_ms` are killed with all that is below them. */
struct fy_aftermath;
/* The traces are the callee's to keep (fy_traces_done). Never comes before the start call has returned. */
typedef void (*fy_aftermath_cb)(struct fy_traces *traces, void *data);
int fy_aftermath_start(const struct fy_host *host, const char *job_id, bool kills, uint64_t patience_ms,
                       fy_aftermath_cb done, void *data, struct fy_error *err);

#endif
