/* Durations and sizes as people write them in files and on the command line: a whole number and its unit. */
#ifndef FERRY_CONFIG_QUANTITY_H
#define FERRY_CONFIG_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

/* "500ms", "10s", "5m", "2h", "30d", "4w" to milliseconds. False for anything else and for what does not fit; *ms is
 * untouched then.
 */
bool fy_duration_parse(const char *text, uint64_t *ms);
/* The shortest text that fy_duration_parse reads as this: "90s", "30m", "2w". */
#define FY_DURATION_TEXT_SIZE 24
void fy_duration_format(uint64_t ms, char text[FY_DURATION_TEXT_SIZE]);
/* "100B", "512KiB", "20MiB", "4GiB", "1TiB" to bytes; the same rules. */
bool fy_size_parse(const char *text, uint64_t *bytes);
/* "100Mbit/s", "1Gbit/s" (decimal), "20MiB/s" to bytes a second; "unlimited" to 0. Slower than 1 Mbit/s is refused: a
 * block of 1 MiB would take longer than a peer waits. */
#define FY_RATE_MIN_BYTES UINT64_C(125000)
#define FY_RATE_EXPECTED "a rate such as 100Mbit/s or 20MiB/s, at least 1Mbit/s, or unlimited"
bool fy_rate_parse(const char *text, uint64_t *bytes_per_second);

#endif
