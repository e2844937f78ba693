/* Each question is one run of podman. Its answers are lines that a template of ours names, so that nothing has to be
 * found in documents that change with podman's versions. */
#include "podman_call.h"

#include <ferry/agent/child.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- inspect ---- */

#define NEXT "{{\"\\n\"}}"

static const char template[] = "{{.Id}}" NEXT "{{.Name}}" NEXT "{{.State.Status}}" NEXT "{{.State.Pid}}" NEXT
                               "{{.State.ConmonPid}}" NEXT "{{.OCIRuntime}}" NEXT "{{.Config.Tty}}" NEXT "{{.Pod}}" NEXT
                               "{{.Image}}" NEXT "{{.ImageName}}" NEXT "{{.StaticDir}}";

enum { ID, NAME, STATUS, PID, CONMON_PID, RUNTIME, TERMINAL, POD, IMAGE_ID, IMAGE, STATIC_DIR, LINES };

struct inspection {
    char *name;
    fy_podman_inspect_cb done;
    void *data;
};

static pid_t read_pid(const char *text)
{
    uint64_t pid = 0;
    return fy_text_parse_uint(text, INT32_MAX, &pid) ? (pid_t)pid : 0;
}

static bool split_lines(char *text, char *lines[LINES])
{
    size_t count = 0;
    for (char *line = strsep(&text, "\n"); line && count < LINES; line = strsep(&text, "\n"))
        lines[count++] = line;
    return count == LINES;
}

static int read_answer(const struct inspection *inspection, const char *output, struct fy_podman_container *container,
                       struct fy_error *err)
{
    char *lines[LINES];
    FY_AUTO_FREE char *text = strdup(output);
    if (!text)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for podman's answer");
    if (!split_lines(text, lines) || strlen(lines[ID]) != 64)
        return fy_error_set(err, FY_E_CHILD, "podman does not say how container %s stands", inspection->name);
    container->exists = true;
    container->pid = read_pid(lines[PID]);
    container->conmon_pid = read_pid(lines[CONMON_PID]);
    container->has_terminal = strcmp(lines[TERMINAL], "true") == 0;
    (void)snprintf(container->id, sizeof(container->id), "%s", lines[ID]);
    (void)snprintf(container->name, sizeof(container->name), "%s", lines[NAME]);
    (void)snprintf(container->status, sizeof(container->status), "%s", lines[STATUS]);
    (void)snprintf(container->runtime, sizeof(container->runtime), "%s", lines[RUNTIME]);
    (void)snprintf(container->pod, sizeof(container->pod), "%s", lines[POD]);
    (void)snprintf(container->image_id, sizeof(container->image_id), "%s", lines[IMAGE_ID]);
    (void)snprintf(container->image, sizeof(container->image), "%s", lines[IMAGE]);
    (void)snprintf(container->static_dir, sizeof(container->static_dir), "%s", lines[STATIC_DIR]);
    return 0;
}

static void inspected(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct inspection *inspection = data;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_podman_container *container = calloc(1, sizeof(*container));
    (void)child;
    int status = -1;
    if (!container)
        fy_error_set(&err, FY_E_NOMEM, "out of memory for the state of container %s", inspection->name);
    else if (result->exit_status != 0 && strstr(result->output, "no such "))
        status = 0; /* exists is false */
    else if (fy_child_check("podman container inspect", result, &err) == 0)
        status = read_answer(inspection, result->output, container, &err);
    inspection->done(status == 0 ? container : NULL, status == 0 ? NULL : &err, inspection->data);
    free(container);
    free(inspection->name);
    free(inspection);
}

int fy_podman_inspect(const struct fy_host *host, const char *name, fy_podman_inspect_cb done, void *data,
                      struct fy_error *err)
{
    struct fy_child *child;
    const char *const argv[] = {host->settings->podman, "container", "inspect", "--format", template, name, NULL};
    struct fy_child_options options = {.argv = argv, .inherit_fd = -1, .deadline_ms = FY_PODMAN_LIMIT_MS};
    struct inspection *inspection = calloc(1, sizeof(*inspection));
    if (!inspection || !(inspection->name = strdup(name))) {
        free(inspection);
        return fy_error_set(err, FY_E_NOMEM, "out of memory for asking podman");
    }
    inspection->done = done;
    inspection->data = data;
    if (fy_child_start(host->loop, &options, inspected, inspection, &child, err) < 0) {
        free(inspection->name);
        free(inspection);
        return -1;
    }
    return 0;
}

/* ---- image exists ---- */

struct image_query {
    fy_podman_image_cb done;
    void *data;
};

static void image_answered(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct image_query *query = data;
    struct fy_error err = FY_ERROR_INIT;
    (void)child;
    bool says_no = result->exit_status == 1 && result->signal == 0 && !result->timed_out;
    int status = says_no ? 0 : fy_child_check("podman image exists", result, &err);
    query->done(status == 0 && !says_no, status == 0 ? NULL : &err, query->data);
    free(query);
}

int fy_podman_image_exists(const struct fy_host *host, const char *image_id, fy_podman_image_cb done, void *data,
                           struct fy_error *err)
{
    struct fy_child *child;
    const char *const argv[] = {host->settings->podman, "image", "exists", image_id, NULL};
    struct fy_child_options options = {.argv = argv, .inherit_fd = -1, .deadline_ms = FY_PODMAN_LIMIT_MS};
    struct image_query *query = calloc(1, sizeof(*query));
    if (!query)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for asking podman");
    *query = (struct image_query){.done = done, .data = data};
    if (fy_child_start(host->loop, &options, image_answered, query, &child, err) < 0) {
        free(query);
        return -1;
    }
    return 0;
}

/* ---- rm ---- */

struct removal {
    fy_podman_removed_cb done;
    void *data;
};

static void removed(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct removal *removal = data;
    (void)child;
    (void)result;
    removal->done(removal->data);
    free(removal);
}

int fy_podman_remove(const struct fy_host *host, const char *id, fy_podman_removed_cb done, void *data,
                     struct fy_error *err)
{
    struct fy_child *child;
    const char *const argv[] = {host->settings->podman, "rm", "--force", "--time", "0", id, NULL};
    struct fy_child_options options = {.argv = argv, .inherit_fd = -1, .deadline_ms = FY_PODMAN_LIMIT_MS};
    struct removal *removal = calloc(1, sizeof(*removal));
    if (!removal)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for running podman");
    *removal = (struct removal){.done = done, .data = data};
    if (fy_child_start(host->loop, &options, removed, removal, &child, err) < 0) {
        free(removal);
        return -1;
    }
    return 0;
}
