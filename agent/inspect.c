/* fy_driver_inspect(): for a container, runc or podman is asked for its root; then /proc is read in the thread pool. */
#include "overlay.h"
#include "podman_call.h"
#include "process_facts.h"
#include "runc_state.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inspection {
    const struct fy_host *host;
    struct fy_workload workload;
    uv_work_t work;
    pid_t root;
    int status;
    fy_inspect_cb done;
    void *data;
    struct fy_error err;
    struct fy_workload_facts facts;
};

static void finish(struct inspection *inspection)
{
    bool failed = fy_error_is_set(&inspection->err);
    inspection->done(failed ? NULL : &inspection->facts, failed ? &inspection->err : NULL, inspection->data);
    free(inspection);
}

/* runc cannot restore a container's console without somebody to hand it over to. podman was asked already. */
static int check_console(struct inspection *inspection)
{
    for (int fd = 0; fd <= 2; fd++) {
        char path[64];
        char target[64] = "";
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)inspection->root, fd);
        if (readlink(path, target, sizeof(target) - 1) <= 0)
            continue;
        if (strncmp(target, "/dev/pts/", 9) != 0 && strcmp(target, "/dev/console") != 0)
            continue;
        fy_error_set(&inspection->err, FY_E_UNSUPPORTED, "container %s has a console (its descriptor %d is %s)",
                     inspection->workload.id, fd, target);
        return fy_error_next(&inspection->err, "run it with \"terminal\": false in its config.json");
    }
    return 0;
}

static void look(uv_work_t *work)
{
    struct inspection *inspection = fy_container_of(work, struct inspection, work);
    bool is_runc = inspection->workload.kind == FY_WORKLOAD_RUNC;
    if (is_runc && check_console(inspection) < 0)
        return;
    if (is_runc)
        fy_overlay_find(inspection->root, inspection->facts.bundle, &inspection->facts.overlay);
    (void)fy_process_facts(inspection->root, &inspection->facts, &inspection->err);
}

static void looked(uv_work_t *work, int status)
{
    (void)status;
    finish(fy_container_of(work, struct inspection, work));
}

static int look_later(struct inspection *inspection, struct fy_error *err)
{
    int status = uv_queue_work(inspection->host->loop, &inspection->work, look, looked);
    return status == 0 ? 0 : fy_error_set(err, FY_E_NOMEM, "cannot look at %s", inspection->workload.id);
}

static void runc_answered(const struct fy_runc_state *state, const struct fy_error *err, void *data)
{
    static const char *const words[] = {
        [FY_RUNC_PAUSED] = "is paused", [FY_RUNC_STOPPED] = "has stopped", [FY_RUNC_CREATED] = "was not started yet"};
    struct inspection *inspection = data;
    const char *id = inspection->workload.id;
    if (!state) {
        fy_error_propagate(&inspection->err, err);
    } else if (state->status == FY_RUNC_ABSENT) {
        fy_error_set(&inspection->err, FY_E_NOT_FOUND, "there is no container %s under %s", id,
                     inspection->host->settings->runc_root);
        fy_error_next(&inspection->err, "`runc --root %s list` shows those that there are",
                      inspection->host->settings->runc_root);
    } else if (state->status != FY_RUNC_RUNNING) {
        fy_error_set(&inspection->err, FY_E_UNSUPPORTED, "container %s %s", id, words[state->status]);
        fy_error_next(&inspection->err, "only a running container can be moved (runc resume, runc start)");
    } else {
        inspection->root = state->pid;
        (void)snprintf(inspection->facts.bundle, sizeof(inspection->facts.bundle), "%s", state->bundle);
        if (look_later(inspection, &inspection->err) == 0)
            return;
    }
    finish(inspection);
}

/* What podman's containers can be and ferry can't move. */
static int check_podman(const struct fy_podman_container *container, const char *name, struct fy_error *err)
{
    const char *runtime = strrchr(container->runtime, '/') ? strrchr(container->runtime, '/') + 1 : container->runtime;
    if (!container->exists) {
        fy_error_set(err, FY_E_NOT_FOUND, "podman has no container %s", name);
        return fy_error_next(err, "`podman ps` shows those that run; ferryd sees root's only");
    }
    if (strcmp(container->name, name) != 0) {
        fy_error_set(err, FY_E_USAGE, "%s is not the name of a container, but an id of %s", name, container->name);
        return fy_error_next(err, "say podman/%s", container->name);
    }
    if (strcmp(container->status, "running") != 0) {
        fy_error_set(err, FY_E_UNSUPPORTED, "container %s does not run: it is %s", name, container->status);
        return fy_error_next(err, "only a running container can be moved (podman start, podman unpause)");
    }
    if (container->pod[0])
        return fy_error_set(err, FY_E_UNSUPPORTED, "container %s is in a pod, and only its own could be moved", name);
    if (strcmp(runtime, "runc") != 0) {
        fy_error_set(err, FY_E_UNSUPPORTED, "container %s was made with %s, which cannot checkpoint", name, runtime);
        return fy_error_next(err, "make it with `podman --runtime runc run …`");
    }
    if (container->has_terminal) {
        fy_error_set(err, FY_E_UNSUPPORTED, "container %s has a terminal", name);
        return fy_error_next(err, "make it without --tty");
    }
    return 0;
}

static void podman_answered(const struct fy_podman_container *container, const struct fy_error *err, void *data)
{
    struct inspection *inspection = data;
    struct fy_workload_facts *facts = &inspection->facts;
    if (!container) {
        fy_error_propagate(&inspection->err, err);
    } else if (check_podman(container, inspection->workload.id, &inspection->err) == 0) {
        inspection->root = container->pid;
        (void)snprintf(facts->container_id, sizeof(facts->container_id), "%s", container->id);
        (void)snprintf(facts->image, sizeof(facts->image), "%s", container->image);
        (void)snprintf(facts->image_id, sizeof(facts->image_id), "%s", container->image_id);
        if (look_later(inspection, &inspection->err) == 0)
            return;
    }
    finish(inspection);
}

static int start(struct inspection *inspection, struct fy_error *err)
{
    uint64_t pid = 0;
    const char *id = inspection->workload.id;
    if (inspection->workload.kind == FY_WORKLOAD_RUNC)
        return fy_runc_state(inspection->host, id, runc_answered, inspection, err);
    if (inspection->workload.kind == FY_WORKLOAD_PODMAN)
        return fy_podman_inspect(inspection->host, id, podman_answered, inspection, err);
    if (!fy_text_parse_uint(id, INT32_MAX, &pid) || pid == 0)
        return fy_error_set(err, FY_E_USAGE, "process/%s: '%s' is no process id", id, id);
    inspection->root = (pid_t)pid;
    return look_later(inspection, err);
}

int fy_driver_inspect(const struct fy_host *host, const struct fy_workload *workload, fy_inspect_cb done, void *data,
                      struct fy_error *err)
{
    struct inspection *inspection = calloc(1, sizeof(*inspection));
    if (!inspection)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for inspecting a workload");
    inspection->host = host;
    inspection->workload = *workload;
    inspection->done = done;
    inspection->data = data;
    if (start(inspection, err) < 0) {
        free(inspection);
        return -1;
    }
    return 0;
}
