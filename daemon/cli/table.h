/* Tables whose columns are as wide as what is in them. */
#ifndef FERRY_CLI_TABLE_H
#define FERRY_CLI_TABLE_H

#include <ferry/base/buf.h>

#define TABLE_COLUMNS 8

/* `cells`: lines of cells that tabs part, the first line is the heading; a heading that begins with '>' has its column
 * set flush right. Beyond TABLE_COLUMNS the rest of a line is one cell. The last column is not filled up. */
int table_format(const struct fy_buf *cells, struct fy_buf *text, struct fy_error *err);

#endif
