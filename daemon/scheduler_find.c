/* Which workloads a run is for: those that are named, and of the running containers those that a pattern or a label
 * means. podman tells its own; runc keeps a directory for each container, with its state as JSON; annotations stand
 * there as labels. */
#include "scheduler.h"

#include <dirent.h>
#include <errno.h>
#include <ferry/agent/podman.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <signal.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#define PODMAN_ANNOTATION "io.container.manager=libpod"
#define STATE_LIMIT_BYTES ((size_t)4 << 20)

/* First podman is asked, once for its patterns and once for each label, then runc's directory is gone over. */
struct search {
    struct schedule *schedule;
    const struct fy_settings *settings;
    const struct fy_schedule_spec *spec;
    char (*targets)[FY_WORKLOAD_TEXT_SIZE];
    size_t count;
    size_t labels_asked; /* of podman */
    uv_work_t work;
    struct fy_error err; /* the first; what else is found is found */
    find_cb done;
    void *data;
};

static bool is_pattern(const char *workload)
{
    return strpbrk(workload, "*?") != NULL;
}

static bool has_pattern(const struct fy_schedule_spec *spec, const char *kind)
{
    for (size_t i = 0; spec->workloads[i]; i++) {
        if (is_pattern(spec->workloads[i]) && !strncmp(spec->workloads[i], kind, strlen(kind)))
            return true;
    }
    return false;
}

static int add(struct search *search, const char *workload, struct fy_error *err)
{
    for (size_t i = 0; i < search->count; i++) {
        if (!strcmp(search->targets[i], workload))
            return 0;
    }
    if (search->count == TARGETS_MAX)
        return fy_error_set(err, FY_E_LIMIT, "schedule %s means more than %d workloads", search->spec->name,
                            TARGETS_MAX);
    (void)snprintf(search->targets[search->count++], FY_WORKLOAD_TEXT_SIZE, "%s", workload);
    return 0;
}

static bool is_running(yajl_val state)
{
    const char *path[] = {"init_process_pid", NULL};
    yajl_val pid = yajl_tree_get(state, path, yajl_t_number);
    return YAJL_IS_INTEGER(pid) && YAJL_GET_INTEGER(pid) > 0 && kill((pid_t)YAJL_GET_INTEGER(pid), 0) == 0;
}

/* Those of podman's are found by their names. */
static bool is_wanted(const struct search *search, const char *workload, yajl_val state)
{
    const char *path[] = {"config", "labels", NULL};
    yajl_val labels = yajl_tree_get(state, path, yajl_t_array);
    bool wanted = fy_schedule_names(search->spec, workload);
    for (size_t i = 0; labels && i < YAJL_GET_ARRAY(labels)->len; i++) {
        const char *label = YAJL_GET_STRING(YAJL_GET_ARRAY(labels)->values[i]);
        if (label && !strcmp(label, PODMAN_ANNOTATION))
            return false;
        wanted = wanted || (label && fy_schedule_wants_label(search->spec, label));
    }
    return wanted;
}

