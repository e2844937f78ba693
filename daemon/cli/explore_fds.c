/* `ferry image x DIR fds`: what every task has open, and where it is. */
#include "explore_print.h"

#include <criu/files.pb-c.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_SHOWN_HOLDERS 8

/* ---- flags ---- */

static const struct flag_word {
    uint32_t bit;
    const char *word;
} flag_words[] = {
    /* As on x86 and arm64, which differ in none of these. */
    {02000, "append"},
    {04000, "nonblock"},
    {010000000, "path"},
    {01000000, "noatime"},
};

static const char *access_word(uint32_t flags)
{
    static const char *const words[] = {"read", "write", "read-write", "no access"};

    return words[flags & 3];
}

/* ---- who else ---- */

/* A descriptor in a table stands for one in each task that has the table. */
typedef void holder_visit(struct explore_print *print, uint32_t pid, uint32_t fd);

/* Visits other descriptors that lead to the same open file, at most MAX_SHOWN_HOLDERS; the result counts one more when
 * there are more. */
static size_t each_other(struct explore_print *print, uint32_t own_pid, const struct fy_explore_descriptor *descriptor,
                         holder_visit *visit)
{
    size_t count, found = 0;
    const struct fy_explore_holder *holders =
        fy_explore_holders(print->set, descriptor->file_type, descriptor->file_id, &count);

    for (size_t i = 0; i < count && found <= MAX_SHOWN_HOLDERS; i++) {
        const struct fy_explore_table *table = fy_explore_find_table(print->set, holders[i].table_id);
        for (size_t j = 0; table && j < table->pid_count && found <= MAX_SHOWN_HOLDERS; j++) {
            if (table->pids[j] == own_pid && holders[i].fd == descriptor->fd)
                continue;
            if (found++ < MAX_SHOWN_HOLDERS)
                visit(print, table->pids[j], holders[i].fd);
        }
    }
    return found;
}

static void print_other(struct explore_print *print, uint32_t pid, uint32_t fd)
{
    (void)print;
    (void)printf(" %" PRIu32 "/%" PRIu32, pid, fd);
}

static void json_other(struct explore_print *print, uint32_t pid, uint32_t fd)
{
    fy_json_open_object(print->json, NULL);
    fy_json_uint(print->json, "pid", pid);
    fy_json_uint(print->json, "fd", fd);
    fy_json_close_object(print->json);
}

static void ignore_other(struct explore_print *print, uint32_t pid, uint32_t fd)
{
    (void)print;
    (void)pid;
    (void)fd;
}

/* ---- text ---- */

static void print_socket(const struct fy_explore_socket *socket)
{
    const char *state = fy_socket_state_name(socket);
    char line[640], printable[640];

    (void)snprintf(line, sizeof(line), "%s%s%s%s%s", state ? state : "", socket->local ? " " : "",
                   socket->local ? socket->local : "", socket->remote ? " to " : "",
                   socket->remote ? socket->remote : "");
    fy_text_copy_printable(printable, sizeof(printable), line);
    (void)printf("; %s", printable);
}

static void print_details(struct explore_print *print, uint32_t pid, const struct fy_explore_descriptor *descriptor)
{
    const struct fy_explore_file *file = fy_explore_find_file(print->set, descriptor->file_type, descriptor->file_id);
    const char *type = fy_explore_type_name(descriptor->file_type);

    (void)printf("  (%s", type ? type : "?");
    if (file && file->has_flags) {
        (void)printf("; %s", access_word(file->flags));
        for (size_t i = 0; i < FY_ARRAY_SIZE(flag_words); i++)
            if (file->flags & flag_words[i].bit)
                (void)printf(" %s", flag_words[i].word);
    }
    if (descriptor->close_on_exec)
        (void)printf("; close-on-exec");
    if (file && file->has_position)
        (void)printf("; at %" PRIu64, file->position_bytes);
    if (file && file->socket)
        print_socket(file->socket);
    if (each_other(print, pid, descriptor, ignore_other) > 0) {
        (void)printf("; also");
        if (each_other(print, pid, descriptor, print_other) > MAX_SHOWN_HOLDERS)
            (void)printf(" and more");
    }
    (void)printf(")");
}

