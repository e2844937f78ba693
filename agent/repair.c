/* Reaches the sockets by pidfd_getfd: CRIU traces the tasks, but their descriptors can be taken by anybody who may. */
#include "repair.h"

#include <ferry/base/array.h>
#include <ferry/base/cleanup.h>

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static int set_mode(const struct fy_process *process, int remote_fd, int mode, struct fy_error *err)
{
    FY_AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    FY_AUTO_CLOSE int fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, remote_fd, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &mode, sizeof(mode)) < 0)
        return fy_error_errno(err, errno, "cannot turn the repair mode of descriptor %d of process %d %s", remote_fd,
                              (int)process->pid, mode ? "on" : "off");
    return 0;
}

static int note(struct fy_repair *repair, const struct fy_process *process, int fd, struct fy_error *err)
{
    if (fy_array_room(&repair->sockets, &repair->capacity, repair->count, sizeof *repair->sockets,
                      "a list of connections", err) < 0)
        return -1;
    repair->sockets[repair->count++] = (struct fy_repair_socket){.process = *process, .fd = fd};
    return 0;
}

static bool is_in_repair(int pidfd, int remote_fd)
{
    int mode = 0;
    socklen_t size = sizeof(mode);
    FY_AUTO_CLOSE int fd = (int)syscall(SYS_pidfd_getfd, pidfd, remote_fd, 0);
    return fd >= 0 && getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &mode, &size) == 0 && mode == 1;
}

static int end_for_process(const struct fy_process *process, struct fy_repair *repair, struct fy_error *err)
{
    char path[64];
    int status = 0;
    FY_AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)process->pid);
    DIR *fds = pidfd >= 0 && fy_process_lives(process) ? opendir(path) : NULL;
    if (!fds)
        return 0; /* a zombie */
    for (struct dirent *entry = readdir(fds); entry && status == 0; entry = readdir(fds)) {
        char target[32] = "";
        if (readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1) <= 0 ||
            strncmp(target, "socket:", strlen("socket:")) != 0)
            continue;
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (is_in_repair(pidfd, fd) && (status = note(repair, process, fd, err)) == 0)
            status = set_mode(process, fd, 0, err);
    }
    (void)closedir(fds);
    return status;
}

int fy_repair_end(const struct fy_process_tree *tree, struct fy_repair *repair, struct fy_error *err)
{
    for (size_t i = 0; i < tree->count; i++)
        if (end_for_process(&tree->processes[i], repair, err) < 0)
            return -1;
    return 0;
}

int fy_repair_begin_again(const struct fy_repair *repair, struct fy_error *err)
{
    int status = 0;
    for (size_t i = 0; i < repair->count; i++)
        if (set_mode(&repair->sockets[i].process, repair->sockets[i].fd, 1, err) < 0)
            status = -1;
    return status;
}

void fy_repair_done(struct fy_repair *repair)
{
    free(fy_take(repair->sockets));
    repair->count = 0;
    repair->capacity = 0;
}
