/* A task with a child, whose memory and descriptors are known, and change in known ways each time it gets SIGUSR1.
 *
 *     memory-workload DIRECTORY [IGNORED...]     makes DIRECTORY/ready-1 when it stands, ready-2 after the change
 *
 * What is to be found in memory is put together letter by letter, so that it is nowhere else. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define BASE 0x600000000000ul
#define SHARED_AT (BASE + 0x10000000ul)
#define GONE_AT (BASE + 0x20000000ul)
#define GUARDED_AT (BASE + 0x30000000ul)
#define GROWING_AT (BASE + 0x40000000ul)
#define NEW_AT (BASE + 0x50000000ul)

static const char *directory;

static void require(int holds)
{
    if (!holds)
        abort();
}

static void *map(unsigned long at, unsigned long pages, int flags)
{
    void *got =
        mmap((void *)at, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    require(got == (void *)at);
    return got;
}

static void fill(unsigned long at, unsigned long pages, int first)
{
    for (unsigned long i = 0; i < pages; i++)
        memset((void *)(at + i * PAGE), first + (int)i, PAGE);
}

/* Each letter is one above what stands here. */
static void write_secret(unsigned long at, const char *shifted)
{
    for (volatile char *to = (volatile char *)at; *shifted; shifted++)
        *to++ = (char)(*shifted + 1);
}

static void say_ready(int step)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/ready-%d", directory, step);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    require(fd >= 0);
    (void)close(fd);
}

static int open_file(const char *name, int as)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    require(fd >= 0 && dup2(fd, as) == as && ftruncate(as, 100) == 0);
    (void)close(fd);
    return as;
}

static pid_t start_child(void)
{
    pid_t pid = fork();
    require(pid >= 0);
    while (pid == 0)
        (void)pause();
    return pid;
}

static void set_up(void)
{
    map(BASE, 32, MAP_PRIVATE);
    fill(BASE, 25, 1);
    fill(BASE + 26 * PAGE, 6, 27);
    /* "correct horse battery", over the border of pages 7 and 8, behind an escape sequence. */
    write_secret(BASE + 8 * PAGE - 10, "bnqqdbs\x1fgnqrd\x1f"
                                       "a`ssdqx");
    write_secret(BASE + 8 * PAGE - 15, "\x1aZ20l");
    require(madvise((void *)BASE, 32 * PAGE, MADV_DONTFORK) == 0);
    map(SHARED_AT, 4, MAP_SHARED);
    fill(SHARED_AT, 2, 's');
    write_secret(SHARED_AT + 100, "bnlldqbd\x1fhm\x1f"
                                  "bnllnm"); /* "commerce in common" */
    map(GONE_AT, 2, MAP_PRIVATE);
    fill(GONE_AT, 2, 1);
    map(GUARDED_AT, 1, MAP_PRIVATE);
    fill(GUARDED_AT, 1, 1);
    map(GROWING_AT, 2, MAP_PRIVATE);
    fill(GROWING_AT, 2, 1);
    require(lseek(open_file("moves", 5), 10, SEEK_SET) == 10);
    (void)open_file("closes", 6);
}

static void change(void)
{
    for (unsigned long i = 1; i <= 3; i++)
        *(volatile char *)(BASE + i * PAGE + 4095) = 'X';
    memset((void *)(BASE + 10 * PAGE), 0, 2 * PAGE);
    require(madvise((void *)(BASE + 20 * PAGE), PAGE, MADV_DONTNEED) == 0);
    fill(BASE + 25 * PAGE, 1, 'n');
    *(volatile char *)(SHARED_AT + PAGE) = 'X';
    require(munmap((void *)GONE_AT, 2 * PAGE) == 0);
    require(mprotect((void *)GUARDED_AT, PAGE, PROT_READ) == 0);
    require(mremap((void *)GROWING_AT, 2 * PAGE, 4 * PAGE, 0) == (void *)GROWING_AT);
    fill(GROWING_AT + 2 * PAGE, 1, 3);
    map(NEW_AT, 3, MAP_PRIVATE);
    fill(NEW_AT, 3, 1);
    require(lseek(5, 20, SEEK_SET) == 20);
    (void)close(6);
    (void)open_file("opens", 7);
}

int main(int count, char **words)
{
    int got;
    sigset_t set;
    require(count > 1);
    directory = words[1];
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    set_up();
    pid_t child = start_child();
    say_ready(1);
    for (int step = 2;; step++) {
        require(sigwait(&set, &got) == 0);
        if (step == 2) {
            change();
            require(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
            child = start_child();
        }
        say_ready(step);
    }
}
