/* Finds the line of a log that says why: the first one marked as an error that is not known to be harmless; a later one
 * only if that is a known cause and the first is not (CRIU often names the cause after its first consequence). */
#include <ferry/agent/evidence.h>

#include "evidence_table.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TAIL_LIMIT_BYTES ((off_t)1024 * 1024)
#define CAUSE_LIMIT_BYTES 400

struct log_tail {
    char *text; /* NUL-terminated */
    size_t size;
    unsigned first_line; /* its number in the file; 0 when the beginning was cut off */
};

struct finding {
    char cause[CAUSE_LIMIT_BYTES];
    unsigned line;
    const struct fy_known_cause *known;
};

static int read_tail(const char *path, struct log_tail *tail, struct fy_error *err)
{
    struct stat status;
    FY_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return fy_error_errno(err, errno, "cannot read %s", path);
    off_t start = status.st_size > TAIL_LIMIT_BYTES ? status.st_size - TAIL_LIMIT_BYTES : 0;
    size_t size = (size_t)(status.st_size - start);
    FY_AUTO_FREE char *text = malloc(size + 1);
    if (!text)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for the end of %s", path);
    ssize_t got = pread(fd, text, size, start);
    if (got < 0)
        return fy_error_errno(err, errno, "cannot read %s", path);
    for (ssize_t i = 0; i < got; i++)
        if (text[i] == '\0')
            text[i] = '?';
    text[got] = '\0';
    tail->size = (size_t)got;
    tail->first_line = start > 0 ? 0 : 1;
    tail->text = fy_take(text);
    return 0;
}

/* CRIU marks with "Error (file:line): text" or "Error: text", after a time and perhaps a pid; runc with level=error. */
static const char *error_text(const char *line)
{
    const char *mark = strstr(line, "Error (");
    if (mark) {
        const char *end = strstr(mark, "): ");
        return end ? end + 3 : mark;
    }
    if (strncmp(line, "Error: ", 7) == 0)
        return line + 7;
    mark = strstr(line, "level=error msg=");
    return mark ? mark + strlen("level=error msg=") : NULL;
}

static void keep_finding(struct finding *finding, const char *text, unsigned line, const struct fy_known_cause *known)
{
    size_t size = strnlen(text, sizeof(finding->cause) - 1);
    for (size_t i = 0; i < size; i++)
        finding->cause[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
    while (size > 0 && finding->cause[size - 1] == ' ')
        size--;
    finding->cause[size] = '\0';
    finding->line = line;
    finding->known = known;
}

static void look_at_line(struct finding *finding, const char *line, unsigned number)
{
    const char *text = error_text(line);
    if (!text || finding->known || fy_evidence_is_harmless(line))
        return;
    const struct fy_known_cause *known = fy_evidence_find_cause(line);
    if (known || !finding->cause[0])
        keep_finding(finding, text, number, known);
}

/* CRIU gives up on a task that somebody traces with no more than a warning; of most warnings nothing comes. */
static void look_at_warning(struct finding *finding, const char *line, unsigned number)
{
    const char *mark = strstr(line, "Warn  (");
    const char *end = mark ? strstr(mark, "): ") : NULL;
    const struct fy_known_cause *known = end && !finding->cause[0] ? fy_evidence_find_cause(line) : NULL;
    if (known)
        keep_finding(finding, end + 3, number, known);
}

static void find(struct log_tail *tail, struct finding *finding)
{
    struct finding warning = {{0}, 0, NULL};
    unsigned number = tail->first_line;
    char *rest = tail->text;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        look_at_line(finding, line, number);
        look_at_warning(&warning, line, number);
        if (number > 0)
            number++;
    }
    if (!finding->cause[0])
        *finding = warning;
}

static int say_finding(const char *what, const char *log_path, const struct finding *finding, enum fy_code code,
                       struct fy_error *err)
{
    char place[32] = "";
    if (finding->line > 0)
        (void)snprintf(place, sizeof(place), ":%u", finding->line);
    if (!finding->known) {
        fy_error_set(err, code, "%s failed: %s (%s%s)", what, finding->cause, log_path, place);
        return fy_error_next(err, "read what the log says before it: ferry job log JOB");
    }
    fy_error_set(err, code, "%s failed: %s: %s (%s%s)", what, finding->known->words, finding->cause, log_path, place);
    return fy_error_next(err, "%s", finding->known->next);
}

/* What the runtime itself said is all there is. */
static int say_fallback(const char *what, const char *log_path, const char *fallback, const char *log_state,
                        enum fy_code code, struct fy_error *err)
{
    struct finding finding = {0};
    if (!fallback || !*fallback || fy_evidence_is_harmless(fallback)) {
        fy_error_set(err, code, "%s failed, and nothing says why: the log %s %s", what, log_path, log_state);
        return fy_error_next(err, "look at the kernel's log (dmesg) for a program that was killed");
    }
    keep_finding(&finding, fallback, 0, fy_evidence_find_cause(fallback));
    fy_error_set(err, code, "%s failed: %s%s%s (the log %s %s)", what, finding.known ? finding.known->words : "",
                 finding.known ? ": " : "", finding.cause, log_path, log_state);
    return finding.known ? fy_error_next(err, "%s", finding.known->next) : -1;
}

int fy_evidence_from_log(const char *what, const char *log_path, const char *fallback, enum fy_code code,
                         struct fy_error *err)
{
    struct log_tail tail = {0};
    struct finding finding = {{0}, 0, NULL};
    if (read_tail(log_path, &tail, NULL) < 0)
        return say_fallback(what, log_path, fallback, "is not there", code, err);
    find(&tail, &finding);
    free(tail.text);
    if (tail.size == 0)
        return say_fallback(what, log_path, fallback, "is empty", code, err);
    if (!finding.cause[0])
        return say_fallback(what, log_path, fallback, "names no error", code, err);
    return say_finding(what, log_path, &finding, code, err);
}

/* "(00.123456)  42: text" */
static const char *without_time(const char *line)
{
    const char *end = line[0] == '(' ? strchr(line, ')') : NULL;
    line = end ? end + 1 : line;
    return line + strspn(line, " \t");
}

void fy_evidence_last_words(const char *log_path, char *words, size_t words_size)
{
    struct log_tail tail = {0};
    words[0] = '\0';
    if (read_tail(log_path, &tail, NULL) < 0)
        return;
    size_t end = tail.size;
    while (end > 0 && strchr(" \t\r\n", tail.text[end - 1]))
        end--;
    tail.text[end] = '\0';
    const char *line = strrchr(tail.text, '\n');
    fy_text_copy_printable(words, words_size, without_time(line ? line + 1 : tail.text));
    free(tail.text);
}
