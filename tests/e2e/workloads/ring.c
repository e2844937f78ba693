/* ring: a process with children in a ring of pipes; a token goes round and each child adds one to it.
 *
 *     e2e-ring OBSERVER-IP PORT NAME CHILDREN
 *
 * After each round the parent checks the token and tells the observer "NAME ROUND", as counter does. It exits with 1 if
 * a token is wrong or a pipe breaks: then the observer hears nothing more. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static unsigned long take(int fd)
{
    unsigned long token;
    if (read(fd, &token, sizeof token) != sizeof token)
        exit(1);
    return token;
}

static void give(int fd, unsigned long token)
{
    if (write(fd, &token, sizeof token) != sizeof token)
        exit(1);
}

/* Starts a child that reads from `in`; returns what it writes to. */
static int start_child(int in)
{
    int ends[2];
    if (pipe(ends) < 0)
        exit(1);
    pid_t pid = fork();
    if (pid < 0)
        exit(1);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, 9);
        close(ends[0]);
        for (;;)
            give(ends[1], take(in) + 1);
    }
    close(ends[1]);
    close(in);
    return ends[0];
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: e2e-ring OBSERVER-IP PORT NAME CHILDREN\n");
        return 2;
    }
    struct sockaddr_in observer = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2]))};
    unsigned long children = strtoul(argv[4], NULL, 10);
    struct timespec pause = {.tv_nsec = 10000000};
    int first[2];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, argv[1], &observer.sin_addr) != 1 || pipe(first) < 0)
        return 1;
    int last = first[0];
    for (unsigned long i = 0; i < children; i++)
        last = start_child(last);
    for (unsigned long number = 1;; number++) {
        char text[128];
        give(first[1], number * 1000);
        if (take(last) != number * 1000 + children)
            return 1;
        int size = snprintf(text, sizeof text, "%s %lu", argv[3], number);
        (void)sendto(fd, text, (size_t)size, 0, (struct sockaddr *)&observer, sizeof observer);
        nanosleep(&pause, NULL);
    }
}
