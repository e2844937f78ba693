/* Room for image sets on their way: in the memory-backed file system where they lie, and in the memory behind it. */
#ifndef FERRY_AGENT_STORAGE_H
#define FERRY_AGENT_STORAGE_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stdint.h>

/* What stays free in any case: a host without memory is worse off than a migration that was refused. */
#define FY_STORAGE_SPARE_BYTES (32u * 1024u * 1024u)

/* Memory that can be had without swapping, as the kernel estimates it; UINT64_MAX when it does not say. */
uint64_t fy_storage_memory_bytes(void);
/* Whether `bytes` more fit into the directory, and `in_memory` also into memory, which takes longer to find out.
 * FY_E_NOSPACE says what is short and what to do about it. */
int fy_storage_check(int dir_fd, uint64_t bytes, bool in_memory, struct fy_error *err);

#endif
