/* Each question is one run of podman. Its answers are lines that a template of ours names, so that nothing has to be
 * found in documents that change with podman's versions. */
#include "podman_call.h"

#include <ferry/agent/child.h>
#include <ferry/agent/podman.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_LIMIT_BYTES ((size_t)60 * 1024) /* what is kept of a child's output may begin in its middle beyond */

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

/* ---- questions without a name to keep ---- */

/* `question` is freed when podman cannot be started. */
static int ask(const struct fy_host *host, const char *const *argv, fy_child_cb answered, void *question,
               struct fy_error *err)
{
    struct fy_child *child;
    struct fy_child_options options = {.argv = argv, .inherit_fd = -1, .deadline_ms = FY_PODMAN_LIMIT_MS};
    if (!question)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for asking podman");
    if (fy_child_start(host->loop, &options, answered, question, &child, err) == 0)
        return 0;
    free(question);
    return -1;
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
    const char *const argv[] = {host->settings->podman, "image", "exists", image_id, NULL};
    struct image_query *query = calloc(1, sizeof(*query));
    if (query)
        *query = (struct image_query){.done = done, .data = data};
    return ask(host, argv, image_answered, query, err);
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
    const char *const argv[] = {host->settings->podman, "rm", "--force", "--time", "0", id, NULL};
    struct removal *removal = calloc(1, sizeof(*removal));
    if (removal)
        *removal = (struct removal){.done = done, .data = data};
    return ask(host, argv, removed, removal, err);
}

/* ---- info ---- */

static const char store_template[] =
    "{{.Store.GraphDriverName}}" NEXT "{{.Store.GraphRoot}}" NEXT "{{.Store.VolumePath}}" NEXT;

struct store_query {
    fy_podman_store_cb done;
    void *data;
};

static int read_line(const char **at, char *line, size_t line_size)
{
    size_t size = strcspn(*at, "\n");
    if (!size || size >= line_size || (*at)[size] != '\n')
        return -1;
    (void)snprintf(line, line_size, "%.*s", (int)size, *at);
    *at += size + 1;
    return 0;
}

static int read_store(const char *output, struct fy_podman_store *store, struct fy_error *err)
{
    if (read_line(&output, store->driver, sizeof(store->driver)) < 0 ||
        read_line(&output, store->root, sizeof(store->root)) < 0 || store->root[0] != '/' ||
        read_line(&output, store->volumes, sizeof(store->volumes)) < 0 || store->volumes[0] != '/')
        return fy_error_set(err, FY_E_CHILD, "podman does not say where it keeps images and volumes");
    return 0;
}

static void store_answered(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct store_query *query = data;
    struct fy_podman_store store;
    struct fy_error err = FY_ERROR_INIT;
    (void)child;
    int status = fy_child_check("podman info", result, &err);
    if (status == 0)
        status = read_store(result->output, &store, &err);
    query->done(status == 0 ? &store : NULL, status == 0 ? NULL : &err, query->data);
    free(query);
}

int fy_podman_store(const struct fy_host *host, fy_podman_store_cb done, void *data, struct fy_error *err)
{
    const char *const argv[] = {host->settings->podman, "info", "--format", store_template, NULL};
    struct store_query *query = calloc(1, sizeof(*query));
    if (query)
        *query = (struct store_query){.done = done, .data = data};
    return ask(host, argv, store_answered, query, err);
}

/* ---- ps ---- */

struct list_query {
    fy_podman_list_cb done;
    void *data;
};

static void list_answered(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct list_query *query = data;
    struct fy_error err = FY_ERROR_INIT;
    (void)child;
    int status = fy_child_check("podman ps", result, &err);
    if (status == 0 && result->output_size >= LIST_LIMIT_BYTES)
        status = fy_error_set(&err, FY_E_LIMIT, "podman has more containers than can be listed");
    query->done(status == 0 ? result->output : NULL, status == 0 ? NULL : &err, query->data);
    free(query);
}

int fy_podman_list(const struct fy_host *host, const char *label, fy_podman_list_cb done, void *data,
                   struct fy_error *err)
{
    FY_AUTO_FREE char *filter = NULL;
    if (label && asprintf(&filter, "label=%s", label) < 0) {
        filter = NULL;
        return fy_error_set(err, FY_E_NOMEM, "out of memory for asking podman");
    }
    const char *const argv[] = {host->settings->podman,     "ps",   "--format", "{{.Names}}",
                                filter ? "--filter" : NULL, filter, NULL};
    struct list_query *query = calloc(1, sizeof(*query));
    if (query)
        *query = (struct list_query){.done = done, .data = data};
    return ask(host, argv, list_answered, query, err);
}
