/* One line at a time: its indent, then as many words as fit. */
#include "wrap.h"
#include "terminal.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define MOST_INDENT 40u

size_t wrap_columns(const char *text, size_t size)
{
    size_t columns = 0;
    bool escape = false;
    for (size_t i = 0; i < size; i++) {
        escape = escape || text[i] == '\033';
        columns += !escape && ((unsigned char)text[i] & 0xc0) != 0x80;
        escape = escape && text[i] != 'm';
    }
    return columns;
}

static size_t blanks_at(const char *line, size_t size, size_t at)
{
    size_t count = 0;
    while (at + count < size && line[at + count] == ' ')
        count++;
    return count;
}

/* Where the text of a line with a name before it begins: "  image set  1 GiB" at 13. */
static size_t indent_of(const char *line, size_t size)
{
    size_t lead = blanks_at(line, size, 0), at = lead, gap = 0;
    for (; at < size && (gap = blanks_at(line, size, at)) < 2;)
        at += gap ? gap : 1;
    bool named = lead && gap > 1 && at + gap < size && at + gap <= MOST_INDENT;
    return named ? at + gap : lead + WRAP_STEP;
}

/* How much of the line fits, up to a blank; at least a word, and never only what indents it. */
static size_t fitting(const char *line, size_t size, size_t from, size_t width)
{
    size_t best = 0;
    for (size_t at = from; at <= size; at++) {
        if ((at < size && line[at] != ' ') || (at && line[at - 1] == ' '))
            continue;
        if (best && wrap_columns(line, at) > width)
            break;
        if (at > from)
            best = at;
    }
    return best ? best : size;
}

int wrap_line(const char *line, size_t size, size_t indent, size_t width, struct fy_buf *out, struct fy_error *err)
{
    if (wrap_columns(line, size) <= width)
        return fy_buf_append(out, line, size, err);
    size_t taken = fitting(line, size, indent < size ? indent : 0, width);
    if (fy_buf_append(out, line, taken, err) < 0)
        return -1;
    for (size_t at = taken; at < size; at += taken) {
        at += blanks_at(line, size, at);
        taken = fitting(line + at, size - at, 0, width > indent ? width - indent : 1);
        if (at < size && fy_buf_printf(out, err, "\n%*s%.*s", (int)indent, "", (int)taken, line + at) < 0)
            return -1;
    }
    return 0;
}

int wrap_text(const char *text, size_t size, size_t width, struct fy_buf *out, struct fy_error *err)
{
    for (const char *end = text + size; text < end;) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((stop ? stop : end) - text);
        if (wrap_line(text, length, indent_of(text, length), width, out, err) < 0 ||
            (stop && fy_buf_append(out, "\n", 1, err) < 0))
            return -1;
        text += length + (stop ? 1 : 0);
    }
    return 0;
}

void wrap_write(FILE *file, const char *text, size_t size)
{
    struct fy_buf out;
    fy_buf_init(&out, 0);
    if (isatty(fileno(file)) && wrap_text(text, size, terminal_width(), &out, NULL) == 0)
        (void)fwrite(out.data, 1, out.size, file);
    else
        (void)fwrite(text, 1, size, file);
    fy_buf_done(&out);
}
