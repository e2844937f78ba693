/* One line a process: "helper PID START" or "task PID START"; "run" when the tasks were let run, "pinned" when the
 * helpers were stopped. */
#include "traces.h"

#include <ferry/base/array.h>
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* 65,536 tasks at most, a line of 40 bytes each. */
#define TRACES_LIMIT_BYTES ((size_t)4 * 1024 * 1024)
#define PATH_SIZE 4096

static void traces_path(char path[PATH_SIZE], const char *run_dir, const char *job_id, const char *suffix)
{
    (void)snprintf(path, PATH_SIZE, "%s/jobs/%s/traces%s", run_dir, job_id, suffix);
}

static void add_lines(struct fy_buf *text, const char *kind, const struct fy_process_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        (void)fy_buf_printf(text, NULL, "%s %d %llu\n", kind, (int)tree->processes[i].pid,
                            (unsigned long long)tree->processes[i].start_ticks);
}

int fy_traces_note(const char *run_dir, const char *job_id, const struct fy_traces *traces, struct fy_error *err)
{
    char path[PATH_SIZE], new_path[PATH_SIZE];
    FY_CLEANUP(fy_buf_done) struct fy_buf text;
    fy_buf_init(&text, TRACES_LIMIT_BYTES);
    add_lines(&text, "helper", &traces->helpers);
    add_lines(&text, "task", &traces->tasks);
    if (traces->run_given)
        (void)fy_buf_printf(&text, NULL, "run\n");
    if (fy_buf_printf(&text, err, traces->pinned ? "pinned\n" : "") < 0)
        return -1;
    traces_path(path, run_dir, job_id, "");
    traces_path(new_path, run_dir, job_id, ".new");
    if (fy_fs_write_file(new_path, text.data, text.size, 0600, err) < 0)
        return -1;
    return rename(new_path, path) == 0 ? 0 : fy_error_errno(err, errno, "cannot write %s", path);
}

static bool add_process(struct fy_process_tree *tree, int pid, unsigned long long start_ticks)
{
    if (fy_array_room(&tree->processes, &tree->capacity, tree->count, sizeof *tree->processes, "a list of processes",
                      NULL) < 0)
        return false;
    tree->processes[tree->count++] = (struct fy_process){.pid = (pid_t)pid, .start_ticks = start_ticks};
    return true;
}

void fy_traces_read(const char *run_dir, const char *job_id, struct fy_traces *traces)
{
    char path[PATH_SIZE];
    FY_AUTO_FREE char *text = NULL;
    *traces = (struct fy_traces){0};
    traces_path(path, run_dir, job_id, "");
    if (fy_fs_read_file(path, TRACES_LIMIT_BYTES, &text, NULL, NULL) < 0)
        return;
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        int pid;
        unsigned long long start_ticks;
        if (sscanf(line, "helper %d %llu", &pid, &start_ticks) == 2)
            (void)add_process(&traces->helpers, pid, start_ticks);
        else if (sscanf(line, "task %d %llu", &pid, &start_ticks) == 2)
            (void)add_process(&traces->tasks, pid, start_ticks);
        else if (strcmp(line, "run") == 0)
            traces->run_given = true;
        else if (strcmp(line, "pinned") == 0)
            traces->pinned = true;
    }
}

void fy_traces_done(struct fy_traces *traces)
{
    fy_process_tree_done(&traces->helpers);
    fy_process_tree_done(&traces->tasks);
}
