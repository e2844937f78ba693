/* First all there is, then without what is in front of the marks, then with long names shortened; and if that is not
 * enough, the same without one column more. */
#include "table_shape.h"
#include "wrap.h"

#include <string.h>

#define NAME_LEAST 16u /* a shortened name still says which one it is */
#define TEXT_LEAST 20u /* with less beside the other columns it stands below them */

size_t table_shape_heading(struct table_column *column, const char *text, size_t size)
{
    size_t signs = 0;
    for (; signs < size && strchr(">~-=", text[signs]); signs++) {
        column->right |= text[signs] == '>';
        column->shortens |= text[signs] == '~';
        column->leaves |= text[signs] == '-';
        column->text |= text[signs] == '=';
    }
    return signs;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void raise_to(size_t *most, size_t value)
{
    *most = *most > value ? *most : value;
}

void table_shape_measure(struct table_column *column, const char *text, size_t size)
{
    const char *mark = memchr(text, TABLE_MARK[0], size);
    size_t brief = mark ? wrap_columns(mark + 1, (size_t)(text + size - mark - 1)) : wrap_columns(text, size);
    raise_to(&column->full, brief + (mark ? wrap_columns(text, (size_t)(mark - text)) : 0));
    raise_to(&column->brief, brief);
    raise_to(&column->least, column->shortens && !mark ? least(brief, NAME_LEAST) : brief);
}

/* ---- fitting ---- */

static size_t total(const struct table_shape *shape)
{
    size_t columns = 0;
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        if (shape->columns[i].full && !shape->columns[i].left_out)
            columns += shape->columns[i].width + (columns ? strlen(TABLE_GAP) : 0);
    return columns;
}

static void set_widths(struct table_shape *shape, bool brief, size_t text_least)
{
    for (size_t i = 0; i < TABLE_COLUMNS; i++) {
        struct table_column *column = &shape->columns[i];
        column->width = brief ? column->brief : column->full;
        if (column->text)
            column->width = least(column->width, text_least);
    }
}

static bool shorten(struct table_shape *shape, size_t width)
{
    for (size_t over = total(shape); over > width; over--) {
        struct table_column *widest = NULL;
        for (size_t i = 0; i < TABLE_COLUMNS; i++) {
            struct table_column *column = &shape->columns[i];
            if (!column->left_out && column->width > column->least && column->shortens &&
                (!widest || column->width > widest->width))
                widest = column;
        }
        if (!widest)
            return false;
        widest->width--;
    }
    return true;
}

static bool fit_all(struct table_shape *shape, size_t width, size_t text_least)
{
    set_widths(shape, false, text_least);
    if (total(shape) <= width)
        return true;
    set_widths(shape, true, text_least);
    return shorten(shape, width);
}

static bool leave_one_out(struct table_shape *shape)
{
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        if (shape->columns[i].leaves && !shape->columns[i].left_out)
            return shape->columns[i].left_out = true;
    return false;
}

static bool fit(struct table_shape *shape, size_t width, size_t text_least)
{
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        shape->columns[i].left_out = false;
    while (!fit_all(shape, width, text_least))
        if (!leave_one_out(shape))
            return false;
    return true;
}

void table_shape_fit(struct table_shape *shape, size_t width)
{
    if (!width)
        set_widths(shape, false, SIZE_MAX);
    else if (!fit(shape, width, TEXT_LEAST))
        (void)fit(shape, width, 0);
}

/* ---- one cell ---- */

/* So many columns of it, from its beginning. */
static size_t bytes_of(const char *text, size_t size, size_t columns)
{
    size_t at = 0;
    while (at < size && wrap_columns(text, at + 1) <= columns)
        at++;
    return at;
}

struct table_piece table_shape_cut(const struct table_column *column, const char *text, size_t size)
{
    const char *mark = memchr(text, TABLE_MARK[0], size);
    size_t before = mark ? (size_t)(mark - text) : 0;
    const char *rest = mark ? mark + 1 : text;
    size_t rest_size = (size_t)(text + size - rest), columns = wrap_columns(rest, rest_size);
    struct table_piece whole = {.head = text, .head_size = before, .tail = rest, .tail_size = rest_size};
    if (column->text || wrap_columns(text, before) + columns <= column->width)
        return whole;
    whole.head_size = 0;
    if (mark || columns <= column->width || column->width < 2)
        return whole;
    size_t tail_columns = (column->width - 1) / 2;
    size_t tail_at = bytes_of(text, size, columns - tail_columns);
    return (struct table_piece){.head = text,
                                .head_size = bytes_of(text, size, column->width - 1 - tail_columns),
                                .tail = text + tail_at,
                                .tail_size = size - tail_at,
                                .shortened = true};
}
