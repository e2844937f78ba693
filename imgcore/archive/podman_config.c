/* The few members of podman's config.dump that ferry goes by. */
#include <ferry/imgcore/archive.h>

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <stdio.h>
#include <string.h>

#include "entry.h"
#include "extract.h"
#include "json_text.h"
#include "reader.h"

/* podman's is some 20 KiB; a container's environment and labels are in it. */
#define CONFIG_LIMIT_BYTES ((size_t)1024 * 1024)

static int copy_text(yajl_val tree, const char *name, char *to, size_t size, struct fy_error *err)
{
    const char *text = json_text_string(tree, name, NULL);
    if (text && strlen(text) >= size)
        return fy_error_set(err, FY_E_FORMAT, ENTRY_CONFIG ": \"%s\" is too long", name);
    for (const char *c = text; c && *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return fy_error_set(err, FY_E_FORMAT, ENTRY_CONFIG ": \"%s\" is not one word", name);
    (void)snprintf(to, size, "%s", text ? text : "");
    return 0;
}

static bool is_id(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* It becomes an argument of podman's. */
static bool is_name(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    return text[0] && strspn(text, letters) == strlen(text) && !strchr("_.-", text[0]);
}

static int read_tree(yajl_val tree, struct fy_podman_config *config, struct fy_error *err)
{
    if (copy_text(tree, "id", config->id, sizeof config->id, err) < 0 ||
        copy_text(tree, "name", config->name, sizeof config->name, err) < 0 ||
        copy_text(tree, "rootfsImageName", config->image, sizeof config->image, err) < 0 ||
        copy_text(tree, "rootfsImageID", config->image_id, sizeof config->image_id, err) < 0 ||
        copy_text(tree, "runtime", config->runtime, sizeof config->runtime, err) < 0 ||
        copy_text(tree, "createdTime", config->created, sizeof config->created, err) < 0)
        return -1;
    if (!is_id(config->id) || !is_name(config->name) || (config->image_id[0] && !is_id(config->image_id)))
        return fy_error_set(err, FY_E_FORMAT, ENTRY_CONFIG " names no container that podman could have made");
    return 0;
}

static int parse(const char *text, size_t size, struct fy_podman_config *config, struct fy_error *err)
{
    struct fy_podman_config parsed = {0};
    yajl_val tree = NULL;
    if (json_text_parse(text, size, ENTRY_CONFIG, &tree, err) < 0)
        return -1;
    int status = read_tree(tree, &parsed, err);
    yajl_tree_free(tree);
    if (status == 0)
        *config = parsed;
    return status;
}

static int find(struct archive *reader, char **text, size_t *size, struct fy_error *err)
{
    struct archive_entry *raw;
    struct entry entry;
    int found;
    while ((found = reader_next(reader, &raw, err)) == 1) {
        if (entry_check(raw, &entry, err) < 0)
            return -1;
        if (strcmp(entry.name, ENTRY_CONFIG) == 0 && !entry.is_directory)
            return extract_text(reader, ENTRY_CONFIG, entry.size_bytes, CONFIG_LIMIT_BYTES, text, size, err);
    }
    return found < 0 ? -1 : fy_error_set(err, FY_E_FORMAT, "there is no " ENTRY_CONFIG);
}

static int read_text(int images_fd, char **text, size_t *size, struct fy_error *err)
{
    FY_CLEANUP(reader_cleanup) struct archive *reader = NULL;
    FY_AUTO_CLOSE int fd = openat(images_fd, FY_ARCHIVE_REST, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return fy_error_errno(err, errno, "cannot read " FY_ARCHIVE_REST " of the image set");
    if (reader_open(fd, &reader, err) < 0 || find(reader, text, size, err) < 0)
        return fy_error_wrap(err, FY_ARCHIVE_REST);
    return 0;
}

int fy_podman_config_text(int images_fd, char **text, struct fy_error *err)
{
    size_t size = 0;
    return read_text(images_fd, text, &size, err);
}

int fy_podman_config_read(int images_fd, struct fy_podman_config *config, struct fy_error *err)
{
    FY_AUTO_FREE char *text = NULL;
    size_t size = 0;
    if (read_text(images_fd, &text, &size, err) < 0)
        return -1;
    return parse(text, size, config, err) < 0 ? fy_error_wrap(err, FY_ARCHIVE_REST) : 0;
}
