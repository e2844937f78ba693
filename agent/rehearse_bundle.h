/* A container's configuration, changed so that its rehearsal touches nothing of the container's. */
#ifndef FERRY_AGENT_REHEARSE_BUNDLE_H
#define FERRY_AGENT_REHEARSE_BUNDLE_H

#include <ferry/base/error.h>

/* Reads the configuration `from` and writes BUNDLE/config.json: a cgroup of its own (`cgroup`), no hooks. Where it
 * joins a network namespace by path, the scratch one is put in its place there. */
int rehearse_bundle(const char *from, const char *bundle, const char *cgroup, struct fy_error *err);
/* podman's config.dump with the control group `cgroup` as its container's parent, whichever manager had made it;
 * *changed is freed by the caller. */
int rehearse_podman_config(const char *text, const char *cgroup, char **changed, struct fy_error *err);

#endif
