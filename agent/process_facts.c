/* An id is free when no thread, no process group and no session has it: CRIU makes tasks by id, and the kernel refuses
 * one in use. */
#include "process_facts.h"

#include "dump.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/base/text.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_LIMIT_BYTES ((size_t)64 * 1024)

static void read_command(pid_t pid, char *command, size_t command_size)
{
    char path[64];
    FY_AUTO_FREE char *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    if (fy_fs_read_file(path, STATUS_LIMIT_BYTES, &text, &size, NULL) < 0)
        return;
    while (size > 0 && text[size - 1] == '\0')
        size--;
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    FY_AUTO_FREE char *printable = fy_text_printable(text, size);
    (void)snprintf(command, command_size, "%s", printable ? printable : "");
}

static uint64_t status_kib(const char *status, const char *key)
{
    const char *line = strstr(status, key);
    return line ? strtoull(line + strlen(key), NULL, 10) : 0;
}

/* Anonymous and shared memory; what is backed by a file is not dumped. */
static uint64_t memory_of(pid_t pid)
{
    char path[64];
    FY_AUTO_FREE char *text = NULL;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    if (fy_fs_read_file(path, STATUS_LIMIT_BYTES, &text, NULL, NULL) < 0)
        return 0;
    return 1024 * (status_kib(text, "\nRssAnon:") + status_kib(text, "\nRssShmem:") + status_kib(text, "\nVmSwap:"));
}

/* ---- the ids of a tree ---- */

static bool has_pid(const struct fy_workload_facts *facts, pid_t pid)
{
    /* The newest are the likeliest. */
    for (size_t i = facts->pid_count; i > 0; i--)
        if (facts->pids[i - 1] == pid)
            return true;
    return false;
}

static int add_pid(struct fy_workload_facts *facts, pid_t pid, struct fy_error *err)
{
    if (pid <= 0 || has_pid(facts, pid))
        return 0;
    if (facts->pid_count == FY_MAX_PIDS) {
        fy_error_set(err, FY_E_LIMIT, "process %d has more than %d tasks and threads", (int)facts->root_pid,
                     FY_MAX_PIDS);
        return fy_error_next(err, "run it in a container, which has process ids of its own (runc/ID)");
    }
    facts->pids[facts->pid_count++] = pid;
    return 0;
}

static int add_threads(struct fy_workload_facts *facts, pid_t pid, struct fy_error *err)
{
    char path[64];
    int status = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return 0; /* it has ended */
    for (struct dirent *entry = readdir(tasks); entry && status == 0; entry = readdir(tasks))
        if (entry->d_name[0] != '.')
            status = add_pid(facts, (pid_t)strtol(entry->d_name, NULL, 10), err);
    (void)closedir(tasks);
    return status;
}

/* A group or session whose leader has ended is made again by a helper with its id; one that is led from outside is
 * inherited. */
static int add_leader(struct fy_workload_facts *facts, pid_t leader, struct fy_error *err)
{
    struct fy_process_stat stat;
    return fy_process_stat(leader, &stat) ? 0 : add_pid(facts, leader, err);
}

static int add_ids(struct fy_workload_facts *facts, const struct fy_process_tree *tree, struct fy_error *err)
{
    for (size_t i = 0; i < tree->count; i++) {
        struct fy_process_stat stat;
        if (add_threads(facts, tree->processes[i].pid, err) < 0)
            return -1;
        if (fy_process_stat(tree->processes[i].pid, &stat) &&
            (add_leader(facts, stat.pgid, err) < 0 || add_leader(facts, stat.sid, err) < 0))
            return -1;
    }
    return 0;
}

int fy_process_facts(pid_t root, struct fy_workload_facts *facts, struct fy_error *err)
{
    struct fy_process_tree tree = {0};
    struct fy_process process;
    if (!fy_process_identify(root, &process) || !fy_process_lives(&process)) {
        fy_error_set(err, FY_E_NOT_FOUND, "there is no process %d on this host", (int)root);
        return fy_error_next(err, "`ps -e` shows those that there are");
    }
    if (fy_process_tree_collect(root, FY_DUMP_PROCESS_LIMIT, &tree, err) < 0)
        return -1;
    facts->root_pid = root;
    read_command(root, facts->command, sizeof(facts->command));
    for (size_t i = 0; i < tree.count; i++)
        facts->memory_bytes += memory_of(tree.processes[i].pid);
    int status = fy_process_shares_namespace(root, "pid") ? add_ids(facts, &tree, err) : 0;
    fy_process_tree_done(&tree);
    return status;
}

/* ---- whether ids are free ---- */

static int say_used(pid_t pid, const char *as, pid_t by, struct fy_error *err)
{
    char command[128] = "";
    read_command(by, command, sizeof(command));
    fy_error_set(err, FY_E_PREFLIGHT, "process id %d of the workload is in use on this host (%s of process %d%s%.100s)",
                 (int)pid, as, (int)by, command[0] ? ", " : "", command);
    return fy_error_next(err, "end that process, or run the workload in a container with process ids of its own");
}

static int compare_pids(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a;
    pid_t y = *(const pid_t *)b;
    return (x > y) - (x < y);
}

static bool is_among(const pid_t *sorted, size_t count, pid_t pid)
{
    return bsearch(&pid, sorted, count, sizeof(pid), compare_pids) != NULL;
}

static int check_process(const pid_t *sorted, size_t count, pid_t pid, struct fy_error *err)
{
    struct fy_process_stat stat;
    if (!fy_process_stat(pid, &stat))
        return 0;
    if (is_among(sorted, count, stat.sid))
        return say_used(stat.sid, "the session", pid, err);
    if (is_among(sorted, count, stat.pgid))
        return say_used(stat.pgid, "the process group", pid, err);
    return 0;
}

static int check_groups_and_sessions(const pid_t *sorted, size_t count, struct fy_error *err)
{
    int status = 0;
    DIR *processes = opendir("/proc");
    if (!processes)
        return fy_error_errno(err, errno, "cannot read /proc");
    for (struct dirent *entry = readdir(processes); entry && status == 0; entry = readdir(processes))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            status = check_process(sorted, count, (pid_t)strtol(entry->d_name, NULL, 10), err);
    (void)closedir(processes);
    return status;
}

int fy_process_ids_are_free(const pid_t *pids, size_t count, struct fy_error *err)
{
    if (count == 0)
        return 0;
    FY_AUTO_FREE pid_t *sorted = malloc(count * sizeof(*sorted));
    if (!sorted)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for a list of process ids");
    memcpy(sorted, pids, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare_pids);
    for (size_t i = 0; i < count; i++)
        if (sorted[i] > 0 && (kill(sorted[i], 0) == 0 || errno != ESRCH)) /* also finds threads */
            return say_used(sorted[i], "a task", sorted[i], err);
    return check_groups_and_sessions(sorted, count, err);
}
