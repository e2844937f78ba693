/* Children of tests. They end with the test, also with one that has failed in the middle: what paused for ever would
 * otherwise hold its output open, and whoever runs the tests would wait for that. */
#ifndef TESTS_FORK_CHILD_H
#define TESTS_FORK_CHILD_H

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

/* As fork(). */
static inline pid_t fork_child(void)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
        _exit(1);
    return pid;
}

/* One that does nothing, in a session of its own, until it is killed. */
static inline pid_t fork_idle_child(void)
{
    pid_t pid = fork_child();
    if (pid == 0) {
        (void)setsid();
        for (;;)
            (void)pause();
    }
    return pid;
}

#endif
