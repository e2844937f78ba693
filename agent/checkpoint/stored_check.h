/* The stored files of a chain against the hashes in its records: needs no key, and tells where damage is. Private to
 * the store. */
#ifndef FERRY_CHECKPOINT_STORED_CHECK_H
#define FERRY_CHECKPOINT_STORED_CHECK_H

#include "store.h"

/* Goes over `id` and the levels before it. *count gets the number of damages; -1 only when nothing can be said. */
int stored_check(const struct fy_checkpoint_store *store, const char *id, fy_checkpoint_damage_cb report, void *data,
                 struct fy_checkpoint_progress *progress, size_t *count, struct fy_error *err);

#endif