/* A container that goes while it is looked at is none. */
static int look_at(struct search *search, const char *id, struct fy_error *err)
{
    FY_AUTO_FREE char *path = NULL;
    FY_AUTO_FREE char *text = NULL;
    char workload[FY_WORKLOAD_TEXT_SIZE];
    struct fy_workload parsed;
    (void)snprintf(workload, sizeof workload, "runc/%.255s", id);
    if (fy_workload_parse(workload, &parsed, NULL) < 0)
        return 0;
    if (asprintf(&path, "%s/%s/state.json", search->settings->runc_root, id) < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for looking for containers");
    if (fy_fs_read_file(path, STATE_LIMIT_BYTES, &text, NULL, NULL) < 0)
        return 0;
    yajl_val state = yajl_tree_parse(text, NULL, 0);
    bool wanted = is_running(state) && is_wanted(search, workload, state);
    yajl_tree_free(state);
    return wanted ? add(search, workload, err) : 0;
}

static int search_containers(struct search *search, struct fy_error *err)
{
    DIR *dir = opendir(search->settings->runc_root);
    int result = 0;
    if (!dir)
        return errno == ENOENT
                   ? 0
                   : fy_error_errno(err, errno, "looking for containers in %s", search->settings->runc_root);
    for (const struct dirent *entry; result == 0 && (entry = readdir(dir));)
        result = look_at(search, entry->d_name, err);
    (void)closedir(dir);
    return result;
}

/* ---- podman's ---- */

static void ask_podman(struct search *search);

static void add_podman_names(struct search *search, const char *names, bool all)
{
    char workload[FY_WORKLOAD_TEXT_SIZE];
    struct fy_workload parsed;
    for (size_t size; *names; names += size + (names[size] != '\0')) {
        size = strcspn(names, "\n");
        int length = snprintf(workload, sizeof workload, "podman/%.*s", (int)size, names);
        bool known = (size_t)length < sizeof workload && fy_workload_parse(workload, &parsed, NULL) == 0;
        if (known && (all || fy_schedule_names(search->spec, workload)))
            (void)add(search, workload, &search->err);
    }
}

static void patterns_answered(const char *names, const struct fy_error *err, void *data)
{
    struct search *search = data;
    fy_error_propagate(&search->err, err);
    add_podman_names(search, names ? names : "", false);
    ask_podman(search);
}

static void label_answered(const char *names, const struct fy_error *err, void *data)
{
    struct search *search = data;
    fy_error_propagate(&search->err, err);
    add_podman_names(search, names ? names : "", true);
    search->labels_asked++;
    ask_podman(search);
}

/* ---- the whole ---- */

static void end(struct search *search)
{
    search->done(search->targets, search->count, fy_error_is_set(&search->err) ? &search->err : NULL, search->data);
    free(search);
}

static void look(uv_work_t *work)
{
    struct search *search = fy_container_of(work, struct search, work);
    if (search->spec->labels[0] || has_pattern(search->spec, "runc/"))
        (void)search_containers(search, &search->err);
}

static void looked(uv_work_t *work, int status)
{
    (void)status;
    end(fy_container_of(work, struct search, work));
}

static void search_runc(struct search *search)
{
    (void)uv_queue_work(search->schedule->scheduler->options.host->loop, &search->work, look, looked);
}

/* The next label. A host without podman has no containers of it, whatever their labels. */
static void ask_podman(struct search *search)
{
    struct fy_error err = FY_ERROR_INIT;
    const char *label = search->spec->labels[search->labels_asked];
    if (label && fy_podman_list(search->schedule->scheduler->options.host, label, label_answered, search, &err) == 0)
        return;
    if (err.code != FY_E_NOT_FOUND)
        fy_error_propagate(&search->err, &err);
    search_runc(search);
}

static int add_named(struct search *search, struct fy_error *err)
{
    for (size_t i = 0; search->spec->workloads[i]; i++) {
        if (!is_pattern(search->spec->workloads[i]) && add(search, search->spec->workloads[i], err) < 0)
            return -1;
    }
    return 0;
}

int find_start(struct schedule *schedule, find_cb done, void *data, struct fy_error *err)
{
    const struct fy_host *host = schedule->scheduler->options.host;
    struct search *search = calloc(1, sizeof *search);
    if (search) {
        *search = (struct search){.schedule = schedule, .spec = schedule->spec, .done = done, .data = data};
        search->settings = host->settings;
        search->targets = calloc(TARGETS_MAX, FY_WORKLOAD_TEXT_SIZE);
    }
    if (!search || !search->targets || add_named(search, err) < 0) {
        free(search ? search->targets : NULL);
        free(search);
        return fy_error_set(err, FY_E_NOMEM, "no memory for looking for workloads");
    }
    if (!has_pattern(schedule->spec, "podman/"))
        ask_podman(search);
    else if (fy_podman_list(host, NULL, patterns_answered, search, &search->err) < 0)
        search_runc(search);
    return 0;
}
