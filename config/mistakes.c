/* Collecting mistakes and reporting them in file order. */
#include "mistakes.h"
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#include <stdarg.h>
#include <string.h>

void config_mistakes_init(struct mistakes *mistakes, const char *file_name)
{
    memset(mistakes, 0, sizeof *mistakes);
    mistakes->file_name = file_name;
}

void config_mistakes_done(struct mistakes *mistakes)
{
    for (size_t i = 0; i < mistakes->count; i++)
        free(mistakes->list[i].text);
    config_mistakes_init(mistakes, mistakes->file_name);
}

void config_mistakes_no_memory(struct mistakes *mistakes)
{
    fy_error_set(&mistakes->fatal, FY_E_NOMEM, "no memory to read %s", mistakes->file_name);
}

bool config_mistakes_none(const struct mistakes *mistakes)
{
    return !mistakes->total && !fy_error_is_set(&mistakes->fatal);
}

void config_mistakes_add(struct mistakes *mistakes, unsigned line, unsigned column, const char *format, ...)
{
    FY_AUTO_FREE char *raw = NULL;
    mistakes->total++;
    if (mistakes->count == MAX_MISTAKES)
        return;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&raw, format, args);
    va_end(args);
    if (length < 0) {
        raw = NULL; /* undefined after a failure */
        config_mistakes_no_memory(mistakes);
        return;
    }
    char *text = fy_text_printable(raw, (size_t)length); /* it quotes the file */
    if (!text) {
        config_mistakes_no_memory(mistakes);
        return;
    }
    mistakes->list[mistakes->count++] = (struct mistake){line, column, mistakes->total, text};
}

static int in_file_order(const void *left, const void *right)
{
    const struct mistake *a = left, *b = right;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static int list_all(const struct mistakes *mistakes, const char *file_name, char **errors, struct fy_error *err)
{
    struct fy_buf lines;
    fy_buf_init(&lines, 0);
    for (size_t i = 0; i < mistakes->count; i++) {
        const struct mistake *mistake = &mistakes->list[i];
        if (fy_buf_printf(&lines, err, "%s:%u:%u: %s\n", file_name, mistake->line, mistake->column, mistake->text)) {
            fy_buf_done(&lines);
            return -1;
        }
    }
    *errors = fy_buf_take_string(&lines);
    if (!*errors) {
        fy_buf_done(&lines);
        return fy_error_set(err, FY_E_NOMEM, "no memory to list the mistakes of %s", file_name);
    }
    return 0;
}

int config_mistakes_report(struct mistakes *mistakes, char **errors, struct fy_error *err)
{
    if (config_mistakes_none(mistakes))
        return 0;
    FY_AUTO_FREE char *file_name = fy_text_printable(mistakes->file_name, strlen(mistakes->file_name));
    if (!file_name)
        config_mistakes_no_memory(mistakes);
    if (fy_error_is_set(&mistakes->fatal)) {
        fy_error_propagate(err, &mistakes->fatal);
        return -1;
    }
    qsort(mistakes->list, mistakes->count, sizeof mistakes->list[0], in_file_order);
    if (errors && list_all(mistakes, file_name, errors, err))
        return -1;
    const struct mistake *first = &mistakes->list[0];
    size_t more = mistakes->total - 1;
    if (!more)
        return fy_error_set(err, FY_E_CONFIG, "%s:%u:%u: %s", file_name, first->line, first->column, first->text);
    return fy_error_set(err, FY_E_CONFIG, "%s:%u:%u: %s (and %zu more mistake%s)", file_name, first->line,
                        first->column, first->text, more, more > 1 ? "s" : "");
}
