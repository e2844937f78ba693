/* Opening a set to look into it, troubles, and plain questions. See ferry/imgcore/explore.h. */
#include "model.h"

#include <ferry/imgcore/inventory.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fy_explore_note_trouble(struct fy_explore *explore, struct fy_error *err, const char *format, ...)
{
    char *line = NULL;
    va_list arguments;
    int size;

    if (explore->troubles.count >= MAX_TROUBLES) {
        explore->more_troubles++;
        return 0;
    }
    va_start(arguments, format);
    size = vasprintf(&line, format, arguments);
    va_end(arguments);
    if (size < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for an image set");
    if (vector_push(&explore->troubles, err, line) < 0) {
        free(line);
        return -1;
    }
    return 0;
}

const char *fy_explore_keep(struct fy_explore *explore, const char *text, size_t size, struct fy_error *err)
{
    char *copy = strndup(text, size);

    if (!copy) {
        (void)fy_error_set(err, FY_E_NOMEM, "no memory for an image set");
        return NULL;
    }
    if (vector_push(&explore->strings, err, copy) < 0) {
        free(copy);
        return NULL;
    }
    return copy;
}

static int read_entries(struct fy_explore *explore, struct fy_image *image, entry_visit *visit, void *data,
                        struct fy_error *err)
{
    struct fy_error own = FY_ERROR_INIT;
    struct fy_image_entry entry;
    int result;

    while ((result = fy_image_next(image, &entry, &own)) > 0)
        if (visit(explore, &entry, data, err) < 0)
            return -1;
    if (result == 0)
        return 0;
    if (own.code == FY_E_NOMEM) {
        fy_error_propagate(err, &own);
        return -1;
    }
    return fy_explore_note_trouble(explore, err, "%s", own.message);
}

int fy_explore_read(struct fy_explore *explore, const char *name, bool must_exist, entry_visit *visit, void *data,
                    struct fy_error *err)
{
    struct fy_error own = FY_ERROR_INIT;
    struct fy_image *image = NULL;
    int result;

    if (fy_image_open(explore->dir_fd, name, NULL, &image, &own) < 0) {
        if (own.code == FY_E_NOMEM) {
            fy_error_propagate(err, &own);
            return -1;
        }
        if (own.code == FY_E_NOT_FOUND)
            return must_exist && !explore->is_pre_dump ? fy_explore_note_trouble(explore, err, "%s is missing", name)
                                                       : 0;
        return fy_explore_note_trouble(explore, err, "%s", own.message) < 0 ? -1 : 1;
    }
    result = read_entries(explore, image, visit, data, err);
    fy_image_free(image);
    return result < 0 ? -1 : 1;
}

static int read_inventory(struct fy_explore *explore, struct fy_error *err)
{
    struct fy_error own = FY_ERROR_INIT;
    struct fy_inventory inventory;

    if (fy_inventory_read(explore->dir_fd, &inventory, &own) < 0) {
        if (own.code == FY_E_NOT_FOUND)
            return fy_explore_note_trouble(explore, err, "inventory.img is missing: the dump did not finish");
        return fy_explore_note_trouble(explore, err, "%s", own.message);
    }
    explore->tcp_close = inventory.tcp_close;
    explore->fdinfo_per_task = inventory.img_version == 1 && !inventory.fdinfo_per_id;
    explore->is_pre_dump = inventory.img_version == 0;
    if (explore->is_pre_dump)
        return fy_explore_note_trouble(explore, err,
                                       "this is a pre-dump: it has memory, and nothing else of its tasks");
    return 0;
}

static int load(struct fy_explore *explore, struct fy_error *err)
{
    if (read_inventory(explore, err) < 0 || fy_explore_load_tasks(explore, err) < 0)
        return -1;
    if ((explore->parts & (FY_EXPLORE_DESCRIPTORS | FY_EXPLORE_MAPPINGS)) && fy_explore_load_files(explore, err) < 0)
        return -1;
    if ((explore->parts & FY_EXPLORE_DESCRIPTORS) && fy_explore_load_sockets(explore, err) < 0)
        return -1;
    if (explore->more_troubles > 0) {
        size_t more = explore->more_troubles;
        free(explore->troubles.items[--explore->troubles.count]);
        return fy_explore_note_trouble(explore, err, "and %zu more", more + 1);
    }
    return 0;
}

int fy_explore_open(int dir_fd, unsigned parts, struct fy_explore **explore, struct fy_error *err)
{
    struct fy_explore *opened = calloc(1, sizeof(*opened));

    if (!opened)
        return fy_error_set(err, FY_E_NOMEM, "no memory for an image set");
    opened->dir_fd = dir_fd;
    opened->parts = parts;
    if (load(opened, err) < 0) {
        fy_explore_free(opened);
        return -1;
    }
    *explore = opened;
    return 0;
}

static void free_strings(char **strings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(strings[i]);
    free(strings);
}

void fy_explore_free(struct fy_explore *explore)
{
    if (!explore)
        return;
    for (size_t i = 0; i < explore->tasks.count; i++) {
        free((void *)explore->tasks.items[i].threads);
        free((void *)explore->tasks.items[i].mappings);
    }
    for (size_t i = 0; i < explore->tables.count; i++) {
        free(explore->tables.items[i].descriptors.items);
        free(explore->tables.items[i].pids.items);
    }
    free_strings(explore->troubles.items, explore->troubles.count);
    free_strings(explore->strings.items, explore->strings.count);
    free(explore->tasks.items);
    free(explore->tables.items);
    free(explore->files.items);
    free(explore->holders.items);
    free(explore->holder_list.items);
    free(explore->sockets.items);
    free(explore->memfds.items);
    free(explore);
}

size_t fy_explore_trouble_count(const struct fy_explore *explore)
{
    return explore->troubles.count;
}

const char *fy_explore_trouble(const struct fy_explore *explore, size_t index)
{
    return explore->troubles.items[index];
}

size_t fy_explore_task_count(const struct fy_explore *explore)
{
    return explore->tasks.count;
}

const struct fy_explore_task *fy_explore_task(const struct fy_explore *explore, size_t index)
{
    return &explore->tasks.items[index];
}

size_t fy_explore_file_count(const struct fy_explore *explore)
{
    return explore->files.count;
}

const struct fy_explore_file *fy_explore_file(const struct fy_explore *explore, size_t index)
{
    return &explore->files.items[index].said;
}

size_t fy_explore_socket_count(const struct fy_explore *explore)
{
    return explore->sockets.count;
}

const struct fy_explore_socket *fy_explore_socket(const struct fy_explore *explore, size_t index)
{
    return &explore->sockets.items[index];
}
