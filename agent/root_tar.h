/* What a container changed in an overlay, as a tar: whiteouts, links, holes and attributes as they are. */
#ifndef FERRY_AGENT_ROOT_TAR_H
#define FERRY_AGENT_ROOT_TAR_H

#include <ferry/agent/child.h>
#include <ferry/agent/driver.h>

#define ROOT_TAR_NAME "root.tar"

/* EXTRA_DIR/root.tar of the directory `upper`; the same tree gives the same bytes. Deadline: timeouts.dump. */
int root_tar_keep(const struct fy_host *host, const char *upper, const char *extra_dir, fy_child_cb ended, void *data,
                  struct fy_child **tar, struct fy_error *err);
/* The other way round, into an empty directory. Deadline: timeouts.restore. */
int root_tar_put_back(const struct fy_host *host, const char *extra_dir, const char *upper, fy_child_cb ended,
                      void *data, struct fy_child **tar, struct fy_error *err);
/* FY_E_NOSPACE when that is what tar says. */
int root_tar_check(const struct fy_child_result *result, struct fy_error *err);

/* The arguments of the second, for a program that runs it by itself. */
#define ROOT_TAR_ARGUMENTS 16
void root_tar_list(const char *file, const char *upper, const char *argv[ROOT_TAR_ARGUMENTS]);

#endif