static void print_place(struct explore_print *print, const char *what, uint32_t id)
{
    FY_AUTO_FREE char *name = explore_file_name(print, FD_TYPES__REG, id);

    (void)printf("\t%7s: %s\n", what, name ? name : "?");
}

static void print_descriptors(struct explore_print *print, const struct fy_explore_task *task)
{
    const struct fy_explore_table *table = task->has_ids ? fy_explore_find_table(print->set, task->table_id) : NULL;

    for (size_t i = 0; table && i < table->descriptor_count; i++) {
        const struct fy_explore_descriptor *descriptor = &table->descriptors[i];
        FY_AUTO_FREE char *name = explore_file_name(print, descriptor->file_type, descriptor->file_id);
        (void)printf("\t%7" PRIu32 ": %s", descriptor->fd, name ? name : "?");
        if (print->is_long)
            print_details(print, task->pid, descriptor);
        (void)printf("\n");
    }
}

static void print_task(struct explore_print *print, const struct fy_explore_task *task)
{
    if (task->state == FY_TASK_ZOMBIE) {
        (void)printf("\t(zombie)\n");
        return;
    }
    print_descriptors(print, task);
    if (!task->has_fs)
        return;
    print_place(print, "cwd", task->cwd_id);
    print_place(print, "root", task->root_id);
}

/* ---- JSON ---- */

static void json_file(struct explore_print *print, const struct fy_explore_file *file)
{
    struct fy_json *json = print->json;

    if (file->has_flags) {
        fy_json_uint(json, "flags", file->flags);
        fy_json_string(json, "access", access_word(file->flags));
    }
    if (file->has_position)
        fy_json_uint(json, "position_bytes", file->position_bytes);
    if (file->type == FD_TYPES__PIPE || file->type == FD_TYPES__FIFO)
        fy_json_uint(json, "pipe", file->number);
    if (file->type == FD_TYPES__MEMFD)
        fy_json_uint(json, "memfd_inode", file->number);
    if (!file->socket)
        return;
    fy_json_open_object(json, "socket");
    explore_json_socket(print, file->socket);
    fy_json_close_object(json);
}

static void json_descriptor(struct explore_print *print, uint32_t pid, const struct fy_explore_descriptor *descriptor)
{
    struct fy_json *json = print->json;
    const struct fy_explore_file *file = fy_explore_find_file(print->set, descriptor->file_type, descriptor->file_id);
    FY_AUTO_FREE char *name = explore_file_name(print, descriptor->file_type, descriptor->file_id);
    const char *type = fy_explore_type_name(descriptor->file_type);

    fy_json_open_object(json, NULL);
    fy_json_uint(json, "fd", descriptor->fd);
    fy_json_string(json, "name", file && file->path ? file->path : name);
    if (type)
        fy_json_string(json, "type", type);
    else
        fy_json_int(json, "type", descriptor->file_type);
    fy_json_uint(json, "id", descriptor->file_id);
    fy_json_bool(json, "is_known", file != NULL);
    fy_json_bool(json, "close_on_exec", descriptor->close_on_exec);
    if (file)
        json_file(print, file);
    fy_json_open_array(json, "shared_with");
    bool is_more = each_other(print, pid, descriptor, json_other) > MAX_SHOWN_HOLDERS;
    fy_json_close_array(json);
    fy_json_bool(json, "shared_with_more", is_more);
    fy_json_close_object(json);
}

static void json_place(struct explore_print *print, const char *key, uint32_t id)
{
    const struct fy_explore_file *file = fy_explore_find_file(print->set, FD_TYPES__REG, id);

    fy_json_string(print->json, key, file ? file->path : NULL);
}

static void json_task(struct explore_print *print, const struct fy_explore_task *task)
{
    const struct fy_explore_table *table = task->has_ids ? fy_explore_find_table(print->set, task->table_id) : NULL;

    if (table) {
        fy_json_uint(print->json, "table", table->id);
        fy_json_open_array(print->json, "descriptors");
        for (size_t i = 0; i < table->descriptor_count; i++)
            json_descriptor(print, task->pid, &table->descriptors[i]);
        fy_json_close_array(print->json);
    }
    if (task->has_fs) {
        json_place(print, "cwd", task->cwd_id);
        json_place(print, "root", task->root_id);
    }
}

void explore_fds(struct explore_print *print)
{
    explore_tasks(print, print_task, json_task);
}
