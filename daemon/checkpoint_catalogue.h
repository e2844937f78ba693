/* What the files about checkpoints share. */
#ifndef FERRY_DAEMON_CHECKPOINT_CATALOGUE_H
#define FERRY_DAEMON_CHECKPOINT_CATALOGUE_H

#include <ferry/daemon/checkpoints.h>

struct entry {
    char id[FY_CHECKPOINT_ID_SIZE];
    struct fy_checkpoint *checkpoint; /* without its files; NULL: damaged */
    char *damage;
    unsigned uses;                     /* jobs that read it */
    char rewritten_by[FY_JOB_ID_SIZE]; /* the job that removes or replaces it; "": none */
};

struct fy_checkpoints {
    struct fy_checkpoints_options options;
    struct entry **list;  /* by time */
    struct entry **by_id; /* the same */
    size_t count, capacity;
    struct database *db; /* its rows; NULL: it is of no use */
    uv_mutex_t db_lock;
    struct update *updates; /* states on their way to the disk, the first is being written */
};

/* ---- checkpoint_catalogue.c ---- */

struct entry *catalogue_find(const struct fy_checkpoints *checkpoints, const char *id);
/* The newest checkpoint of the workload that can be a parent; NULL: none. */
struct entry *catalogue_latest(const struct fy_checkpoints *checkpoints, const char *workload);
/* Puts it in, or in the place of the one of that id; takes `checkpoint` over (NULL: damaged as `damage` says,
 * which may be NULL). */
int catalogue_set(struct fy_checkpoints *checkpoints, const char *id, struct fy_checkpoint *checkpoint,
                  const char *damage, struct fy_error *err);
void catalogue_drop(struct fy_checkpoints *checkpoints, const char *id);
/* Reads `id` and all that it needs: counts a use of each, or FY_E_BUSY. `id` "" is nothing. */
int catalogue_use(struct fy_checkpoints *checkpoints, const char *id, struct fy_error *err);
void catalogue_unuse(struct fy_checkpoints *checkpoints, const char *id);
/* Nobody reads it or works on it: it is this job's now. */
int catalogue_claim(struct entry *entry, const char *job_id, struct fy_error *err);

/* ---- checkpoint_rows.c ---- */

/* Puts all in that there are. Without a database that is of use the directories are read, each time. */
int catalogue_fill(struct fy_checkpoints *checkpoints, struct fy_error *err);
void rows_close(struct fy_checkpoints *checkpoints);

/* Says that a row could not be written, if so; `job_id` may be NULL. */
void rows_tell(const struct fy_checkpoints *checkpoints, const char *job_id, const struct fy_error *row_err);

/* One that is read again, on its way into the list. */
struct reading {
    char id[FY_CHECKPOINT_ID_SIZE];
    bool is_there;
    struct fy_checkpoint *checkpoint; /* NULL: it is gone, or damaged */
    char *damage;
};
/* In a thread. Its row is written anew, unless `row_err` is set already, which says why rows cannot be written. */
void catalogue_read(struct fy_checkpoints *checkpoints, struct reading *reading, struct fy_error *row_err);
/* On the loop: into the list, or out of it. */
int catalogue_take(struct fy_checkpoints *checkpoints, struct reading *reading, struct fy_error *err);
/* Frees what was read and is not taken. */
void reading_done(struct reading *reading);

/* ---- checkpoint_state.c ---- */

/* Drops what waits for a checkpoint that is gone. */
void update_forget(struct fy_checkpoints *checkpoints, const char *id);

#endif
