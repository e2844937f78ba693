/*
 * lab-enter: runs one command inside a host.
 *
 *     lab-enter HOST-INIT-PID CGROUP-FILE COMMAND...
 *
 * The command gets the host's namespaces and cgroups (CGROUP-FILE names one directory a line), a small clean
 * environment, standard streams as they are, and no other descriptor: what it starts may be dumped by CRIU, which can't
 * place descriptors from outside. Without a terminal it gets a session of its own for the same reason. Its exit status
 * is passed on (128 + N when signal N ended it, 125 when it could not be started here), and signals sent to lab-enter
 * are passed in. If lab-enter is killed, so is the command, though not what the command left in the background.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_LAB = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

static volatile sig_atomic_t command_pid;
static bool has_terminal;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "lab-enter: %s: %s\n", what, strerror(errno));
    exit(EXIT_LAB);
}

static void pass_signal(int signal_number)
{
    /* With a session of its own, the command leads a process group, and all of that group is meant. */
    pid_t pid = (pid_t)command_pid;
    if (pid <= 0)
        return;
    int saved_errno = errno;
    if (has_terminal || kill(-pid, signal_number) < 0)
        (void)kill(pid, signal_number);
    errno = saved_errno;
}

static void join_cgroups(const char *list_path)
{
    FILE *list = fopen(list_path, "re");
    if (list == NULL)
        fail(list_path);
    char path[4096];
    while (fgets(path, (int)(sizeof path - sizeof "/cgroup.procs"), list) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        strcat(path, "/cgroup.procs");
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1)
            fail(path);
        close(fd);
    }
    fclose(list);
}

static void join_namespaces(const char *pid_text)
{
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)atoi(pid_text), 0);
    if (fd < 0)
        fail("the host's init");
    if (setns(fd, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) < 0)
        fail("the host's namespaces");
    close(fd);
    if (chdir("/") < 0)
        fail("/");
}

static bool is_kept(const char *entry)
{
    static const char *const prefixes[] = {"TERM=", "COLORTERM=", "LANG=", "LC_",  "FERRY_",
                                           "ASAN_", "UBSAN_",     "LSAN_", "TSAN_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

/* What a fresh root login on another host would see, and what steers the tools under test. */
static void clean_environment(void)
{
    extern char **environ;
    size_t kept = 0;
    for (char **entry = environ; *entry != NULL; entry++) {
        if (is_kept(*entry))
            environ[kept++] = *entry;
    }
    environ[kept] = NULL;
    if (setenv("HOME", "/root", 1) < 0 || setenv("USER", "root", 1) < 0 || setenv("LOGNAME", "root", 1) < 0 ||
        setenv("SHELL", "/bin/bash", 1) < 0 ||
        setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1) < 0)
        fail("environment");
}

static void run_command(char **command)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        fail("parent-death signal");
    if (!has_terminal && setsid() < 0)
        fail("session");
    struct sigaction as_default = {.sa_handler = SIG_DFL};
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        (void)sigaction(signal_number, &as_default, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (close_range(3, ~0U, 0) < 0)
        fail("descriptors");
    execvp(command[0], command);
    int status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    fprintf(stderr, "lab-enter: %s: %s\n", command[0], strerror(errno));
    _exit(status);
}

static int wait_command(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            fail("wait");
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: lab-enter HOST-INIT-PID CGROUP-FILE COMMAND...\n");
        return EXIT_LAB;
    }
    has_terminal = isatty(STDIN_FILENO);
    join_cgroups(argv[2]);
    join_namespaces(argv[1]);
    clean_environment();

    /* Blocked until the number to pass them to is known. */
    sigset_t passed;
    sigset_t before;
    sigfillset(&passed);
    sigprocmask(SIG_BLOCK, &passed, &before);
    struct sigaction pass = {.sa_handler = pass_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGTERM, &pass, NULL);
    (void)sigaction(SIGHUP, &pass, NULL);
    (void)sigaction(SIGUSR1, &pass, NULL);
    (void)sigaction(SIGUSR2, &pass, NULL);
    /* A terminal's own interrupt reaches the command without help. */
    (void)sigaction(SIGINT, has_terminal ? &ignore : &pass, NULL);
    (void)sigaction(SIGQUIT, has_terminal ? &ignore : &pass, NULL);

    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0)
        run_command(argv + 3);
    command_pid = pid;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return wait_command(pid);
}
