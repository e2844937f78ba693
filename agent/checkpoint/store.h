/* What the files of the store share. */
#ifndef FERRY_CHECKPOINT_STORE_PRIVATE_H
#define FERRY_CHECKPOINT_STORE_PRIVATE_H

#include <ferry/checkpoint/store.h>

#define STORE_NEW_PREFIX ".new-"
#define STORE_GONE_PREFIX ".gone-"
#define STORE_PART_PREFIX ".part-"
#define STORE_PART_DAYS 7
#define STORE_RECORD_NAME "record"
#define STORE_STATE_NAME "state"
#define STORE_RECORD_LIMIT ((size_t)256 << 20)
#define STORE_CHAIN_LIMIT 1000

struct fy_checkpoint_store {
    struct fy_checkpoint_store_options options; /* strings are ours */
    int dir_fd;
};

/* ---- store.c ---- */

/* Opens a directory below the store; the name is ours. */
int store_open_dir(const struct fy_checkpoint_store *store, const char *name, int *fd, struct fy_error *err);
/* Makes STORE/.new-ID with its directories; what is there under that name is removed before. */
int store_make_new(const struct fy_checkpoint_store *store, const char *id, int *fd, struct fy_error *err);
void store_drop_new(const struct fy_checkpoint_store *store, const char *id);
/* Everything in `fd` to the disk, then .new-ID becomes ID; with `replace` it takes the place of the one that is there.
 */
int store_publish(const struct fy_checkpoint_store *store, const char *id, int fd, bool replace, struct fy_error *err);
/* The same for a directory of another name. */
int store_publish_as(const struct fy_checkpoint_store *store, const char *name, const char *id, int fd, bool replace,
                     struct fy_error *err);
/* Copies the state of the checkpoint that is there into its successor. A damaged one becomes "pinned". */
int store_keep_state(const struct fy_checkpoint_store *store, const char *id, int fd, struct fy_error *err);
/* No more room is an error that every writer explains alike. */
int store_explain_space(const struct fy_checkpoint_store *store, struct fy_error *err);
/* 0, or FY_E_CANCELLED. `progress` may be NULL. */
int store_advance(struct fy_checkpoint_progress *progress, uint64_t bytes, struct fy_error *err);

/* ---- record.c ---- */

int record_read(int dir_fd, Ferry__Checkpoint__Record **record, struct fy_error *err);
/* From bytes that may be hostile. FY_E_VERIFY. */
int record_unpack(const void *packed, size_t size, Ferry__Checkpoint__Record **record, struct fy_error *err);
int record_write(int dir_fd, const Ferry__Checkpoint__Record *record, struct fy_error *err);
/* A state that is missing is an empty one; a damaged one is FY_E_VERIFY. */
int state_read(int dir_fd, Ferry__Checkpoint__State **state, struct fy_error *err);
int state_write(int dir_fd, const Ferry__Checkpoint__State *state, struct fy_error *err);
/* A deep copy; NULL with FY_E_NOMEM. */
Ferry__Checkpoint__Record *record_copy(const Ferry__Checkpoint__Record *record, struct fy_error *err);
const Ferry__Checkpoint__File *record_file(const Ferry__Checkpoint__Record *record, const char *path);

#endif
