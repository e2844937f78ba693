/* counter: counts, and tells an observer each number in a datagram.
 *
 *     e2e-counter OBSERVER-IP PORT NAME INTERVAL-MS
 *
 * A datagram is "NAME NUMBER". Its sender's address tells the observer on which host the counter runs: the socket is
 * never bound, so each host sends from its own address. Numbers that go on without a gap or a repeat show that the
 * workload continued, did not start anew, and never ran twice. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: e2e-counter OBSERVER-IP PORT NAME INTERVAL-MS\n");
        return 2;
    }
    struct sockaddr_in observer = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2]))};
    long interval_ms = atol(argv[4]);
    struct timespec pause = {.tv_sec = interval_ms / 1000, .tv_nsec = interval_ms % 1000 * 1000000};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, argv[1], &observer.sin_addr) != 1)
        return 1;
    for (unsigned long number = 1;; number++) {
        char text[128];
        int size = snprintf(text, sizeof text, "%s %lu", argv[3], number);
        /* A cut link is the test's doing; the number counts as said. */
        (void)sendto(fd, text, (size_t)size, 0, (struct sockaddr *)&observer, sizeof observer);
        nanosleep(&pause, NULL);
    }
}
