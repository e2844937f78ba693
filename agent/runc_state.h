/* `runc state ID`: whether a container is there, and how it stands. */
#ifndef FERRY_AGENT_RUNC_STATE_H
#define FERRY_AGENT_RUNC_STATE_H

#include <ferry/agent/driver.h>

enum fy_runc_status {
    FY_RUNC_ABSENT,
    FY_RUNC_RUNNING,
    FY_RUNC_PAUSED,
    FY_RUNC_STOPPED, /* runc knows it, but no process of it is left */
    FY_RUNC_CREATED, /* not yet started */
};

struct fy_runc_state {
    enum fy_runc_status status;
    pid_t pid; /* 0 unless running or paused */
    char bundle[4096];
};

/* `state` is NULL when runc could not say; then `err` is set. Fires exactly once, never before the start call returned.
 */
typedef void (*fy_runc_state_cb)(const struct fy_runc_state *state, const struct fy_error *err, void *data);
int fy_runc_state(const struct fy_host *host, const char *id, fy_runc_state_cb done, void *data, struct fy_error *err);

/* Runs `runc --root ROOT VERB [EXTRA] ID` and ignores its words. `extra` may be NULL. Fires also when it failed. */
typedef void (*fy_runc_ran_cb)(void *data);
int fy_runc_run(const struct fy_host *host, const char *verb, const char *extra, const char *id, fy_runc_ran_cb done,
                void *data, struct fy_error *err);

#endif
