/* Reads /proc/PID/stat, status and schedstat, and /proc/PID/task/TID/children. Killing goes through a pidfd, so that it
 * cannot hit a process that got the same pid between the look and the signal. */
#include "proc.h"

#include <ferry/base/array.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define STAT_LIMIT_BYTES 4096
#define STATUS_LIMIT_BYTES 16384
#define PF_EXITING 0x4u /* the kernel's, of the flags field */
#define CHILDREN_LIMIT_BYTES ((size_t)1024 * 1024)

bool fy_process_stat(pid_t pid, struct fy_process_stat *stat)
{
    char path[64];
    FY_AUTO_FREE char *text = NULL;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (fy_fs_read_file(path, STAT_LIMIT_BYTES, &text, NULL, NULL) < 0)
        return false;
    /* The name in parentheses may hold anything, also parentheses. */
    const char *after_name = strrchr(text, ')');
    unsigned long long start = 0;
    int ppid = 0;
    int pgid = 0;
    int sid = 0;
    unsigned flags = 0;
    char state = '?';
    if (!after_name ||
        sscanf(after_name + 1, " %c %d %d %d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state,
               &ppid, &pgid, &sid, &flags, &start) != 6)
        return false;
    *stat = (struct fy_process_stat){.state = state, .ppid = ppid, .pgid = pgid, .sid = sid, .start_ticks = start};
    stat->exiting = flags & PF_EXITING;
    return true;
}

bool fy_process_add_wait(pid_t pid, uint64_t *wait_ns)
{
    char path[64];
    FY_AUTO_FREE char *text = NULL;
    unsigned long long wait = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
    if (fy_fs_read_file(path, STAT_LIMIT_BYTES, &text, NULL, NULL) < 0 || sscanf(text, "%*u %llu", &wait) != 1)
        return false;
    *wait_ns += wait;
    return true;
}

bool fy_process_shares_namespace(pid_t pid, const char *kind)
{
    char path[64];
    struct stat theirs, ours;
    (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, kind);
    if (stat(path, &theirs) < 0)
        return true;
    (void)snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
    return stat(path, &ours) < 0 || (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev);
}

bool fy_process_identify(pid_t pid, struct fy_process *process)
{
    struct fy_process_stat stat;
    if (!fy_process_stat(pid, &stat))
        return false;
    *process = (struct fy_process){.pid = pid, .start_ticks = stat.start_ticks};
    return true;
}

bool fy_process_lives(const struct fy_process *process)
{
    struct fy_process_stat stat;
    return process->pid > 0 && fy_process_stat(process->pid, &stat) && stat.start_ticks == process->start_ticks &&
           stat.state != 'Z' && stat.state != 'X';
}

/* A number in /proc/PID/status; 0 when it is not there. */
static uint64_t status_field(pid_t pid, const char *name, int base)
{
    char path[64], start[32];
    FY_AUTO_FREE char *text = NULL;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    if (fy_fs_read_file(path, STATUS_LIMIT_BYTES, &text, NULL, NULL) < 0)
        return 0;
    (void)snprintf(start, sizeof(start), "\n%s:", name);
    const char *field = strstr(text, start);
    return field ? strtoull(field + strlen(start), NULL, base) : 0;
}

/* A SIGKILL becomes pending for every thread at once. */
static bool kill_is_pending(pid_t pid)
{
    return status_field(pid, "SigPnd", 16) & 1ull << (SIGKILL - 1);
}

bool fy_process_is_traced(const struct fy_process *process)
{
    return fy_process_lives(process) && status_field(process->pid, "TracerPid", 10) > 0;
}

bool fy_process_runs(const struct fy_process *process)
{
    struct fy_process_stat stat;
    return process->pid > 0 && fy_process_stat(process->pid, &stat) && stat.start_ticks == process->start_ticks &&
           stat.state != 'Z' && stat.state != 'X' && !stat.exiting && !kill_is_pending(process->pid);
}

/* ---- trees ---- */

static int add(struct fy_process_tree *tree, pid_t pid, size_t limit, struct fy_error *err)
{
    struct fy_process process;
    if (!fy_process_identify(pid, &process))
        return 0; /* it has ended in the meantime */
    if (tree->count == limit)
        return fy_error_set(err, FY_E_LIMIT, "there are more than %zu processes below process %d", limit,
                            (int)tree->processes[0].pid);
    if (fy_array_room(&tree->processes, &tree->capacity, tree->count, sizeof *tree->processes, "a list of processes",
                      err) < 0)
        return -1;
    tree->processes[tree->count++] = process;
    return 0;
}

static int add_children_of_thread(struct fy_process_tree *tree, pid_t pid, const char *tid, size_t limit,
                                  struct fy_error *err)
{
    char path[320];
    FY_AUTO_FREE char *text = NULL;
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)pid, tid);
    if (fy_fs_read_file(path, CHILDREN_LIMIT_BYTES, &text, NULL, NULL) < 0)
        return 0; /* the thread has ended */
    char *rest = text;
    for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
        long child = strtol(word, NULL, 10);
        if (child > 0 && add(tree, (pid_t)child, limit, err) < 0)
            return -1;
    }
    return 0;
}

static int add_children(struct fy_process_tree *tree, pid_t pid, size_t limit, struct fy_error *err)
{
    char path[64];
    int status = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return 0;
    for (struct dirent *entry = readdir(tasks); entry && status == 0; entry = readdir(tasks))
        if (entry->d_name[0] != '.')
            status = add_children_of_thread(tree, pid, entry->d_name, limit, err);
    (void)closedir(tasks);
    return status;
}

int fy_process_tree_collect(pid_t root, size_t limit, struct fy_process_tree *tree, struct fy_error *err)
{
    struct fy_process_tree found = {0};
    int status = add(&found, root, limit, err);
    if (status == 0 && found.count == 0)
        status = fy_error_set(err, FY_E_NOT_FOUND, "there is no process %d", (int)root);
    for (size_t i = 0; status == 0 && i < found.count; i++)
        status = add_children(&found, found.processes[i].pid, limit, err);
    if (status < 0)
        fy_process_tree_done(&found);
    else
        *tree = found;
    return status;
}

void fy_process_tree_kill(const struct fy_process_tree *tree)
{
    fy_process_tree_signal(tree, SIGKILL);
}

void fy_process_tree_signal(const struct fy_process_tree *tree, int number)
{
    for (size_t i = 0; i < tree->count; i++) {
        FY_AUTO_CLOSE int fd = (int)syscall(SYS_pidfd_open, tree->processes[i].pid, 0);
        if (fd >= 0 && fy_process_lives(&tree->processes[i]))
            (void)syscall(SYS_pidfd_send_signal, fd, number, NULL, 0);
    }
}

bool fy_process_tree_runs(const struct fy_process_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        if (fy_process_runs(&tree->processes[i]))
            return true;
    return false;
}

void fy_process_tree_done(struct fy_process_tree *tree)
{
    free(fy_take(tree->processes));
    tree->count = 0;
    tree->capacity = 0;
}
