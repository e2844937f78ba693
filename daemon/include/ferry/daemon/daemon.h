/* ferryd as a whole: everything it consists of, started in order and stopped in the reverse one. */
#ifndef FERRY_DAEMON_DAEMON_H
#define FERRY_DAEMON_DAEMON_H

#include <ferry/base/log.h>
#include <ferry/config/settings.h>
#include <ferry/daemon/ops.h>

/* Runs until SIGTERM or SIGINT and until all jobs have settled. Returns 0; -1 with `err` when it could not start. Does
 * not return when something is left after timeouts.stop: the process ends then, with 1 and a line in the log if jobs
 * were unfinished. Both borrowed. */
int fy_daemon_run(const struct fy_settings *settings, const struct fy_migration_ops *ops, struct fy_log *log,
                  struct fy_error *err);

#endif
