/* The table of checkpoints, for one thread at a time. It is a copy of what the directories say, and may be lost. */
#ifndef FERRY_DAEMON_CHECKPOINT_DB_H
#define FERRY_DAEMON_CHECKPOINT_DB_H

#include <ferry/checkpoint/store.h>

struct database; /* database.h closes it, and has its transactions */

int checkpoint_db_open(const char *path, struct database **db, struct fy_error *err);
/* The checkpoint as it was when its directory had this mark, without its files. NULL: there is no such row. */
int checkpoint_db_find(struct database *db, const char *id, const struct fy_checkpoint_mark *mark,
                       struct fy_checkpoint **checkpoint, struct fy_error *err);

struct checkpoint_row {
    char id[FY_CHECKPOINT_ID_SIZE];
    struct fy_checkpoint_mark mark;
    uint8_t *packed; /* malloc'ed; NULL: there is to be no row */
    size_t size;
};
int checkpoint_db_save(struct database *db, const struct checkpoint_row *row, struct fy_error *err);
/* Forgets those that `is_there` denies; *gone is how many. */
int checkpoint_db_sweep(struct database *db, bool (*is_there)(const char *id, const void *data), const void *data,
                        size_t *gone, struct fy_error *err);

#endif
