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
    struct update *updates; /* states on their way to the disk, the first is being written */
};

/* ---- checkpoint_catalogue.c ---- */

struct entry *catalogue_find(const struct fy_checkpoints *checkpoints, const char *id);
/* The newest checkpoint of the workload that can be a parent; NULL: none. */
struct entry *catalogue_latest(const struct fy_checkpoints *checkpoints, const char *workload);
/* Puts it in, or in the place of the one of that id; takes `checkpoint` over (NULL: damaged as `damage` says). */
int catalogue_set(struct fy_checkpoints *checkpoints, const char *id, struct fy_checkpoint *checkpoint,
                  const struct fy_error *damage, struct fy_error *err);
void catalogue_drop(struct fy_checkpoints *checkpoints, const char *id);
/* Reads `id` and all that it needs: counts a use of each, or FY_E_BUSY. `id` "" is nothing. */
int catalogue_use(struct fy_checkpoints *checkpoints, const char *id, struct fy_error *err);
void catalogue_unuse(struct fy_checkpoints *checkpoints, const char *id);
/* Nobody reads it or works on it: it is this job's now. */
int catalogue_claim(struct entry *entry, const char *job_id, struct fy_error *err);

/* ---- checkpoint_state.c ---- */

/* Drops what waits for a checkpoint that is gone. */
void update_forget(struct fy_checkpoints *checkpoints, const char *id);

#endif
