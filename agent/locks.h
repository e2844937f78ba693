/* CRIU's packet locks: while the tasks are dumped, an nftables table drops the packets of their established
 * connections.
 *
 * When the tasks are killed the table stays, so that this kernel answers no RST for as long as the address is still
 * here. Its run id is noted at post-dump in RUN_DIR/locks/JOB, a line each; whoever takes the address away removes it
 * then. */
#ifndef FERRY_AGENT_LOCKS_H
#define FERRY_AGENT_LOCKS_H

#include <ferry/agent/driver.h>

/* Notes the table that the image set names. Blocks briefly. No table is no error. */
int fy_locks_note(const char *run_dir, const char *job_id, const char *images_dir, struct fy_error *err);
/* The same by CRIU's own log, for a dump that has not come to its end: all tables that it names. */
int fy_locks_note_from_log(const char *run_dir, const char *job_id, const char *log_path, struct fy_error *err);
/* CRIU has removed the table itself. */
void fy_locks_forget(const char *run_dir, const char *job_id);
/* Commands for `nft -f -` that remove the noted table if it is there; "" when none is noted. free() it. */
int fy_locks_removal(const char *run_dir, const char *job_id, char **commands, struct fy_error *err);

#endif
