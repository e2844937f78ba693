/* What kind of terminal standard output is. */
#ifndef FERRY_CLI_TERMINAL_H
#define FERRY_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* A terminal on which a line can be drawn again. */
bool terminal_is_live(void);
/* Attributes may be used: a live terminal, and NO_COLOR is not set. */
bool terminal_has_colour(void);
size_t terminal_width(void);

#endif
