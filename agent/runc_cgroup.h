/* The control groups of a container whose restore was killed before its runc could take them away. */
#ifndef FERRY_AGENT_RUNC_CGROUP_H
#define FERRY_AGENT_RUNC_CGROUP_H

#include <stdbool.h>

/* Removes the empty groups named `id` where runc makes them for a container without a cgroupsPath of its own: in every
 * hierarchy, at its top or below ferryd's own group. One that holds tasks or other groups stays: the kernel refuses. */
void fy_runc_cgroup_remove(const char *id);
/* With the empty groups in them: `id` is one of ferry's own. false: some have tasks still. */
bool fy_runc_cgroup_remove_all(const char *id);

#endif
