/* Reads the bundle's config.json, and looks at each source, in the thread pool. */
#include "bind_mounts.h"

#include "bundle.h"

#include <ferry/base/cleanup.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct looking {
    uv_work_t work;
    char *bundle;
    fy_open_files_cb done;
    void *data;
    struct fy_open_files files;
};

/* ---- the configuration ---- */

static yajl_val member(yajl_val object, const char *name, yajl_type type)
{
    const char *const path[] = {name, NULL};
    return yajl_tree_get(object, (const char **)(uintptr_t)path, type);
}

static bool is_bind(yajl_val mount)
{
    const char *type = YAJL_GET_STRING(member(mount, "type", yajl_t_string));
    yajl_val options = member(mount, "options", yajl_t_array);
    if (type && !strcmp(type, "bind"))
        return true;
    for (size_t i = 0; options && i < options->u.array.len; i++) {
        const char *option = YAJL_GET_STRING(options->u.array.values[i]);
        if (option && (!strcmp(option, "bind") || !strcmp(option, "rbind")))
            return true;
    }
    return false;
}

static void look_at(struct looking *looking, yajl_val mount)
{
    char path[PATH_MAX];
    const char *source = YAJL_GET_STRING(member(mount, "source", yajl_t_string));
    if (!source || !source[0] || !is_bind(mount))
        return;
    bool below = source[0] != '/';
    int size = snprintf(path, sizeof path, "%s%s%s", below ? looking->bundle : "", below ? "/" : "", source);
    if (size > 0 && (size_t)size < sizeof path)
        (void)fy_open_files_add(&looking->files, path, path, false);
}

static void look(uv_work_t *work)
{
    struct looking *looking = fy_container_of(work, struct looking, work);
    yajl_val config = fy_bundle_config(looking->bundle);
    yajl_val mounts = config ? member(config, "mounts", yajl_t_array) : NULL;
    for (size_t i = 0; mounts && i < mounts->u.array.len; i++)
        look_at(looking, mounts->u.array.values[i]);
    yajl_tree_free(config);
}

/* ---- the look ---- */

static void looking_free(struct looking *looking)
{
    free(looking->bundle);
    free(looking);
}

static void looked(uv_work_t *work, int status)
{
    (void)status; /* never cancelled */
    struct looking *looking = fy_container_of(work, struct looking, work);
    looking->done(&looking->files, looking->data);
    looking_free(looking);
}

int fy_bind_mounts_start(uv_loop_t *loop, const char *bundle, fy_open_files_cb done, void *data, struct fy_error *err)
{
    struct looking *looking = calloc(1, sizeof *looking);
    if (looking) {
        looking->bundle = strdup(bundle);
        looking->files.list = calloc(FY_OPEN_FILES_MOST, sizeof(*looking->files.list));
    }
    if (!looking || !looking->bundle || !looking->files.list) {
        if (looking) {
            free(looking->files.list);
            looking_free(looking);
        }
        return fy_error_set(err, FY_E_NOMEM, "no memory for a list of bind mounts");
    }
    looking->done = done;
    looking->data = data;
    (void)uv_queue_work(loop, &looking->work, look, looked); /* fails only without a function */
    return 0;
}
