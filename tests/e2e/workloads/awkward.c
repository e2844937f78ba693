/* awkward: a workload that has something that CRIU can't dump, and tells an observer that it runs, as counter does.
 *
 *     e2e-awkward OBSERVER-IP PORT NAME KIND
 *
 *     device   holds /dev/net/tun open
 *     traced   is traced by a child of its own
 *     ghost    holds a deleted file open that is larger than CRIU carries along
 *     lock     holds a file lock (can be dumped with --file-locks) */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int hold_device(void)
{
    return open("/dev/net/tun", O_RDWR | O_CLOEXEC);
}

static int be_traced(void)
{
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    pid_t pid = fork();
    if (pid == 0) {
        if (ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    /* The child has seized us when /proc says so. */
    for (;;) {
        char line[128];
        int tracer = 0;
        FILE *status = fopen("/proc/self/status", "re");
        while (status && fgets(line, sizeof line, status))
            if (sscanf(line, "TracerPid: %d", &tracer) == 1)
                break;
        if (status)
            fclose(status);
        if (tracer == pid)
            return 0;
    }
}

static int hold_ghost(void)
{
    static const char path[] = "/tmp/e2e-ghost";
    static char block[1 << 20];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 4; i++)
        if (fd < 0 || write(fd, block, sizeof block) != sizeof block)
            return -1;
    return unlink(path);
}

static int hold_lock(void)
{
    int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    return flock(fd, LOCK_EX);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*hold)(void);
    } kinds[] = {{"device", hold_device}, {"traced", be_traced}, {"ghost", hold_ghost}, {"lock", hold_lock}};
    int rc = -1;
    for (size_t i = 0; argc == 5 && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(argv[4], kinds[i].name) == 0)
            rc = kinds[i].hold();
    if (rc < 0) {
        fprintf(stderr, "usage: e2e-awkward OBSERVER-IP PORT NAME device|traced|ghost|lock\n");
        return 2;
    }
    struct sockaddr_in observer = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2]))};
    struct timespec pause = {.tv_nsec = 10000000};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, argv[1], &observer.sin_addr) != 1)
        return 1;
    for (unsigned long number = 1;; number++) {
        char text[128];
        int size = snprintf(text, sizeof text, "%s %lu", argv[3], number);
        (void)sendto(fd, text, (size_t)size, 0, (struct sockaddr *)&observer, sizeof observer);
        nanosleep(&pause, NULL);
    }
}
