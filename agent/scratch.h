/* A place where a rehearsal can do no harm. For a process of its own, which is in new namespaces for mounts, processes
 * and the network already. */
#ifndef FERRY_AGENT_SCRATCH_H
#define FERRY_AGENT_SCRATCH_H

#include <ferry/base/error.h>

/* Puts an overlay over every file system, with what is changed in a tmpfs at `scratch_dir`, makes that the root, and
 * mounts a /proc. `shared_dir` stays as it is: what is written there stays. */
int scratch_mounts(const char *scratch_dir, const char *shared_dir, struct fy_error *err);
/* Loopback only; addresses of the workload can be bound although no device has them. */
int scratch_network(struct fy_error *err);

#endif
