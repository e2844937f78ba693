/* Time. Durations come from the monotonic clock; wall-clock time is only for people to read. */
#ifndef FERRY_BASE_CLOCK_H
#define FERRY_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t fy_clock_monotonic_ns(void);
/* Processor time that the calling thread has had. */
uint64_t fy_clock_thread_ns(void);
/* Microseconds since 1970-01-01 UTC. */
int64_t fy_clock_wall_us(void);
/* "2026-01-31T12:00:00.123Z" into `text` (FY_CLOCK_TEXT_SIZE bytes). */
#define FY_CLOCK_TEXT_SIZE 32
void fy_clock_format(int64_t wall_us, char text[FY_CLOCK_TEXT_SIZE]);

#endif
