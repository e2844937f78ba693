/* The catalogue of checkpoints, and the jobs that work on them.
 *
 * The directories are the truth: the catalogue is what they say. What they said is kept in the database, so that a
 * start only reads those that have changed since; a job that changes one has it read again. Jobs have the job table's
 * fence of their workload ("runc/web" for create and restore, "checkpoint/ID" for the others). Beside it, a checkpoint
 * that a job reads, with all that it needs of older ones, cannot be removed or rewritten meanwhile, and the other way
 * round: FY_E_BUSY says which job is at it. */
#ifndef FERRY_DAEMON_CHECKPOINTS_H
#define FERRY_DAEMON_CHECKPOINTS_H

#include <ferry/agent/checkpoint_copy.h>
#include <ferry/daemon/jobs.h>

struct fy_checkpoints;

/* Borrowed until fy_checkpoints_free(). */
struct fy_checkpoints_options {
    const struct fy_host *host;
    const struct fy_checkpoint_store *store;
    struct fy_jobs *jobs;
    const char *database; /* STATE_DIR/ferry.db, up to date already; used by fy_checkpoints_new() alone */
    struct fy_log *log;   /* NULL: no log */
};

/* Looks at all there are; blocks. */
int fy_checkpoints_new(const struct fy_checkpoints_options *options, struct fy_checkpoints **checkpoints,
                       struct fy_error *err);
/* When the loop has nothing more of it: no job works on a checkpoint, no state is being written. NULL is legal. */
void fy_checkpoints_free(struct fy_checkpoints *checkpoints);

/* ---- looking ---- */

struct fy_checkpoint_entry {
    char id[FY_CHECKPOINT_ID_SIZE];
    const Ferry__Checkpoint__Record *record; /* without its files; NULL: it cannot be read, `damage` says why */
    const Ferry__Checkpoint__State *state;   /* NULL as well then */
    uint64_t real_bytes;
    const char *damage; /* of the record; else NULL */
    bool in_use;        /* a job works on it, or on one that needs it */
};

/* Oldest first. Valid until the loop goes on. */
size_t fy_checkpoints_count(const struct fy_checkpoints *checkpoints);
/* The index of the first one after this time and id, whether there is such a one or not. */
size_t fy_checkpoints_after(const struct fy_checkpoints *checkpoints, int64_t created_us, const char *id);
void fy_checkpoints_at(const struct fy_checkpoints *checkpoints, size_t index, struct fy_checkpoint_entry *entry);
/* By id, or by a prefix that fits only one. FY_E_NOT_FOUND, FY_E_USAGE (ambiguous). */
int fy_checkpoints_find(const struct fy_checkpoints *checkpoints, const char *prefix, struct fy_checkpoint_entry *entry,
                        struct fy_error *err);
/* For clients; points into the entry and into `parts`. */
struct fy_checkpoint_shown {
    Ferry__Control__Checkpoint message;
    Ferry__Control__CheckpointLabel labels[FY_CHECKPOINT_LABELS_MAX];
    Ferry__Control__CheckpointLabel *label_list[FY_CHECKPOINT_LABELS_MAX];
    Ferry__Control__CheckpointReplica replicas[16];
    Ferry__Control__CheckpointReplica *replica_list[16];
    char directory[4096];
};
void fy_checkpoints_show(const struct fy_checkpoints *checkpoints, const struct fy_checkpoint_entry *entry,
                         struct fy_checkpoint_shown *shown);

/* ---- jobs: the caller owns a reference to each returned record ---- */

/* `what` needs no id and no parent: they are chosen. */
int fy_checkpoints_create(struct fy_checkpoints *checkpoints, const struct fy_checkpoint_create *what,
                          struct fy_record **job, struct fy_error *err);
int fy_checkpoints_verify(struct fy_checkpoints *checkpoints, const char *id, bool low_priority, struct fy_record **job,
                          struct fy_error *err);
/* `probe` is a file in hooks_dir, NULL: none. What comes of it is kept in the checkpoint's state. */
int fy_checkpoints_rehearse(struct fy_checkpoints *checkpoints, const char *id, const char *probe, bool low_priority,
                            struct fy_record **job, struct fy_error *err);
/* A pinned one is refused: FY_E_DENIED. */
int fy_checkpoints_remove(struct fy_checkpoints *checkpoints, const char *id, struct fy_record **job,
                          struct fy_error *err);
/* `as` NULL: under its own name. */
int fy_checkpoints_restore(struct fy_checkpoints *checkpoints, const char *id, const char *as, enum fy_tcp_mode tcp,
                           struct fy_record **job, struct fy_error *err);

/* Copies it, and those it needs, to a peer. */
int fy_checkpoints_replicate(struct fy_checkpoints *checkpoints, const char *id, const char *peer,
                             struct fy_record **job, struct fy_error *err);
/* Has the peer restore its copy; the checkpoint may be damaged here, or gone (then `id` is the whole of it). */
int fy_checkpoints_restore_on(struct fy_checkpoints *checkpoints, const char *id, const char *peer, const char *as,
                              enum fy_tcp_mode tcp, struct fy_record **job, struct fy_error *err);
/* What peers may do with the store; `service` is used until fy_checkpoint_serve_stop() has ended all it serves. */
void fy_checkpoints_serve(struct fy_checkpoints *checkpoints, struct fy_checkpoint_service *service);
/* `what` needs no id for an import: it is chosen. */
int fy_checkpoints_export(struct fy_checkpoints *checkpoints, const struct fy_checkpoint_export *what,
                          struct fy_record **job, struct fy_error *err);
int fy_checkpoints_import(struct fy_checkpoints *checkpoints, const struct fy_checkpoint_import *what,
                          struct fy_record **job, struct fy_error *err);

/* ---- what changes in a checkpoint's life ---- */

/* Changes the state in memory at once and then on the disk; `done` (may be NULL) comes from the loop. FY_E_BUSY while
 * it is being rewritten. `change` gets the state to change; what it puts in is malloc'ed. */
typedef void (*fy_checkpoint_change)(Ferry__Checkpoint__State *state, void *data);
typedef void (*fy_checkpoints_cb)(const struct fy_error *err, void *data);
int fy_checkpoints_update(struct fy_checkpoints *checkpoints, const char *id, fy_checkpoint_change change,
                          void *change_data, fy_checkpoints_cb done, void *data, struct fy_error *err);
int fy_checkpoints_pin(struct fy_checkpoints *checkpoints, const char *id, bool pinned, fy_checkpoints_cb done,
                       void *data, struct fy_error *err);

#endif
