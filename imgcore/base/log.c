/* The programs' log. One line is one write(2) of at most LINE_SIZE bytes, so that lines of several processes on one
 * descriptor do not mix; text from outside cannot forge a line or reach a terminal as a control sequence. */
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/json.h>
#include <ferry/base/log.h>
#include <ferry/base/text.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 4096
#define JOB_SIZE 64
/* An event in JSON: every byte may need an escape of two, plus keys, time and the like. */
#define MESSAGE_SIZE 1200
#define NEXT_SIZE FY_ERROR_NEXT_SIZE

struct fy_log {
    int fd;
    enum fy_log_level level;
    enum fy_log_format format;
};

struct event {
    char time[FY_CLOCK_TEXT_SIZE];
    enum fy_log_level level;
    const char *job;
    const char *message;
    const char *code; /* of an error; else NULL */
    const char *next;
};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

struct fy_log *fy_log_new(int fd, enum fy_log_level level, enum fy_log_format format)
{
    struct fy_log *log = malloc(sizeof *log);
    if (log)
        *log = (struct fy_log){.fd = fd, .level = level, .format = format};
    return log;
}

void fy_log_free(struct fy_log *log)
{
    free(log);
}

/* A copy without control characters of at most `size` - 1 bytes; "..." ends what was cut. NULL stays NULL. */
static char *harmless(const char *text, size_t size)
{
    if (!text)
        return NULL;
    size_t length = strnlen(text, size);
    char *copy = fy_text_printable(text, length < size ? length : size - 4);
    FY_AUTO_FREE char *whole = copy;
    char *cut = NULL;
    if (!copy || length < size)
        return fy_take(whole);
    return asprintf(&cut, "%s...", copy) < 0 ? NULL : cut;
}

/* A log that cannot be written to has nowhere to say so. */
static void write_line(const struct fy_log *log, char *line, size_t length)
{
    line[length] = '\n';
    while (write(log->fd, line, length + 1) < 0 && errno == EINTR)
        ;
}

static void write_text(const struct fy_log *log, const struct event *event)
{
    char line[LINE_SIZE];
    int length = snprintf(line, sizeof line, "%s %s %s%s%s%s%s%s%s%s%s", event->time, level_names[event->level],
                          event->job ? "[" : "", event->job ? event->job : "", event->job ? "] " : "", event->message,
                          event->code ? " (" : "", event->code ? event->code : "", event->code ? ")" : "",
                          event->next && *event->next ? "; next: " : "", event->next ? event->next : "");
    if (length > 0)
        write_line(log, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

static char *event_to_json(const struct event *event)
{
    struct fy_json *json = fy_json_new(false);
    char *text = NULL;
    if (!json)
        return NULL;
    fy_json_open_object(json, NULL);
    fy_json_string(json, "time", event->time);
    fy_json_string(json, "level", level_names[event->level]);
    if (event->job)
        fy_json_string(json, "job", event->job);
    fy_json_string(json, "message", event->message);
    if (event->code)
        fy_json_string(json, "code", event->code);
    if (event->next && *event->next)
        fy_json_string(json, "next", event->next);
    fy_json_close_object(json);
    (void)fy_json_finish(json, &text, NULL); /* the caller falls back to text */
    fy_json_free(json);
    return text;
}

static void write_json(const struct fy_log *log, const struct event *event)
{
    char line[LINE_SIZE];
    FY_AUTO_FREE char *text = event_to_json(event);
    size_t length = text ? strlen(text) : 0;
    if (!text || length >= sizeof line) {
        write_text(log, event); /* out of memory: better in another format than not at all */
        return;
    }
    memcpy(line, text, length);
    write_line(log, line, length);
}

static void write_event(struct fy_log *log, enum fy_log_level level, const char *job, const char *message,
                        const struct fy_error *err)
{
    FY_AUTO_FREE char *safe_job = harmless(job, JOB_SIZE);
    FY_AUTO_FREE char *safe_message = harmless(message, MESSAGE_SIZE);
    FY_AUTO_FREE char *safe_next = harmless(err ? err->next : NULL, NEXT_SIZE);
    struct event event = {
        .level = level,
        .job = safe_job,
        .message = safe_message ? safe_message : "out of memory while logging",
        .code = err ? fy_code_name(err->code) : NULL,
        .next = safe_next,
    };
    fy_clock_format(fy_clock_wall_us(), event.time);
    if (log->format == FY_LOG_JSON)
        write_json(log, &event);
    else
        write_text(log, &event);
}

void fy_log_write(struct fy_log *log, enum fy_log_level level, const char *job, const char *format, ...)
{
    if (!log || level > log->level)
        return;
    int saved_errno = errno; /* logging must not disturb who is about to look at it */
    char message[LINE_SIZE];
    va_list args;
    va_start(args, format);
    if (vsnprintf(message, sizeof message, format, args) < 0)
        message[0] = '\0';
    va_end(args);
    write_event(log, level, job, message, NULL);
    errno = saved_errno;
}

void fy_log_error(struct fy_log *log, const char *job, const char *what, const struct fy_error *err)
{
    if (!log)
        return;
    int saved_errno = errno;
    char message[LINE_SIZE];
    (void)snprintf(message, sizeof message, "%s: %s", what, err->message);
    write_event(log, FY_LOG_ERROR, job, message, err);
    errno = saved_errno;
}
