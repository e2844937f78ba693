/* A program that ferry runs: CRIU, runc, ip, nft. Always with a deadline, its output kept, TERM and then KILL.
 *
 * The child leads a session of its own, so that a terminal's signals to ferryd do not reach CRIU in the middle of a
 * dump; it inherits no descriptor but those named here, and default signal dispositions. */
#ifndef FERRY_AGENT_CHILD_H
#define FERRY_AGENT_CHILD_H

#include <ferry/base/error.h>
#include <stdint.h>
#include <uv.h>

struct fy_child;

struct fy_child_options {
    const char *const *argv;        /* argv[0] is looked up in PATH; NULL-terminated */
    const char *const *environment; /* "NAME=value" beside what ferryd has (replaces the same name); NULL: nothing */
    const char *directory;          /* working directory; NULL: "/" */
    const char *input;              /* what the child reads from its stdin; NULL: nothing */
    const char *output_file;        /* stdout and stderr are appended to it; NULL: kept in memory (last 64 KiB) */
    int inherit_fd;                 /* becomes fd 3 of the child; -1: none */
    uint64_t deadline_ms;           /* SIGTERM then, SIGKILL kill_after_ms later; 0: none */
    uint64_t kill_after_ms;         /* 0: 5 s */
    _Bool whole_group;              /* these signals go to all of its process group; none of it outlives them */
};

/* `exit_status`, `signal` as waitpid tells; `timed_out`: the deadline struck. `output`: what was kept in memory
 * (NUL-terminated, "" with output_file). */
struct fy_child_result {
    int exit_status;
    int signal;
    _Bool timed_out;
    const char *output;
    size_t output_size;
};

/* `ended` fires exactly once, never before the start call returned, and is the last touch: the child is freed after
 * it. If starting fails (FY_E_CHILD, program not found: FY_E_NOT_FOUND, named with the next step) nothing fires. */
typedef void (*fy_child_cb)(struct fy_child *child, const struct fy_child_result *result, void *data);
int fy_child_start(uv_loop_t *loop, const struct fy_child_options *options, fy_child_cb ended, void *data,
                   struct fy_child **child, struct fy_error *err);
/* Asks it to end: SIGTERM now, SIGKILL kill_after_ms later. `ended` follows. */
void fy_child_terminate(struct fy_child *child);
/* SIGKILL now. `ended` follows. */
void fy_child_kill(struct fy_child *child);
pid_t fy_child_pid(const struct fy_child *child);
/* 0, or -1 with FY_E_CHILD saying how `name` ended and the last line of its output. */
int fy_child_check(const char *name, const struct fy_child_result *result, struct fy_error *err);

#endif
