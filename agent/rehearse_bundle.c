/* The configuration is copied member by member; only three of them mean something here. */
#include "rehearse_bundle.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

#define CONFIG_LIMIT_BYTES ((size_t)16 << 20)

static void put_text(yajl_gen out, const char *text)
{
    (void)yajl_gen_string(out, (const unsigned char *)text, strlen(text));
}

static void put_value(yajl_gen out, yajl_val value);

static void put_array(yajl_gen out, yajl_val value)
{
    (void)yajl_gen_array_open(out);
    for (size_t i = 0; i < YAJL_GET_ARRAY(value)->len; i++)
        put_value(out, YAJL_GET_ARRAY(value)->values[i]);
    (void)yajl_gen_array_close(out);
}

static bool is_among(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

/* All but those of these names; the object stays open. */
static void put_members(yajl_gen out, yajl_val value, const char *const *without)
{
    (void)yajl_gen_map_open(out);
    for (size_t i = 0; i < YAJL_GET_OBJECT(value)->len; i++) {
        const char *key = YAJL_GET_OBJECT(value)->keys[i];
        if (is_among(key, without))
            continue;
        put_text(out, key);
        put_value(out, YAJL_GET_OBJECT(value)->values[i]);
    }
}

static void put_value(yajl_gen out, yajl_val value)
{
    static const char *const none[] = {NULL};
    if (YAJL_IS_STRING(value))
        put_text(out, YAJL_GET_STRING(value));
    else if (YAJL_IS_NUMBER(value))
        (void)yajl_gen_number(out, YAJL_GET_NUMBER(value), strlen(YAJL_GET_NUMBER(value)));
    else if (YAJL_IS_ARRAY(value))
        put_array(out, value);
    else if (YAJL_IS_NULL(value))
        (void)yajl_gen_null(out);
    else if (YAJL_IS_OBJECT(value)) {
        put_members(out, value, none);
        (void)yajl_gen_map_close(out);
    } else
        (void)yajl_gen_bool(out, YAJL_IS_TRUE(value));
}

static void put_config(yajl_gen out, yajl_val config, const char *cgroup)
{
    static const char *const replaced[] = {"cgroupsPath", NULL};
    (void)yajl_gen_map_open(out);
    for (size_t i = 0; i < YAJL_GET_OBJECT(config)->len; i++) {
        const char *key = YAJL_GET_OBJECT(config)->keys[i];
        yajl_val value = YAJL_GET_OBJECT(config)->values[i];
        if (!strcmp(key, "hooks"))
            continue;
        put_text(out, key);
        if (strcmp(key, "linux") != 0 || !YAJL_IS_OBJECT(value)) {
            put_value(out, value);
            continue;
        }
        put_members(out, value, replaced);
        put_text(out, "cgroupsPath");
        put_text(out, cgroup);
        (void)yajl_gen_map_close(out);
    }
    (void)yajl_gen_map_close(out);
}

static int write_config(yajl_val config, const char *bundle, const char *cgroup, struct fy_error *err)
{
    const unsigned char *text;
    size_t size;
    FY_AUTO_FREE char *path = NULL;
    if (asprintf(&path, "%s/config.json", bundle) < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a container's configuration");
    yajl_gen out = yajl_gen_alloc(NULL);
    if (!out)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a container's configuration");
    put_config(out, config, cgroup);
    int result = yajl_gen_get_buf(out, &text, &size) == yajl_gen_status_ok
                     ? fy_fs_write_file(path, text, size, 0600, err)
                     : fy_error_set(err, FY_E_NOMEM, "no memory for a container's configuration");
    yajl_gen_free(out);
    return result;
}

/* Its files for pids would be where the container had them. */
static int put_podman_config(yajl_val config, const char *cgroup, char **changed, struct fy_error *err)
{
    static const char *const replaced[] = {"cgroupParent", "conmonPidFile", "pidFile", NULL};
    const unsigned char *text;
    size_t size;
    char *copy = NULL;
    yajl_gen out = yajl_gen_alloc(NULL);
    if (!out)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a container's configuration");
    put_members(out, config, replaced);
    put_text(out, "cgroupParent");
    put_text(out, cgroup);
    (void)yajl_gen_map_close(out);
    if (yajl_gen_get_buf(out, &text, &size) == yajl_gen_status_ok)
        copy = strndup((const char *)text, size);
    yajl_gen_free(out);
    if (!copy)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a container's configuration");
    *changed = copy;
    return 0;
}

int rehearse_podman_config(const char *text, const char *cgroup, char **changed, struct fy_error *err)
{
    yajl_val config = yajl_tree_parse(text, NULL, 0);
    int result = YAJL_IS_OBJECT(config) ? put_podman_config(config, cgroup, changed, err)
                                        : fy_error_set(err, FY_E_FORMAT, "config.dump is no container's configuration");
    yajl_tree_free(config);
    return result;
}

static int replace_network(yajl_val config, struct fy_error *err)
{
    const char *list_path[] = {"linux", "namespaces", NULL};
    const char *type_path[] = {"type", NULL}, *path_path[] = {"path", NULL};
    yajl_val list = yajl_tree_get(config, list_path, yajl_t_array);
    for (size_t i = 0; list && i < YAJL_GET_ARRAY(list)->len; i++) {
        yajl_val namespace = YAJL_GET_ARRAY(list)->values[i];
        const char *type = YAJL_GET_STRING(yajl_tree_get(namespace, type_path, yajl_t_string));
        const char *path = YAJL_GET_STRING(yajl_tree_get(namespace, path_path, yajl_t_string));
        if (!type || !path || strcmp(type, "network") != 0)
            continue;
        if (mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0)
            return fy_error_errno(err, errno, "putting the scratch network in the place of %s", path);
    }
    return 0;
}

int rehearse_bundle(const char *from, const char *bundle, const char *cgroup, struct fy_error *err)
{
    FY_AUTO_FREE char *text = NULL;
    if (fy_fs_read_file(from, CONFIG_LIMIT_BYTES, &text, NULL, err) < 0)
        return fy_error_wrap(err, "the container's configuration");
    yajl_val config = yajl_tree_parse(text, NULL, 0);
    int result = -1;
    if (!YAJL_IS_OBJECT(config))
        fy_error_set(err, FY_E_FORMAT, "%s is no container's configuration", from);
    else if (replace_network(config, err) == 0)
        result = write_config(config, bundle, cgroup, err);
    yajl_tree_free(config);
    return result;
}
