/* What /proc tells of a process tree: for inspecting it at the source, and for whether its ids are free at the
 * destination. */
#ifndef FERRY_AGENT_PROCESS_FACTS_H
#define FERRY_AGENT_PROCESS_FACTS_H

#include <ferry/agent/driver.h>

/* Command, memory and, unless the tree has a pid namespace of its own, all ids that it uses: of tasks and threads, and
 * of groups and sessions whose leader is in the tree or has ended. Blocks: for the thread pool. FY_E_NOT_FOUND,
 * FY_E_LIMIT. */
int fy_process_facts(pid_t root, struct fy_workload_facts *facts, struct fy_error *err);
/* FY_E_PREFLIGHT names the first id that is in use on this host, and by what. Blocks: for the thread pool. */
int fy_process_ids_are_free(const pid_t *pids, size_t count, struct fy_error *err);

#endif
