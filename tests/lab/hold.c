/*
 * lab-hold: holds one lab, and lets go of all of it at once.
 *
 *     lab-hold --starter PID [--owner PID] -- COMMAND...
 *
 * COMMAND becomes PID 1 of a new pid, mount and network namespace, and everything of the lab lives below it: when it
 * dies, the kernel kills every process of every host, and with them go their mounts, links and namespaces. It dies
 * when lab-hold gets SIGTERM or is killed, when the owner's process ends, or when the starter (the `lab up` command)
 * ends before COMMAND has written to descriptor 3 that the lab is up. lab-hold then prints "ready" and forgets the
 * starter.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

enum { READY_FD = 3, DEATH_DEADLINE_MS = 10000 };
enum { WATCH_SIGNALS, WATCH_OWNER, WATCH_STARTER, WATCH_READY, WATCH_COUNT };

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "lab-hold: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int watch_process(const char *pid_text)
{
    char *end;
    long pid = strtol(pid_text, &end, 10);
    if (*end != '\0' || pid <= 0) {
        errno = EINVAL;
        fail(pid_text);
    }
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0)
        fail("the process to watch is gone");
    return fd;
}

/* The first process of the lab. Its signal mask is handed on to everything below, so it is put back to empty. */
static void become_lab(int ready_fd, char **command)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setsid() < 0)
        fail("first process");
    /* Private first: an unmount in here must never reach the machine's own mounts. */
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        fail("make mounts private");
    /* Our output is the line "ready" and no more: the lab's goes to the log. */
    if ((ready_fd != READY_FD && dup2(ready_fd, READY_FD) < 0) || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        fail("ready descriptor");
    if (fcntl(READY_FD, F_SETFD, 0) < 0 || close_range(READY_FD + 1, ~0U, 0) < 0)
        fail("descriptors");
    execvp(command[0], command);
    fail(command[0]);
}

static pid_t start_lab(int ready_fd, char **command)
{
    unsigned long flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET;
    pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid < 0)
        fail("new namespaces");
    if (pid == 0)
        become_lab(ready_fd, command);
    return pid;
}

static void announce_ready(struct pollfd *watch)
{
    char byte;
    if (read(watch[WATCH_READY].fd, &byte, 1) == 1) {
        puts("ready");
        (void)fflush(stdout);
        /* Whoever reads our output waits for its end. */
        if (freopen("/dev/null", "w", stdout) == NULL)
            fail("/dev/null");
        watch[WATCH_STARTER].fd = -1;
    }
    watch[WATCH_READY].fd = -1;
}

/* True when the lab must end. */
static bool step(struct pollfd *watch)
{
    if (poll(watch, WATCH_COUNT, -1) < 0)
        return errno != EINTR;
    if (watch[WATCH_READY].revents != 0)
        announce_ready(watch);
    if (watch[WATCH_STARTER].fd >= 0 && watch[WATCH_STARTER].revents != 0)
        return true;
    return watch[WATCH_OWNER].revents != 0 || watch[WATCH_SIGNALS].revents != 0;
}

/* A process in the middle of something the kernel can't interrupt may hold the namespace: do not wait for ever. */
static void end_lab(pid_t pid)
{
    kill(pid, SIGKILL);
    for (int waited_ms = 0; waited_ms < DEATH_DEADLINE_MS; waited_ms += 5) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        (void)usleep(5000);
    }
    fprintf(stderr, "lab-hold: process %d does not end\n", (int)pid);
}

int main(int argc, char **argv)
{
    struct pollfd watch[WATCH_COUNT];
    for (int i = 0; i < WATCH_COUNT; i++)
        watch[i] = (struct pollfd){.fd = -1, .events = POLLIN};

    int arg = 1;
    for (; arg + 1 < argc && strcmp(argv[arg], "--") != 0; arg += 2) {
        int which = strcmp(argv[arg], "--owner") == 0 ? WATCH_OWNER : WATCH_STARTER;
        watch[which].fd = watch_process(argv[arg + 1]);
    }
    if (arg + 1 >= argc) {
        fprintf(stderr, "usage: lab-hold --starter PID [--owner PID] -- COMMAND...\n");
        return 2;
    }
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        fail("parent-death signal");

    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    sigaddset(&ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    watch[WATCH_SIGNALS].fd = signalfd(-1, &ends, SFD_CLOEXEC);
    int ready[2];
    if (watch[WATCH_SIGNALS].fd < 0 || pipe2(ready, O_CLOEXEC) < 0)
        fail("descriptors");
    watch[WATCH_READY].fd = ready[0];

    pid_t pid = start_lab(ready[1], argv + arg + 1);
    close(ready[1]);
    while (!step(watch)) {
    }
    end_lab(pid);
    return 0;
}
