/*
 * lab-init: PID 1 of a host, and of the lab's switch. It reaps, at once, everything that is left to it.
 *
 * CRIU can't give a restored process its old number while a zombie of the old one, or of its session, is still there.
 * It holds no descriptor of whoever started the lab, and ends only by SIGKILL from outside.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child, NULL);

    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return 1;
    for (int fd = 0; fd < 3; fd++) {
        if (dup2(null_fd, fd) < 0)
            return 1;
    }
    if (close_range(3, ~0U, 0) < 0 || chdir("/") < 0)
        return 1;

    for (;;) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        /* Pending since before the loop, so none is missed: the signal stays blocked. */
        int signal_number;
        if (sigwait(&child, &signal_number) != 0)
            return 1;
    }
}
