/* Processes as /proc shows them. A process is always named by pid and start time: a pid alone is used again. */
#ifndef FERRY_AGENT_PROC_H
#define FERRY_AGENT_PROC_H

#include <ferry/base/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fy_process {
    pid_t pid;
    uint64_t start_ticks; /* since boot, as /proc/PID/stat tells */
};

struct fy_process_stat {
    char state; /* R S D T t Z X … */
    pid_t ppid;
    pid_t pgid;
    pid_t sid;
    uint64_t start_ticks;
    bool exiting; /* its first thread is in its exit */
};

/* Returns false when there is no such process. */
bool fy_process_stat(pid_t pid, struct fy_process_stat *stat);
/* Returns false when there is no such process. */
bool fy_process_identify(pid_t pid, struct fy_process *process);
/* It exists, is the same, and is no zombie. */
bool fy_process_lives(const struct fy_process *process);

/* Whether it may still execute anything of its own: false also for one that is being killed, which may take long to
 * give its memory back but never returns to its program. */
bool fy_process_runs(const struct fy_process *process);

/* Somebody traces it, as CRIU does what it holds. */
bool fy_process_is_traced(const struct fy_process *process);

/* Adds for how long its first thread was ready to run and had no processor, since it began; false when there is no such
 * process, or the kernel doesn't count it. */
bool fy_process_add_wait(pid_t pid, uint64_t *wait_ns);

/* Whether it is in the same namespace of that kind ("pid", "mnt") as we are; true also when that cannot be told, as of
 * one that is gone. */
bool fy_process_shares_namespace(pid_t pid, const char *kind);

/* The first process with that command name (as /proc/PID/comm has it) that was started with that "NAME=value" in its
 * environment; 0 when there is none. Blocks: some microseconds for each process of the host. */
pid_t fy_process_find(const char *name, const char *environment);

/* A process and its descendants, parents first. */
struct fy_process_tree {
    struct fy_process *processes;
    size_t count;
    size_t capacity;
};

/* FY_E_NOT_FOUND without a root, FY_E_LIMIT beyond `limit` processes. Blocks for about 50 µs a process. */
int fy_process_tree_collect(pid_t root, size_t limit, struct fy_process_tree *tree, struct fy_error *err);
/* A signal to each that still is what it was. */
void fy_process_tree_signal(const struct fy_process_tree *tree, int number);
/* SIGKILL. */
void fy_process_tree_kill(const struct fy_process_tree *tree);
/* Whether any runs. */
bool fy_process_tree_runs(const struct fy_process_tree *tree);
void fy_process_tree_done(struct fy_process_tree *tree);

#endif
