/* podman's answers about one container or image. Private to the drivers. */
#ifndef FERRY_AGENT_PODMAN_CALL_H
#define FERRY_AGENT_PODMAN_CALL_H

#include <ferry/agent/driver.h>

#define FY_PODMAN_LIMIT_MS 60000

struct fy_podman_container {
    bool exists;
    char id[72];
    char name[FY_WORKLOAD_ID_SIZE];
    char status[32]; /* "running", "paused", "exited", "created", … */
    pid_t pid;       /* 0 unless running or paused */
    pid_t conmon_pid;
    char runtime[256]; /* "runc", or a path */
    bool has_terminal;
    char pod[72]; /* "" when it is in none */
    char image_id[72];
    char image[512];
    char static_dir[4096]; /* where podman has CRIU put its logs */
};

/* `container` is NULL when podman could not say; then `err` is set. Fires exactly once, never before the start call
 * returned. `name` is a name or an id. */
typedef void (*fy_podman_inspect_cb)(const struct fy_podman_container *container, const struct fy_error *err,
                                     void *data);
int fy_podman_inspect(const struct fy_host *host, const char *name, fy_podman_inspect_cb done, void *data,
                      struct fy_error *err);

/* `podman image exists ID`. */
typedef void (*fy_podman_image_cb)(bool exists, const struct fy_error *err, void *data);
int fy_podman_image_exists(const struct fy_host *host, const char *image_id, fy_podman_image_cb done, void *data,
                           struct fy_error *err);

/* `podman info`: where and how it keeps images. `store` is NULL when podman could not say. */
struct fy_podman_store {
    char driver[32]; /* "overlay", "vfs" */
    char root[4096];
    char volumes[4096]; /* where it keeps the volumes that have a name */
};
typedef void (*fy_podman_store_cb)(const struct fy_podman_store *store, const struct fy_error *err, void *data);
int fy_podman_store(const struct fy_host *host, fy_podman_store_cb done, void *data, struct fy_error *err);

/* `podman rm --force` of a container that does not run; what podman says of it is ignored. */
typedef void (*fy_podman_removed_cb)(void *data);
int fy_podman_remove(const struct fy_host *host, const char *id, fy_podman_removed_cb done, void *data,
                     struct fy_error *err);

#endif
