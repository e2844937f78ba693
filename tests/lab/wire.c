/*
 * lab-wire: a wire with latency, a rate and loss, for kernels without netem.
 *
 *     lab-wire TAP TAP SETTINGS-FILE
 *
 * Frames read from one tap interface are written to the other, both ways, in order. The file holds three numbers: the
 * delay of one direction in microseconds, the rate in bits a second (0: unlimited), and lost frames in a million. It
 * is read again on SIGHUP; what is on the wire by then keeps its time of arrival.
 *
 *      tap ──read──> lost? ──> queue (when has the rate sent it, plus the delay) ──write──> other tap
 *
 * As on a real link, a frame that finds too much before it is dropped: that is how TCP learns the rate.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_MAX_BYTES = 2048, FRAMES_MAX = 16384, BURST_FRAMES = 64 };
static const uint64_t sec_ns = 1000000000;
static const uint64_t rate_backlog_max_ns = 200000000;

struct settings {
    uint64_t delay_ns;
    uint64_t rate_bits;
    uint64_t loss_ppm;
};

struct frame {
    uint64_t due_ns;
    size_t size_bytes;
    unsigned char data[FRAME_MAX_BYTES];
};

struct direction {
    int from_fd;
    int to_fd;
    uint64_t sent_until_ns; /* when the rate is through with all that came so far */
    size_t first;
    size_t count;
    struct frame *frames; /* ring of FRAMES_MAX */
};

static volatile sig_atomic_t must_read_settings = 1;

static void ask_for_settings(int signal_number)
{
    (void)signal_number;
    must_read_settings = 1;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "lab-wire: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * sec_ns + (uint64_t)now.tv_nsec;
}

static void read_settings(const char *path, struct settings *settings)
{
    unsigned long long delay_us;
    unsigned long long rate_bits;
    unsigned long long loss_ppm;
    FILE *file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%llu %llu %llu", &delay_us, &rate_bits, &loss_ppm) != 3)
        fail(path);
    fclose(file);
    *settings = (struct settings){.delay_ns = delay_us * 1000, .rate_bits = rate_bits, .loss_ppm = loss_ppm};
}

static int open_tap(const char *name)
{
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
        fail(name);
    return fd;
}

static void init_direction(struct direction *way, int from_fd, int to_fd)
{
    *way = (struct direction){.from_fd = from_fd, .to_fd = to_fd, .frames = calloc(FRAMES_MAX, sizeof(struct frame))};
    if (way->frames == NULL)
        fail("queue");
}

/* Gives the frame just read its time of arrival, or leaves it out. */
static void queue_frame(struct direction *way, const struct settings *settings, struct frame *frame)
{
    if ((uint64_t)(random() % 1000000) < settings->loss_ppm)
        return;
    uint64_t sent_ns = now_ns();
    if (settings->rate_bits > 0) {
        if (way->sent_until_ns > sent_ns + rate_backlog_max_ns)
            return;
        if (way->sent_until_ns > sent_ns)
            sent_ns = way->sent_until_ns;
        sent_ns += frame->size_bytes * 8 * sec_ns / settings->rate_bits;
        way->sent_until_ns = sent_ns;
    }
    frame->due_ns = sent_ns + settings->delay_ns;
    way->count++;
}

static void read_burst(struct direction *way, const struct settings *settings)
{
    static struct frame overflow;
    for (int i = 0; i < BURST_FRAMES; i++) {
        bool is_full = way->count == FRAMES_MAX;
        struct frame *frame = is_full ? &overflow : &way->frames[(way->first + way->count) % FRAMES_MAX];
        ssize_t size_bytes = read(way->from_fd, frame->data, sizeof frame->data);
        if (size_bytes <= 0)
            return;
        frame->size_bytes = (size_t)size_bytes;
        if (!is_full)
            queue_frame(way, settings, frame);
    }
}

/* Writes what is due, and says how long until the next is: UINT64_MAX when nothing waits. */
static uint64_t write_due(struct direction *way)
{
    while (way->count > 0) {
        struct frame *frame = &way->frames[way->first];
        uint64_t time_ns = now_ns();
        if (frame->due_ns > time_ns)
            return frame->due_ns - time_ns;
        /* A frame that the kernel does not take is lost, as on any link. */
        (void)!write(way->to_fd, frame->data, frame->size_bytes);
        way->first = (way->first + 1) % FRAMES_MAX;
        way->count--;
    }
    return UINT64_MAX;
}

static void carry(struct direction ways[2], const char *settings_path, const sigset_t *while_waiting)
{
    struct settings settings = {0};
    for (;;) {
        if (must_read_settings) {
            must_read_settings = 0;
            read_settings(settings_path, &settings);
        }
        uint64_t wait_ns = write_due(&ways[0]);
        uint64_t other_ns = write_due(&ways[1]);
        if (other_ns < wait_ns)
            wait_ns = other_ns;
        struct timespec timeout = {.tv_sec = (time_t)(wait_ns / sec_ns), .tv_nsec = (long)(wait_ns % sec_ns)};
        struct pollfd fds[2] = {{.fd = ways[0].from_fd, .events = POLLIN}, {.fd = ways[1].from_fd, .events = POLLIN}};
        if (ppoll(fds, 2, wait_ns == UINT64_MAX ? NULL : &timeout, while_waiting) < 0 && errno != EINTR)
            fail("poll");
        read_burst(&ways[0], &settings);
        read_burst(&ways[1], &settings);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: lab-wire TAP TAP SETTINGS-FILE\n");
        return 2;
    }
    /* Only taken while waiting, so that a request between reading and waiting is not missed. */
    sigset_t hangup;
    sigset_t while_waiting;
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    sigprocmask(SIG_BLOCK, &hangup, &while_waiting);
    sigdelset(&while_waiting, SIGHUP);
    struct sigaction action = {.sa_handler = ask_for_settings};
    sigaction(SIGHUP, &action, NULL);

    int taps[2] = {open_tap(argv[1]), open_tap(argv[2])};
    struct direction ways[2];
    init_direction(&ways[0], taps[0], taps[1]);
    init_direction(&ways[1], taps[1], taps[0]);
    carry(ways, argv[3], &while_waiting);
}
