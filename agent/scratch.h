/* A place where a rehearsal can do no harm. For a process of its own, which is in new namespaces for mounts, processes
 * and the network already. */
#ifndef FERRY_AGENT_SCRATCH_H
#define FERRY_AGENT_SCRATCH_H

#include <ferry/agent/rehearsal.h>

#define SCRATCH_INSIDE "/run/ferry-rehearsal" /* podman takes no long paths for its sockets */

/* Puts an overlay over every file system, with what is changed in a tmpfs at its scratch_dir, makes that the root, and
 * mounts a /proc. Its log_dir stays as it is: what is written there stays. Its store_root is seen without an overlay,
 * read-only. At SCRATCH_INSIDE there is an empty tmpfs afterwards. */
int scratch_mounts(const struct fy_rehearsal *rehearsal, struct fy_error *err);
/* Of these: the container's own root, in the scratch `root`. */
int scratch_overlay(const struct fy_rehearsal *rehearsal, const char *root, struct fy_error *err);
/* Afterwards this directory is empty, and what is written there stays in memory; nothing happens where it cannot be
 * made. */
int scratch_empty(const char *path, struct fy_error *err);
/* Loopback only; addresses of the workload can be bound although no device has them. */
int scratch_network(struct fy_error *err);

#endif
