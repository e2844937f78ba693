/* watch: sees from outside of all hosts which copies of a workload run, and how far each has counted.
 *
 *     fault-watch FILE ADDRESS INIT-PID NAME [INIT-PID NAME]...
 *
 * ADDRESS (hexadecimal) is where the workload keeps its count (`e2e_beats` of e2e-web). A copy is any process called
 * `web` or `e2e-web` in the network namespace of a host's INIT-PID. About 500 times a second the memory of each is
 * read, running or frozen; FILE gets a line "MICROSECONDS HOST PID COUNT" whenever a copy is seen first or its count
 * has gone up: a copy that goes up has run. "MICROSECONDS HOST PID -" says that it is gone. Ends on SIGTERM. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_HOSTS 4
#define MAX_COPIES 32
#define PERIOD_NS 2000000L
#define LOOKS_BETWEEN_SCANS 10

struct host {
    ino_t network;
    const char *name;
};

struct copy {
    pid_t pid;
    int memory; /* -1: free */
    const struct host *host;
    uint64_t count;
    bool seen;
};

static struct host hosts[MAX_HOSTS];
static size_t host_count;
static struct copy copies[MAX_COPIES];
static volatile sig_atomic_t ended;

static void end(int number)
{
    (void)number;
    ended = 1;
}

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static ino_t network_of(const char *pid)
{
    char path[64];
    struct stat st;
    (void)snprintf(path, sizeof path, "/proc/%.20s/ns/net", pid);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static bool is_called_so(const char *pid)
{
    char path[64], name[32] = "";
    (void)snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, name, sizeof name - 1);
    if (fd >= 0)
        close(fd);
    return size > 0 && (strcmp(name, "web\n") == 0 || strcmp(name, "e2e-web\n") == 0);
}

static bool is_known(pid_t pid)
{
    for (size_t i = 0; i < MAX_COPIES; i++)
        if (copies[i].memory >= 0 && copies[i].pid == pid)
            return true;
    return false;
}

static void add(const char *name)
{
    char path[64];
    ino_t network = network_of(name);
    const struct host *host = NULL;
    for (size_t i = 0; i < host_count; i++)
        if (hosts[i].network == network)
            host = &hosts[i];
    if (!host)
        return;
    for (size_t i = 0; i < MAX_COPIES; i++) {
        if (copies[i].memory >= 0)
            continue;
        (void)snprintf(path, sizeof path, "/proc/%.20s/mem", name);
        copies[i] = (struct copy){.pid = atoi(name), .memory = open(path, O_RDONLY | O_CLOEXEC), .host = host};
        return;
    }
}

static void scan(void)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    while (proc && (entry = readdir(proc)))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && is_called_so(entry->d_name) &&
            !is_known(atoi(entry->d_name)))
            add(entry->d_name);
    if (proc)
        closedir(proc);
}

static void look(struct copy *copy, off_t address, FILE *file)
{
    uint64_t count;
    if (copy->memory < 0)
        return;
    if (pread(copy->memory, &count, sizeof count, address) != (ssize_t)sizeof count) {
        if (copy->seen || kill(copy->pid, 0) < 0) { /* else it is being made: its memory is not mapped yet */
            if (copy->seen)
                fprintf(file, "%" PRIu64 " %s %d -\n", now_us(), copy->host->name, (int)copy->pid);
            close(copy->memory);
            copy->memory = -1;
        }
        return;
    }
    if (copy->seen && count == copy->count)
        return;
    fprintf(file, "%" PRIu64 " %s %d %" PRIu64 "\n", now_us(), copy->host->name, (int)copy->pid, count);
    copy->count = count;
    copy->seen = true;
}

int main(int argc, char **argv)
{
    FILE *file = argc >= 5 ? fopen(argv[1], "w") : NULL;
    if (!file || argc % 2 == 0 || argc > 3 + 2 * MAX_HOSTS) {
        fprintf(stderr, "usage: fault-watch FILE ADDRESS INIT-PID NAME [INIT-PID NAME]...\n");
        return 2;
    }
    off_t address = (off_t)strtoull(argv[2], NULL, 16);
    for (int i = 3; i + 1 < argc; i += 2)
        hosts[host_count++] = (struct host){.network = network_of(argv[i]), .name = argv[i + 1]};
    for (size_t i = 0; i < MAX_COPIES; i++)
        copies[i].memory = -1;
    (void)signal(SIGTERM, end);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    setvbuf(file, NULL, _IOLBF, 0);
    for (unsigned turn = 0; !ended; turn++) {
        const struct timespec pause = {.tv_nsec = PERIOD_NS};
        if (turn % LOOKS_BETWEEN_SCANS == 0)
            scan();
        for (size_t i = 0; i < MAX_COPIES; i++)
            look(&copies[i], address, file);
        (void)nanosleep(&pause, NULL);
    }
    return fclose(file) == 0 ? 0 : 1;
}
