/* How wide the columns of a table are, and which are there: for a terminal they are made to fit. */
#ifndef FERRY_CLI_TABLE_SHAPE_H
#define FERRY_CLI_TABLE_SHAPE_H

#include "table.h"

#include <stdbool.h>

#define TABLE_GAP "  "

struct table_column {
    bool right, shortens, leaves, text; /* what the heading says (table.h) */
    size_t full;                        /* what its widest cell takes */
    size_t brief;                       /* the same without what stands in front of the marks */
    size_t least;                       /* to this it may be shortened; no more than `brief` */
    size_t width;                       /* what it is to be */
    bool left_out;
};

struct table_shape {
    struct table_column columns[TABLE_COLUMNS];
};

/* The signs in front of a heading, and how many there are. */
size_t table_shape_heading(struct table_column *column, const char *text, size_t size);
/* Takes a cell into account. */
void table_shape_measure(struct table_column *column, const char *text, size_t size);
/* Sets `width` and `left_out`, for a line of at most `width` columns; 0: of any length. Where that can't be, lines are
 * longer. */
void table_shape_fit(struct table_shape *shape, size_t width);
/* What of a cell is printed in so many columns: `head`, an ellipsis if it says so, `tail`. */
struct table_piece {
    const char *head, *tail;
    size_t head_size, tail_size;
    bool shortened;
};
struct table_piece table_shape_cut(const struct table_column *column, const char *text, size_t size);

#endif
