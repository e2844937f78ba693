/* `ferry image x DIR ps`: the tasks as a tree. */
#include "explore_print.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COMMAND_LIMIT_BYTES 65536
#define MAX_INDENT_LEVELS 256 /* a deeper tree is drawn at this depth: the indent alone would be quadratic */

/* The arguments into the scratch, each ended by NUL. False: not known. */
static bool read_command(struct explore_print *print, const struct fy_explore_task *task)
{
    struct fy_error err = FY_ERROR_INIT;
    int result = fy_explore_command_line(print->set, task, COMMAND_LIMIT_BYTES, &print->scratch, &err);

    if (result < 0)
        explore_say(print, err.message);
    return result > 0;
}

static char *comm_of(const struct fy_explore_task *task)
{
    return task->comm ? fy_text_printable(task->comm, strlen(task->comm)) : strdup("?");
}

/* Arguments with spaces between, or the name in brackets. */
static char *command_of(struct explore_print *print, const struct fy_explore_task *task)
{
    char *text = NULL;

    if (read_command(print, task)) {
        while (print->scratch.size > 0 && print->scratch.data[print->scratch.size - 1] == '\0')
            print->scratch.size--;
        for (size_t i = 0; i < print->scratch.size; i++)
            if (print->scratch.data[i] == '\0')
                print->scratch.data[i] = ' ';
        return explore_printable(print);
    }
    FY_AUTO_FREE char *comm = comm_of(task);
    return comm && asprintf(&text, "[%s]", comm) >= 0 ? text : NULL;
}

static void print_long(struct explore_print *print, const struct fy_explore_task *task, int indent)
{
    FY_AUTO_FREE char *command = command_of(print, task);
    const char *state = fy_explore_state_name(task->state);
    char uid[16] = "?", gid[16] = "?";

    if (task->has_credentials) {
        (void)snprintf(uid, sizeof(uid), "%" PRIu32, task->uid);
        (void)snprintf(gid, sizeof(gid), "%" PRIu32, task->gid);
    } else if (task->state == FY_TASK_ZOMBIE) {
        uid[0] = gid[0] = '-';
    }
    (void)printf("%7" PRIu32 "%7" PRIu32 "%7" PRIu32 "   %-8s%7zu%7s%7s   %*s%s\n", task->pid, task->pgid, task->sid,
                 state ? state : "?", task->thread_count, uid, gid, indent, "", command ? command : "?");
}

static void print_short(const struct fy_explore_task *task, int indent)
{
    FY_AUTO_FREE char *comm = comm_of(task);

    (void)printf("%7" PRIu32 "%7" PRIu32 "%7" PRIu32 "   %*s%s\n", task->pid, task->pgid, task->sid, indent, "",
                 comm ? comm : "?");
}

static void json_command(struct explore_print *print, const struct fy_explore_task *task)
{
    struct fy_json *json = print->json;

    if (!read_command(print, task)) {
        fy_json_null(json, "command_line");
        return;
    }
    const char *text = (const char *)print->scratch.data;
    fy_json_open_array(json, "command_line");
    for (size_t at = 0; at < print->scratch.size; at += strlen(text + at) + 1)
        fy_json_string(json, NULL, text + at);
    fy_json_close_array(json);
    fy_buf_consume(&print->scratch, print->scratch.size);
}

static void json_task(struct explore_print *print, const struct fy_explore_task *task)
{
    struct fy_json *json = print->json;

    fy_json_open_object(json, NULL);
    explore_json_task(print, task);
    fy_json_uint(json, "ppid", task->ppid);
    fy_json_uint(json, "pgid", task->pgid);
    fy_json_uint(json, "sid", task->sid);
    if (task->state == FY_TASK_ZOMBIE)
        fy_json_uint(json, "exit_code", task->exit_code);
    fy_json_open_array(json, "threads");
    for (size_t i = 0; i < task->thread_count; i++)
        fy_json_uint(json, NULL, task->threads[i]);
    fy_json_close_array(json);
    if (task->has_credentials) {
        fy_json_uint(json, "uid", task->uid);
        fy_json_uint(json, "gid", task->gid);
        fy_json_uint(json, "euid", task->euid);
        fy_json_uint(json, "egid", task->egid);
    }
    json_command(print, task);
    fy_json_close_object(json);
}

static void print_tree(struct explore_print *print, const size_t *tasks, const unsigned *depths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct fy_explore_task *task = fy_explore_task(print->set, tasks[i]);
        int indent = 4 * (int)(depths[i] < MAX_INDENT_LEVELS ? depths[i] : MAX_INDENT_LEVELS);
        if (print->json)
            json_task(print, task);
        else if (print->is_long)
            print_long(print, task, indent);
        else
            print_short(task, indent);
    }
}

void explore_ps(struct explore_print *print)
{
    size_t count = fy_explore_task_count(print->set);
    FY_AUTO_FREE size_t *tasks = calloc(count + 1, sizeof(*tasks));
    FY_AUTO_FREE unsigned *depths = calloc(count + 1, sizeof(*depths));
    struct fy_error err = FY_ERROR_INIT;

    if (!tasks || !depths || fy_explore_tree(print->set, tasks, depths, &err) < 0) {
        explore_say(print, err.message[0] ? err.message : "no memory");
        return;
    }
    if (print->json)
        fy_json_open_array(print->json, "tasks");
    else if (print->is_long)
        (void)printf("%7s%7s%7s   %-8s%7s%7s%7s   %s\n", "PID", "PGID", "SID", "STATE", "THREADS", "UID", "GID",
                     "COMMAND");
    else
        (void)printf("%7s%7s%7s   %s\n", "PID", "PGID", "SID", "COMM");
    print_tree(print, tasks, depths, count);
    if (print->json)
        fy_json_close_array(print->json);
}
