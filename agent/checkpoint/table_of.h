/* The pagemap of one level, as it is stored in images/. Private to the store. */
#ifndef FERRY_CHECKPOINT_TABLE_OF_H
#define FERRY_CHECKPOINT_TABLE_OF_H

#include "pack.h"

#include <ferry/imgcore/page_table.h>

/* A stored file in an anonymous descriptor, from its beginning. */
int stored_copy(struct pack_reader *reader, uint64_t size, const char *name, int *fd, struct fy_error *err);
/* FY_E_NOT_FOUND: this level has no such pagemap. `table` is to be given to fy_page_table_done in any case. */
int table_of(const Ferry__Checkpoint__Record *record, int dir_fd, const struct pack_form *form, const char *pagemap,
             struct fy_page_table *table, struct fy_error *err);

#endif
