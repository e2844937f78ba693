/* The programs' log: one line an event, as text or as JSON objects. Libraries do not log; they return errors. */
#ifndef FERRY_BASE_LOG_H
#define FERRY_BASE_LOG_H

#include <ferry/base/error.h>

enum fy_log_level { FY_LOG_ERROR, FY_LOG_WARNING, FY_LOG_INFO, FY_LOG_DEBUG };
enum fy_log_format { FY_LOG_TEXT, FY_LOG_JSON };

struct fy_log;

/* A log to `fd` (borrowed). NULL when there is no memory. */
struct fy_log *fy_log_new(int fd, enum fy_log_level level, enum fy_log_format format);
void fy_log_free(struct fy_log *log);
/* Writes "TIME LEVEL [job] text", or {"time":…,"level":…,"job":…,"message":…}. `job` may be NULL. A NULL `log` drops.
 * A line is one write(2) of at most 4 KiB; a longer message is cut and ends in "...", control characters become '?'. */
__attribute__((format(printf, 4, 5))) void fy_log_write(struct fy_log *log, enum fy_log_level level, const char *job,
                                                        const char *format, ...);
/* Logs code, message and next step of `err` once. */
void fy_log_error(struct fy_log *log, const char *job, const char *what, const struct fy_error *err);

#endif
