/* Twice over the cells: to measure, to write. */
#include "table.h"

#include <stdbool.h>
#include <string.h>

#define GAP "  "
#define FLUSH_RIGHT '>'

struct shape {
    size_t width[TABLE_COLUMNS];
    bool right[TABLE_COLUMNS];
};

struct cell {
    const char *text;
    size_t size;
    size_t column;
    bool is_last; /* of its line */
};

/* Continuation bytes of UTF-8 take no column. */
static size_t columns_of(const struct cell *cell)
{
    size_t columns = 0;
    for (size_t i = 0; i < cell->size; i++)
        columns += ((unsigned char)cell->text[i] & 0xc0) != 0x80;
    return columns;
}

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

static void measure(const struct fy_buf *cells, struct shape *shape)
{
    const char *at = (const char *)cells->data, *end = at + cells->size;
    struct cell cell;
    bool heading = true;
    for (size_t column = 0; next_cell(&at, end, &column, &cell); heading = heading && !cell.is_last) {
        size_t columns = columns_of(&cell);
        if (heading && cell.size && cell.text[0] == FLUSH_RIGHT) {
            shape->right[cell.column] = true;
            columns--;
        }
        if (columns > shape->width[cell.column])
            shape->width[cell.column] = columns;
    }
}

static int write_cell(const struct cell *cell, const struct shape *shape, struct fy_buf *text, struct fy_error *err)
{
    bool right = shape->right[cell->column];
    int fill = (int)(shape->width[cell->column] - columns_of(cell));
    if (fy_buf_printf(text, err, "%*s%.*s", right ? fill : 0, "", (int)cell->size, cell->text) < 0)
        return -1;
    if (!cell->is_last)
        return fy_buf_printf(text, err, "%*s" GAP, right ? 0 : fill, "");
    while (text->size && text->data[text->size - 1] == ' ')
        text->size--;
    return fy_buf_append(text, "\n", 1, err);
}

int table_format(const struct fy_buf *cells, struct fy_buf *text, struct fy_error *err)
{
    const char *at = (const char *)cells->data, *end = at + cells->size;
    struct shape shape = {0};
    struct cell cell;
    bool heading = true;
    measure(cells, &shape);
    for (size_t column = 0; next_cell(&at, end, &column, &cell); heading = heading && !cell.is_last) {
        if (heading && shape.right[cell.column]) {
            cell.text++;
            cell.size--;
        }
        if (write_cell(&cell, &shape, text, err) < 0)
            return -1;
    }
    return 0;
}
