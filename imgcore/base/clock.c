/* Clocks of the kernel, and the one way ferry writes a point in time. */
#include <ferry/base/clock.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_S 1000000

static uint64_t read_ns(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now); /* cannot fail for our clocks and a valid pointer */
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t fy_clock_monotonic_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t fy_clock_thread_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t fy_clock_wall_us(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

void fy_clock_format(int64_t wall_us, char text[FY_CLOCK_TEXT_SIZE])
{
    time_t seconds = (time_t)(wall_us / US_PER_S);
    int64_t us = wall_us % US_PER_S;
    if (us < 0) { /* before 1970 the fraction still counts upwards */
        us += US_PER_S;
        seconds--;
    }
    struct tm utc = {0};
    (void)gmtime_r(&seconds, &utc); /* every 64-bit count of microseconds has a year that fits */
    size_t length = strftime(text, FY_CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + length, FY_CLOCK_TEXT_SIZE - length, ".%03uZ", (unsigned)(us / 1000) % 1000);
}
