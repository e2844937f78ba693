/* Which workloads a run is for: those that are named, and of the running containers those that a pattern or a label
 * means. runc keeps a directory for each container, with its state as JSON; annotations stand there as labels. */
#include "scheduler.h"

#include <dirent.h>
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <signal.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#define STATE_LIMIT_BYTES ((size_t)4 << 20)

struct search {
    const struct fy_settings *settings;
    const struct fy_schedule_spec *spec;
    char (*targets)[FY_WORKLOAD_TEXT_SIZE];
    size_t count;
};

static bool is_pattern(const char *workload)
{
    return strpbrk(workload, "*?") != NULL;
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

static bool has_label(const struct fy_schedule_spec *spec, yajl_val state)
{
    const char *path[] = {"config", "labels", NULL};
    yajl_val labels = yajl_tree_get(state, path, yajl_t_array);
    for (size_t i = 0; labels && i < YAJL_GET_ARRAY(labels)->len; i++) {
        const char *label = YAJL_GET_STRING(YAJL_GET_ARRAY(labels)->values[i]);
        if (label && fy_schedule_wants_label(spec, label))
            return true;
    }
    return false;
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
    bool wanted = is_running(state) && (fy_schedule_names(search->spec, workload) || has_label(search->spec, state));
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

int find_targets(const struct fy_settings *settings, const struct fy_schedule_spec *spec,
                 char (**targets)[FY_WORKLOAD_TEXT_SIZE], size_t *count, struct fy_error *err)
{
    struct search search = {settings, spec, calloc(TARGETS_MAX, FY_WORKLOAD_TEXT_SIZE), 0};
    bool look = spec->labels[0] != NULL;
    int result = search.targets ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for looking for workloads");
    for (size_t i = 0; result == 0 && spec->workloads[i]; i++) {
        look = look || is_pattern(spec->workloads[i]);
        if (!is_pattern(spec->workloads[i]))
            result = add(&search, spec->workloads[i], err);
    }
    if (result == 0 && look)
        result = search_containers(&search, err);
    if (result < 0) {
        free(search.targets);
        return -1;
    }
    *targets = search.targets;
    *count = search.count;
    return 0;
}
