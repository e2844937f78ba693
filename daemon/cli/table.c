/* Twice over the cells: to measure, to write. */
#include "table.h"
#include "table_shape.h"
#include "wrap.h"

#include <string.h>

#define BESIDE_LEAST 40u /* text goes on in its own column where that has so much room */
#define BELOW_INDENT 4u

struct cell {
    const char *text;
    size_t size;
    size_t column;
    bool is_last; /* of its line */
};

static bool next_cell(const char **at, const char *end, size_t *column, struct cell *cell)
{
    if (*at >= end)
        return false;
    const char *line_end = memchr(*at, '\n', (size_t)(end - *at));
    line_end = line_end ? line_end : end;
    const char *tab = *column + 1 < TABLE_COLUMNS ? memchr(*at, '\t', (size_t)(line_end - *at)) : NULL;
    const char *stop = tab ? tab : line_end;
    *cell = (struct cell){.text = *at, .size = (size_t)(stop - *at), .column = *column, .is_last = !tab};
    *at = stop + 1;
    *column = tab ? *column + 1 : 0;
    return true;
}

static void skip_signs(struct cell *cell, struct table_column *column)
{
    size_t signs = table_shape_heading(column, cell->text, cell->size);
    cell->text += signs;
    cell->size -= signs;
}

static void measure(const struct fy_buf *cells, struct table_shape *shape)
{
    const char *at = (const char *)cells->data, *end = at + cells->size;
    struct cell cell;
    bool heading = true;
    for (size_t column = 0; next_cell(&at, end, &column, &cell); heading = heading && !cell.is_last) {
        if (heading)
            skip_signs(&cell, &shape->columns[cell.column]);
        table_shape_measure(&shape->columns[cell.column], cell.text, cell.size);
    }
}

/* ---- writing ---- */

struct writing {
    struct table_shape shape;
    size_t width;
    struct fy_buf line;
    size_t text_at; /* where in it the text begins that may go on below; 0: there is none */
    struct fy_buf *text;
};

static size_t trimmed(const char *line, size_t size)
{
    while (size && line[size - 1] == ' ')
        size--;
    return size;
}

/* Nothing can make it fit: lines are broken between cells. */
static bool is_full(const struct writing *w, size_t columns)
{
    size_t used = wrap_columns((const char *)w->line.data, w->line.size);
    return w->width && used > WRAP_STEP && used + columns > w->width;
}

static int go_on_below(struct writing *w, struct fy_error *err)
{
    const char *line = (const char *)w->line.data;
    if (fy_buf_printf(w->text, err, "%.*s\n", (int)trimmed(line, w->line.size), line) < 0)
        return -1;
    w->line.size = 0;
    return fy_buf_printf(&w->line, err, "%*s", WRAP_STEP, "");
}

static int add_cell(struct writing *w, const struct cell *cell, struct fy_error *err)
{
    const struct table_column *column = &w->shape.columns[cell->column];
    if (column->left_out)
        return 0;
    struct table_piece piece = table_shape_cut(column, cell->text, cell->size);
    size_t columns =
        wrap_columns(piece.head, piece.head_size) + piece.shortened + wrap_columns(piece.tail, piece.tail_size);
    int fill = columns < column->width ? (int)(column->width - columns) : 0;
    if (column->text)
        w->text_at = w->line.size;
    else if (is_full(w, columns)) {
        fill = 0;
        if (go_on_below(w, err) < 0)
            return -1;
    }
    if (fy_buf_printf(&w->line, err, "%*s%.*s%s%.*s", column->right ? fill : 0, "", (int)piece.head_size, piece.head,
                      piece.shortened ? "\u2026" : "", (int)piece.tail_size, piece.tail) < 0)
        return -1;
    return cell->is_last ? 0 : fy_buf_printf(&w->line, err, "%*s" TABLE_GAP, column->right ? 0 : fill, "");
}

/* The text of a line that is too long: beside the other columns, or on lines below them. */
static int end_with_text(struct writing *w, struct fy_error *err)
{
    char *line = (char *)w->line.data, *below = line + w->text_at - BELOW_INDENT;
    size_t beside = wrap_columns(line, w->text_at);
    if (w->width >= beside + BESIDE_LEAST)
        return wrap_line(line, w->line.size, beside, w->width, w->text, err);
    if (fy_buf_printf(w->text, err, "%.*s\n", (int)trimmed(line, w->text_at), line) < 0)
        return -1;
    memset(below, ' ', BELOW_INDENT);
    return wrap_line(below, w->line.size - w->text_at + BELOW_INDENT, BELOW_INDENT, w->width, w->text, err);
}

static int end_line(struct writing *w, struct fy_error *err)
{
    const char *line = (const char *)w->line.data;
    int result;
    w->line.size = trimmed(line, w->line.size);
    bool long_one = w->width && wrap_columns(line, w->line.size) > w->width;
    if (long_one && w->text_at >= BELOW_INDENT && w->text_at < w->line.size)
        result = end_with_text(w, err);
    else
        result = fy_buf_append(w->text, line, w->line.size, err);
    w->line.size = 0;
    w->text_at = 0;
    return result < 0 ? -1 : fy_buf_append(w->text, "\n", 1, err);
}

static int write_all(struct writing *w, const struct fy_buf *cells, struct fy_error *err)
{
    const char *at = (const char *)cells->data, *end = at + cells->size;
    struct cell cell;
    bool heading = true;
    for (size_t column = 0; next_cell(&at, end, &column, &cell); heading = heading && !cell.is_last) {
        if (heading)
            skip_signs(&cell, &w->shape.columns[cell.column]);
        if (add_cell(w, &cell, err) < 0 || (cell.is_last && end_line(w, err) < 0))
            return -1;
    }
    return 0;
}

int table_format(const struct fy_buf *cells, size_t width, struct fy_buf *text, struct fy_error *err)
{
    struct writing writing = {.width = width, .text = text};
    fy_buf_init(&writing.line, 0);
    measure(cells, &writing.shape);
    table_shape_fit(&writing.shape, width);
    int result = write_all(&writing, cells, err);
    fy_buf_done(&writing.line);
    return result;
}
