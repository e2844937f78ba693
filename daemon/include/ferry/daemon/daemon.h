/* ferryd as a whole: everything it consists of, started in order and stopped in the reverse one. */
#ifndef FERRY_DAEMON_DAEMON_H
#define FERRY_DAEMON_DAEMON_H

#include <ferry/base/log.h>
#include <ferry/config/settings.h>
#include <ferry/daemon/ops.h>

/* Runs until SIGTERM or SIGINT and until all jobs have settled, or timeouts.stop has passed. Returns 0; -1 with `err`
 * when it could not start, or when jobs were still unfinished at the end. Both borrowed. */
int fy_daemon_run(const struct fy_settings *settings, const struct fy_migration_ops *ops, struct fy_log *log,
                  struct fy_error *err);

#endif
