/* The work on a job's directories that is too slow for the loop; each blocks and runs in the thread pool. */
#ifndef FERRY_AGENT_MIGRATE_CHECK_H
#define FERRY_AGENT_MIGRATE_CHECK_H

#include <ferry/base/error.h>

/* Verifies the image set in `directory`; FY_E_VERIFY and what fy_imageset_check() says. */
int fy_migrate_check_set(const char *directory, struct fy_error *err);

#endif
