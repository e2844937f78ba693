/* One call of `podman container checkpoint --leave-running --export` that dumps nothing: it waits in the stand-in for
 * CRIU until it may write its archive. Private to the drivers. */
#ifndef FERRY_AGENT_PODMAN_EXPORT_H
#define FERRY_AGENT_PODMAN_EXPORT_H

#include <ferry/agent/driver.h>

struct fy_podman_export;

struct fy_podman_export_options {
    const struct fy_host *host;
    const char *job_id;
    const char *id;         /* of the container */
    const char *images_dir; /* receives FY_ARCHIVE_REST */
    const char *work_dir;   /* receives podman-checkpoint.log; a directory for the call is made in it and removed */
};

struct fy_podman_export_events {
    /* podman waits: everything it does from now on is after fy_podman_export_answer(). At most once. */
    void (*waits)(void *data);
    /* Last and exactly once. `err` is NULL when the archive is there. */
    void (*ended)(const struct fy_error *err, void *data);
};

int fy_podman_export_start(const struct fy_podman_export_options *options, const struct fy_podman_export_events *events,
                           void *data, struct fy_podman_export **run, struct fy_error *err);
/* true: podman writes its archive; false: it is told that the dump failed, and gives up. Also before it waits. */
void fy_podman_export_answer(struct fy_podman_export *run, bool go_on);

#endif
