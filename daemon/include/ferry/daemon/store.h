/* What ferryd keeps across restarts: STATE_DIR/ferry.db (SQLite) and each job's log directory STATE_DIR/jobs/ID.
 *
 * Opening and loading happen before the loop runs. From then on a worker thread writes, one transaction for all that is
 * queued, so that no fsync ever holds up the loop; callbacks come on the loop's thread. */
#ifndef FERRY_DAEMON_STORE_H
#define FERRY_DAEMON_STORE_H

#include <ferry/agent/journal.h>
#include <ferry/base/error.h>
#include <ferry/daemon/record.h>
#include <uv.h>

struct fy_store;

/* On success `err` is NULL and what was saved is durable. */
typedef void (*fy_store_cb)(const struct fy_error *err, void *data);
/* A write that nobody waited for failed. `id` names the job. */
typedef void (*fy_store_failed_cb)(const char *id, const struct fy_error *err, void *data);

/* Opens or creates the database and brings its schema up to date. FY_E_FORMAT: not a database or damaged;
 * FY_E_UNSUPPORTED: written by a newer ferryd; both name the file and the next step. */
int fy_store_open(uv_loop_t *loop, const char *state_dir, fy_store_failed_cb failed, void *data,
                  struct fy_store **store, struct fy_error *err);
/* Gives every job, oldest first; the callee takes over the reference. -1 from `each` ends it. What `each` saves is
 * written when all have been given. Before the loop runs. */
typedef int (*fy_store_each_cb)(struct fy_record *record, void *data, struct fy_error *err);
int fy_store_load(struct fy_store *store, fy_store_each_cb each, void *data, struct fy_error *err);

/* Queues writing a record over the job's earlier one (the caller keeps its reference). Without `done`, records of the
 * same job that still wait are replaced, so the queue is never longer than the number of jobs. */
int fy_store_save(struct fy_store *store, struct fy_record *record, fy_store_cb done, void *data, struct fy_error *err);
/* The journal that the agent writes to; lives as long as the store. What is written replaces the job's earlier stage,
 * and is durable when its callback comes. */
struct fy_journal *fy_store_journal(struct fy_store *store);
/* Gives every entry, valid during the call. -1 from `each` ends it. Before the loop runs. */
typedef int (*fy_store_entry_cb)(const struct fy_journal_entry *entry, void *data, struct fy_error *err);
int fy_store_load_journal(struct fy_store *store, fy_store_entry_cb each, void *data, struct fy_error *err);
/* Queues removing the job's row and log directory. */
int fy_store_forget(struct fy_store *store, const char *id, struct fy_error *err);
/* What is queued between the two is written in one transaction: all of it is durable, or none. Calls do not nest. */
void fy_store_hold(struct fy_store *store);
void fy_store_release(struct fy_store *store);
/* Creates the job's log directory, for root only; the path is malloc'ed. FY_E_BUSY if it is there already. */
int fy_store_make_log_dir(struct fy_store *store, const char *id, char **path, struct fy_error *err);
/* Writes what is queued, closes, frees; `closed` comes from the loop. */
void fy_store_close(struct fy_store *store, void (*closed)(void *data), void *data);

#endif
