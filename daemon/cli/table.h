/* Tables whose columns are as wide as what is in them, and on a terminal no wider than it. */
#ifndef FERRY_CLI_TABLE_H
#define FERRY_CLI_TABLE_H

#include <ferry/base/buf.h>

#define TABLE_COLUMNS 8
/* In a cell: what stands in front of it may be left out where there is no room, what comes after it stays whole. */
#define TABLE_MARK "\001"

/* `cells`: lines of cells that tabs part, the first line is the heading. Signs in front of a heading tell of its
 * column:
 * '>' it is set flush right; for a terminal, '~' its cells may be shortened in the middle, '-' it may be left out, the
 * first one first, '=' it is text, and goes on below where it is too long. Beyond TABLE_COLUMNS the rest of a line is
 * one cell. The last column is not filled up. `width`: the terminal's columns; 0: there is none, all is printed on its
 * line. */
int table_format(const struct fy_buf *cells, size_t width, struct fy_buf *text, struct fy_error *err);

#endif
