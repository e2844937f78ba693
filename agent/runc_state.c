/* Reads runc's JSON. What runc does not say clearly is an error: nobody here guesses whether a container runs. */
#include "runc_state.h"

#include <ferry/agent/child.h>
#include <ferry/base/cleanup.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#define RUNC_LIMIT_MS 30000

struct state_query {
    char *id;
    fy_runc_state_cb done;
    void *data;
};

static const char *const status_names[] = {
    [FY_RUNC_RUNNING] = "running",
    [FY_RUNC_PAUSED] = "paused",
    [FY_RUNC_STOPPED] = "stopped",
    [FY_RUNC_CREATED] = "created",
};

static const char *string_at(yajl_val tree, const char *name)
{
    const char *path[] = {name, NULL};
    const char *text = YAJL_GET_STRING(yajl_tree_get(tree, path, yajl_t_string));
    return text ? text : "";
}

static int read_tree(yajl_val tree, struct fy_runc_state *state)
{
    const char *pid_path[] = {"pid", NULL};
    const char *status = string_at(tree, "status");
    yajl_val pid = yajl_tree_get(tree, pid_path, yajl_t_number);
    long long number = YAJL_IS_INTEGER(pid) ? YAJL_GET_INTEGER(pid) : 0;
    for (size_t i = FY_RUNC_RUNNING; i < FY_ARRAY_SIZE(status_names); i++)
        if (strcmp(status, status_names[i]) == 0)
            state->status = (enum fy_runc_status)i;
    if (state->status == FY_RUNC_ABSENT || number < 0 || number > INT_MAX)
        return -1;
    state->pid = (pid_t)number;
    (void)snprintf(state->bundle, sizeof(state->bundle), "%s", string_at(tree, "bundle"));
    return 0;
}

static int parse(const char *id, const struct fy_child_result *result, struct fy_runc_state *state,
                 struct fy_error *err)
{
    char reason[256];
    yajl_val tree = yajl_tree_parse(result->output, reason, sizeof(reason));
    int status = tree ? read_tree(tree, state) : -1;
    yajl_tree_free(tree);
    return status == 0 ? 0 : fy_error_set(err, FY_E_CHILD, "runc does not say how container %s stands", id);
}

static void state_ended(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct state_query *query = data;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_runc_state *state = calloc(1, sizeof(*state));
    (void)child;
    int status = -1;
    if (!state)
        fy_error_set(&err, FY_E_NOMEM, "out of memory for the state of container %s", query->id);
    else if (result->exit_status != 0 && strstr(result->output, "does not exist"))
        status = 0; /* FY_RUNC_ABSENT */
    else if (fy_child_check("runc state", result, &err) == 0)
        status = parse(query->id, result, state, &err);
    query->done(status == 0 ? state : NULL, status == 0 ? NULL : &err, query->data);
    free(state);
    free(query->id);
    free(query);
}

int fy_runc_state(const struct fy_host *host, const char *id, fy_runc_state_cb done, void *data, struct fy_error *err)
{
    struct fy_child *child;
    const struct fy_settings *settings = host->settings;
    const char *const argv[] = {settings->runc, "--root", settings->runc_root, "state", id, NULL};
    struct fy_child_options options = {.argv = argv, .inherit_fd = -1, .deadline_ms = RUNC_LIMIT_MS};
    struct state_query *query = calloc(1, sizeof(*query));
    if (!query || !(query->id = strdup(id))) {
        free(query);
        return fy_error_set(err, FY_E_NOMEM, "out of memory for asking runc");
    }
    query->done = done;
    query->data = data;
    if (fy_child_start(host->loop, &options, state_ended, query, &child, err) < 0) {
        free(query->id);
        free(query);
        return -1;
    }
    return 0;
}

/* ---- other verbs ---- */

struct run_query {
    fy_runc_ran_cb done;
    void *data;
};

static void run_ended(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct run_query *query = data;
    (void)child;
    (void)result;
    query->done(query->data);
    free(query);
}

int fy_runc_run(const struct fy_host *host, const char *verb, const char *extra, const char *id, fy_runc_ran_cb done,
                void *data, struct fy_error *err)
{
    struct fy_child *child;
    const struct fy_settings *settings = host->settings;
    const char *const argv[] = {settings->runc,    "--root", settings->runc_root, verb, extra ? extra : id,
                                extra ? id : NULL, NULL};
    struct fy_child_options options = {.argv = argv, .inherit_fd = -1, .deadline_ms = RUNC_LIMIT_MS};
    struct run_query *query = calloc(1, sizeof(*query));
    if (!query)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for running runc");
    *query = (struct run_query){.done = done, .data = data};
    if (fy_child_start(host->loop, &options, run_ended, query, &child, err) < 0) {
        free(query);
        return -1;
    }
    return 0;
}
