/* What a runc container binds of its host: the sources must be where it is restored, ferry does not carry them. */
#ifndef FERRY_AGENT_BIND_MOUNTS_H
#define FERRY_AGENT_BIND_MOUNTS_H

#include "open_files.h"

/* The sources of the bind mounts in the bundle's config.json which are files or directories here, as they are for runc:
 * a relative one is below the bundle. Their content may differ. None where the configuration can't be read. `done` as
 * in open_files.h. FY_E_NOMEM. */
int fy_bind_mounts_start(uv_loop_t *loop, const char *bundle, fy_open_files_cb done, void *data, struct fy_error *err);

#endif
