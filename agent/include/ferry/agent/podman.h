/* Which containers podman runs. */
#ifndef FERRY_AGENT_PODMAN_H
#define FERRY_AGENT_PODMAN_H

#include <ferry/agent/driver.h>

/* `names`: one a line, valid during the call; NULL when podman could not say, then `err` is set. Fires exactly once,
 * never before the start call returned. */
typedef void (*fy_podman_list_cb)(const char *names, const struct fy_error *err, void *data);
/* The running ones; with a `label` ("app=web") those that have it. FY_E_NOT_FOUND: there is no podman on this host. */
int fy_podman_list(const struct fy_host *host, const char *label, fy_podman_list_cb done, void *data,
                   struct fy_error *err);

#endif
