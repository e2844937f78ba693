/* fy_driver_check_room(): is there room for the workload under the ids and paths it has? */
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
    if (room->workload.kind == FY_WORKLOAD_RUNC && !fy_error_is_set(&room->err))
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

static int copy_request(struct room *room, const char *bundle, const pid_t *pids, size_t pid_count,
                        struct fy_error *err)
{
    room->bundle = strdup(bundle ? bundle : "");
    room->pids = malloc((pid_count + 1) * sizeof(*room->pids));
    if (!room->bundle || !room->pids)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for looking for room");
    if (pid_count > 0)
        memcpy(room->pids, pids, pid_count * sizeof(*pids));
    room->pid_count = pid_count;
    return 0;
}

int fy_driver_check_room(const struct fy_host *host, const struct fy_workload *workload, const char *bundle,
                         const pid_t *pids, size_t pid_count, fy_room_cb done, void *data, struct fy_error *err)
{
    struct room *room = calloc(1, sizeof(*room));
    if (!room)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for looking for room");
    room->host = host;
    room->workload = *workload;
    room->done = done;
    room->data = data;
    int status = copy_request(room, bundle, pids, pid_count, err);
    if (status == 0)
        status = workload->kind == FY_WORKLOAD_RUNC ? fy_runc_state(host, workload->id, runc_answered, room, err)
                                                    : look_later(room, err);
    if (status < 0)
        room_free(room);
    return status;
}
