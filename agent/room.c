/* fy_driver_check_room(): is there room for the workload under the ids and paths it has? */
#include "overlay.h"
#include "podman_call.h"
#include "process_facts.h"
#include "runc_state.h"

#include <ferry/base/cleanup.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct room {
    const struct fy_host *host;
    struct fy_workload workload;
    char *bundle;
    struct fy_overlay *overlay; /* NULL: the bundle is to be here */
    char *container_id;
    char *image;
    char *image_id;
    pid_t *pids;
    size_t pid_count;
    uv_work_t work;
    fy_room_cb done;
    void *data;
    struct fy_error err;
};

static void room_free(struct room *room)
{
    free(room->bundle);
    free(room->overlay);
    free(room->container_id);
    free(room->image);
    free(room->image_id);
    free(room->pids);
    free(room);
}

static void finish(struct room *room)
{
    room->done(fy_error_is_set(&room->err) ? &room->err : NULL, room->data);
    room_free(room);
}

static void check_bundle(struct room *room)
{
    char path[4096 + 16];
    (void)snprintf(path, sizeof(path), "%s/config.json", room->bundle);
    if (!room->bundle[0]) {
        fy_error_set(&room->err, FY_E_PREFLIGHT, "the source does not say which bundle container %s has",
                     room->workload.id);
    } else if (access(path, R_OK) != 0) {
        fy_error_set(&room->err, FY_E_PREFLIGHT, "the bundle of container %s is not on this host: %s: %s",
                     room->workload.id, path, strerror(errno));
        fy_error_next(&room->err, "put the same bundle, with its root file system, to %s on this host", room->bundle);
    }
}

/* What is left of a container that never began is none to `runc state`, and yet its name is taken. */
static void check_state_directory(struct room *room)
{
    char path[4096 + FY_WORKLOAD_ID_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", room->host->settings->runc_root, room->workload.id);
    if (access(path, F_OK) != 0)
        return;
    fy_error_set(&room->err, FY_E_PREFLIGHT, "%s is there, though runc knows no container %s", path, room->workload.id);
    fy_error_next(&room->err, "remove that directory on this host if no runc is at work on it");
}

static void look(uv_work_t *work)
{
    struct room *room = fy_container_of(work, struct room, work);
    if (room->workload.kind == FY_WORKLOAD_RUNC)
        check_state_directory(room);
    if (room->overlay && !fy_error_is_set(&room->err))
        (void)fy_overlay_check_layers(room->overlay, room->workload.id, &room->err);
    else if (room->workload.kind == FY_WORKLOAD_RUNC && !fy_error_is_set(&room->err))
        check_bundle(room);
    if (!fy_error_is_set(&room->err))
        (void)fy_process_ids_are_free(room->pids, room->pid_count, &room->err);
}

static void looked(uv_work_t *work, int status)
{
    (void)status;
    finish(fy_container_of(work, struct room, work));
}

static int look_later(struct room *room, struct fy_error *err)
{
    int status = uv_queue_work(room->host->loop, &room->work, look, looked);
    return status == 0 ? 0 : fy_error_set(err, FY_E_NOMEM, "cannot look for room");
}

static void runc_answered(const struct fy_runc_state *state, const struct fy_error *err, void *data)
{
    struct room *room = data;
    if (!state) {
        fy_error_propagate(&room->err, err);
    } else if (state->status != FY_RUNC_ABSENT) {
        fy_error_set(&room->err, FY_E_PREFLIGHT, "there is a container %s on this host already", room->workload.id);
        fy_error_next(&room->err, "remove it there (runc delete), or give the workload another id");
    } else if (look_later(room, &room->err) == 0) {
        return;
    }
    finish(room);
}

/* ---- podman ---- */

static void image_answered(bool exists, const struct fy_error *err, void *data)
{
    struct room *room = data;
    if (err) {
        fy_error_propagate(&room->err, err);
    } else if (!exists) {
        fy_error_set(&room->err, FY_E_PREFLIGHT, "the image of container %s, %s (%.12s), is not on this host",
                     room->workload.id, room->image[0] ? room->image : "without a name", room->image_id);
        fy_error_next(&room->err, "bring the same one here: podman save %.12s | ssh HOST podman load", room->image_id);
    }
    finish(room);
}

static int taken(struct room *room, const char *what)
{
    fy_error_set(&room->err, FY_E_PREFLIGHT, "podman has a container %.40s on this host already", what);
    return fy_error_next(&room->err, "remove it there (podman rm %.40s), or give one of them another name", what);
}

/* Whether an answer will come. */
static bool ask_for_image(struct room *room)
{
    return room->image_id[0] &&
           fy_podman_image_exists(room->host, room->image_id, image_answered, room, &room->err) == 0;
}

static void id_answered(const struct fy_podman_container *container, const struct fy_error *err, void *data)
{
    struct room *room = data;
    if (!container)
        fy_error_propagate(&room->err, err);
    else if (container->exists)
        (void)taken(room, container->name);
    else if (ask_for_image(room))
        return;
    finish(room);
}

static void name_answered(const struct fy_podman_container *container, const struct fy_error *err, void *data)
{
    struct room *room = data;
    if (!container)
        fy_error_propagate(&room->err, err);
    else if (container->exists)
        (void)taken(room, room->workload.id);
    else if (room->container_id[0]
                 ? fy_podman_inspect(room->host, room->container_id, id_answered, room, &room->err) == 0
                 : ask_for_image(room))
        return;
    finish(room);
}

/* ---- start ---- */

static bool copy_text(const char *text, char **copy)
{
    *copy = strdup(text ? text : "");
    return *copy != NULL;
}

static int copy_request(struct room *room, const struct fy_room_request *request, struct fy_error *err)
{
    room->workload = *request->workload;
    room->overlay = request->overlay ? malloc(sizeof *room->overlay) : NULL;
    if (room->overlay)
        *room->overlay = *request->overlay;
    room->pids = malloc((request->pid_count + 1) * sizeof(*room->pids));
    if (!copy_text(request->bundle, &room->bundle) || !copy_text(request->container_id, &room->container_id) ||
        !copy_text(request->image, &room->image) || !copy_text(request->image_id, &room->image_id) || !room->pids ||
        (request->overlay && !room->overlay))
        return fy_error_set(err, FY_E_NOMEM, "out of memory for looking for room");
    if (request->pid_count > 0)
        memcpy(room->pids, request->pids, request->pid_count * sizeof(*request->pids));
    room->pid_count = request->pid_count;
    return 0;
}

static int start(struct room *room, struct fy_error *err)
{
    switch (room->workload.kind) {
    case FY_WORKLOAD_RUNC:
        return fy_runc_state(room->host, room->workload.id, runc_answered, room, err);
    case FY_WORKLOAD_PODMAN:
        return fy_podman_inspect(room->host, room->workload.id, name_answered, room, err);
    case FY_WORKLOAD_PROCESS:
        break;
    }
    return look_later(room, err);
}

int fy_driver_check_room(const struct fy_host *host, const struct fy_room_request *request, fy_room_cb done, void *data,
                         struct fy_error *err)
{
    struct room *room = calloc(1, sizeof(*room));
    if (!room)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for looking for room");
    room->host = host;
    room->done = done;
    room->data = data;
    int status = copy_request(room, request, err);
    if (status == 0)
        status = start(room, err);
    if (status < 0)
        room_free(room);
    return status;
}
