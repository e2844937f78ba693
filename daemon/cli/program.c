/* See program.h. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#define OUTPUT_LIMIT_BYTES ((size_t)64 * 1024)

extern char **environ;

static int start(const char *const argv[], int out_fd, pid_t *pid, struct fy_error *err)
{
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int status = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (status == 0)
        return 0;
    (void)fy_error_set(err, FY_E_CHILD, "cannot run %s: %s", argv[0], strerror(status));
    return fy_error_next(err, "install OpenSSH's client (Debian: openssh-client)");
}

static int read_all(int fd, struct fy_buf *buf, struct fy_error *err)
{
    char piece[4096];
    ssize_t got;
    while ((got = read(fd, piece, sizeof(piece))) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fy_error_errno(err, errno, "reading a program's output");
        if (fy_buf_append(buf, piece, (size_t)got, err) < 0)
            return -1;
    }
    return 0;
}

static int await(pid_t pid, const char *name, struct fy_error *err)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return fy_error_errno(err, errno, "waiting for %s", name);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return fy_error_set(err, FY_E_CHILD, "%s ended with %s %d", name, WIFEXITED(status) ? "status" : "signal",
                        WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

int program_output(const char *const argv[], char **text, struct fy_error *err)
{
    int ends[2];
    pid_t pid;
    struct fy_buf buf;
    *text = NULL;
    if (pipe2(ends, O_CLOEXEC))
        return fy_error_errno(err, errno, "making a pipe");
    fy_buf_init(&buf, OUTPUT_LIMIT_BYTES);
    int result = start(argv, ends[1], &pid, err);
    (void)close(ends[1]);
    if (result == 0) {
        result = read_all(ends[0], &buf, err);
        (void)close(ends[0]); /* before waiting: what is too long would not end otherwise */
        if (await(pid, argv[0], err) < 0)
            result = -1;
    } else {
        (void)close(ends[0]);
    }
    if (result == 0 && !(*text = fy_buf_take_string(&buf)))
        result = fy_error_set(err, FY_E_NOMEM, "no memory for a program's output");
    fy_buf_done(&buf);
    return result;
}
