/* What is known of an overlay stands in /proc/PID/mountinfo: where it is mounted and with which directories, as they
 * were named when it was mounted. */
#include "overlay.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bundle.h"
#include "mountinfo.h"

static void append(char *text, size_t size, const char *separator, const char *more)
{
    size_t length = strlen(text);
    (void)snprintf(text + length, size - length, "%s%s", length ? separator : "", more);
}

/* Of the others only those change what is seen in it. */
static bool matters(const char *option)
{
    static const char *const names[] = {"metacopy=", "redirect_dir=", "index=", "xino=", "userxattr"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++) {
        if (strncmp(option, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

static void take_option(struct fy_overlay *overlay, const char *option)
{
    const char *value = strchr(option, '=');
    value = value ? value + 1 : "";
    if (strncmp(option, "lowerdir=", 9) == 0 || strncmp(option, "lowerdir+=", 10) == 0)
        append(overlay->lower, sizeof overlay->lower, ":", value);
    else if (strncmp(option, "upperdir=", 9) == 0)
        append(overlay->upper, sizeof overlay->upper, "", value);
    else if (strncmp(option, "workdir=", 8) == 0)
        append(overlay->work, sizeof overlay->work, "", value);
    else if (matters(option))
        append(overlay->options, sizeof overlay->options, ",", option);
}

/* Separators in a name would have to be escaped in ways that differ between kernels. */
static bool is_usable(const struct fy_overlay *overlay)
{
    return overlay->path[0] == '/' && overlay->upper[0] == '/' && overlay->work[0] == '/' && overlay->lower[0] == '/' &&
           !strpbrk(overlay->path, ",\\") && !strpbrk(overlay->lower, ",\\") && !strpbrk(overlay->upper, ",:\\") &&
           !strpbrk(overlay->work, ",:\\");
}

/* The directory that config.json calls the root. */
static void find_path(const char *bundle, char *path, size_t size)
{
    const char *const keys[] = {"root", "path", NULL};
    yajl_val config = fy_bundle_config(bundle);
    const char *root =
        config ? YAJL_GET_STRING(yajl_tree_get(config, (const char **)(uintptr_t)keys, yajl_t_string)) : NULL;
    if (root && root[0] == '/')
        (void)snprintf(path, size, "%s", root);
    else if (root)
        (void)snprintf(path, size, "%s/%s", bundle, root);
    yajl_tree_free(config);
}

static bool take_root(const struct mount *mount, void *data)
{
    struct fy_overlay *overlay = data;
    if (strcmp(mount->at, "/") != 0)
        return true;
    *overlay = (struct fy_overlay){.upper = ""};
    if (strcmp(mount->type, "overlay") != 0 || strcmp(mount->root, "/") != 0)
        return true;
    char *rest = mount->options;
    for (char *option = strsep(&rest, ","); option; option = strsep(&rest, ",")) {
        mountinfo_unescape(option);
        take_option(overlay, option);
    }
    return true;
}

void fy_overlay_find(pid_t root_pid, const char *bundle, struct fy_overlay *overlay)
{
    struct fy_overlay found = {.upper = ""};
    (void)mountinfo_each(root_pid, take_root, &found, NULL);
    if (found.upper[0])
        find_path(bundle, found.path, sizeof found.path);
    *overlay = is_usable(&found) ? found : (struct fy_overlay){.upper = ""};
}

static bool copy(char *to, size_t size, const char *from)
{
    return snprintf(to, size, "%s", from ? from : "") < (int)size;
}

static bool leads_back(const char *path)
{
    return strstr(path, "/../") != NULL;
}

int fy_overlay_from_record(const Ferry__Checkpoint__Record *record, struct fy_overlay *overlay, struct fy_error *err)
{
    const Ferry__Checkpoint__Overlay *from = record->overlay;
    struct fy_overlay found = {.upper = ""};
    *overlay = found;
    if (!from)
        return 0;
    if (!record->bundle || record->bundle[0] != '/' || !copy(found.path, sizeof found.path, from->path) ||
        !copy(found.lower, sizeof found.lower, from->lower) || !copy(found.upper, sizeof found.upper, from->upper) ||
        !copy(found.work, sizeof found.work, from->work) || !copy(found.options, sizeof found.options, from->options) ||
        !is_usable(&found) || leads_back(found.upper) || leads_back(found.path) || leads_back(found.work))
        return fy_error_set(err, FY_E_VERIFY, "the record of checkpoint %s does not say where its root file system was",
                            record->id);
    *overlay = found;
    return 0;
}

int fy_overlay_check_layers(const struct fy_overlay *overlay, const char *container, struct fy_error *err)
{
    FY_AUTO_FREE char *layers = strdup(overlay->lower);
    if (!layers)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the layers of %s", container);
    char *rest = layers;
    for (char *layer = strsep(&rest, ":"); layer; layer = strsep(&rest, ":")) {
        struct stat st;
        if (stat(layer, &st) == 0 && S_ISDIR(st.st_mode))
            continue;
        fy_error_set(err, FY_E_PREFLIGHT, "a layer of the root file system of container %s is not on this host: %s: %s",
                     container, layer, strerror(errno ? errno : ENOTDIR));
        return fy_error_next(err,
                             "put the same directory to %s on this host; what the container changed in it is in "
                             "the checkpoint",
                             layer);
    }
    return 0;
}
