/* Text for a terminal: long lines are broken between words, not wherever the window ends. */
#ifndef FERRY_CLI_WRAP_H
#define FERRY_CLI_WRAP_H

#include <ferry/base/buf.h>
#include <stdio.h>

#define WRAP_STEP 2 /* so much further a line without such a name goes on */

/* How many columns it takes: continuation bytes of UTF-8 and the terminal's attributes take none. */
size_t wrap_columns(const char *text, size_t size);
/* One line, without a newline; what does not fit goes on below, `indent` columns from the left. */
int wrap_line(const char *line, size_t size, size_t indent, size_t width, struct fy_buf *out, struct fy_error *err);
/* Lines of more than `width` columns are broken at blanks and go on below where their text begins: after "  name    ",
 * or WRAP_STEP further than the line. A word that is too long alone stays whole. */
int wrap_text(const char *text, size_t size, size_t width, struct fy_buf *out, struct fy_error *err);
/* Writes it: broken for a terminal, as it is for anything else. */
void wrap_write(FILE *file, const char *text, size_t size);

#endif
