/* pages: memory of a given size, of which a given part changes when it is told to, and a clock that notices when it
 * stood still.
 *
 *     e2e-pages MEMORY-MIB PER-MILLE GAPS-FILE
 *
 * The memory is random. At each SIGUSR1 so many of a thousand pages, anywhere, are filled anew. A gap of 3 ms or more
 * in its ticks (one a millisecond) is written to GAPS-FILE, in microseconds, a line each. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
#define GAP_US 3000

static volatile sig_atomic_t asked;
static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void fill(uint64_t *page)
{
    for (size_t i = 0; i < PAGE_BYTES / sizeof *page; i++)
        page[i] = next();
}

static void on_signal(int number)
{
    (void)number;
    asked = 1;
}

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void note_gap(int fd, int64_t gap_us)
{
    char line[32];
    int size = snprintf(line, sizeof line, "%lld\n", (long long)gap_us);
    (void)!write(fd, line, (size_t)size);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: e2e-pages MEMORY-MIB PER-MILLE GAPS-FILE\n");
        return 2;
    }
    size_t pages = (size_t)atol(argv[1]) * 256;
    size_t changes = pages * (size_t)atol(argv[2]) / 1000;
    int gaps = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    uint8_t *memory = mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (gaps < 0 || memory == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < pages; i++)
        fill((uint64_t *)(void *)(memory + i * PAGE_BYTES));
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGUSR1, &action, NULL);
    const struct timespec tick = {.tv_nsec = 1000000};
    for (int64_t before = now_us();;) {
        (void)nanosleep(&tick, NULL);
        for (size_t i = 0; asked && i < changes; i++)
            fill((uint64_t *)(void *)(memory + next() % pages * PAGE_BYTES));
        int64_t now = now_us();
        if (now - before >= GAP_US && !asked)
            note_gap(gaps, now - before);
        asked = 0;
        before = now;
    }
}
