/* Runs a command and prints what it cost on descriptor 3: "SECONDS CPU-SECONDS PEAK-KIB". Small itself, so that the
 * peak is the command's own (a child begins with the peak of the process it was forked from).
 *
 *     measure COMMAND [ARGUMENT...] 3>FILE */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    double start = now();
    int status;
    pid_t child;

    if (argc < 2)
        errx(2, "usage: measure COMMAND [ARGUMENT...] 3>FILE");
    child = fork();
    if (child == 0) {
        (void)close(3);
        (void)execvp(argv[1], argv + 1);
        err(127, "%s", argv[1]);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) < 0)
        err(1, "%s", argv[1]);
    if (dprintf(3, "%.6f %.6f %ld\n", now() - start, seconds(usage.ru_utime) + seconds(usage.ru_stime),
                usage.ru_maxrss) < 0)
        err(1, "descriptor 3");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
