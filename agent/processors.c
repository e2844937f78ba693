/* The kernel counts idle time in hundredths of a second, over all processors. */
#include "processors.h"

#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_NS UINT64_C(100000000)

/* The second number of /proc/uptime, seconds. */
static bool read_idle(uint64_t *idle_ns)
{
    char text[128];
    FY_AUTO_CLOSE int fd = open("/proc/uptime", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (size <= 0)
        return false;
    text[size] = '\0';
    char *end;
    (void)strtod(text, &end);
    *idle_ns = (uint64_t)(strtod(end, NULL) * 1e9);
    return *idle_ns > 0;
}

static uint64_t own_time_ns(void)
{
    struct timespec time = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static double share_of(uint64_t used_ns, double all_ns)
{
    double share = (double)used_ns / all_ns;
    return share < 1.0 ? share : 1.0;
}

bool fy_processors_take(struct fy_processors *processors, const struct fy_processors *now, unsigned count,
                        struct fy_processors_share *share)
{
    double all_ns = (double)(now->since_ns - processors->since_ns) * (double)count;
    if (now->since_ns - processors->since_ns < LOOK_EVERY_NS)
        return false;
    /* What the kernel has counted as idle may turn out to be less. */
    bool says = processors->since_ns > 0 && now->idle_ns >= processors->idle_ns;
    if (says)
        *share = (struct fy_processors_share){.idle = share_of(now->idle_ns - processors->idle_ns, all_ns),
                                              .own = share_of(now->own_ns - processors->own_ns, all_ns)};
    *processors = *now;
    return says;
}

bool fy_processors_look(struct fy_processors *processors, struct fy_processors_share *share)
{
    struct fy_processors now = {.since_ns = fy_clock_monotonic_ns()};
    if (now.since_ns - processors->since_ns < LOOK_EVERY_NS || !read_idle(&now.idle_ns))
        return false;
    now.own_ns = own_time_ns();
    return fy_processors_take(processors, &now, (unsigned)sysconf(_SC_NPROCESSORS_ONLN), share);
}
