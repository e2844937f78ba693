/* The mistakes of one file, collected while it is read, so that its author sees all of them at once. */
#ifndef FERRY_CONFIG_MISTAKES_H
#define FERRY_CONFIG_MISTAKES_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>

#define MAX_MISTAKES 100 /* kept and shown; the rest is only counted */

struct mistake {
    unsigned line, column; /* from 1 */
    size_t order;          /* in which it was found */
    char *text;
};

struct mistakes {
    const char *file_name; /* borrowed */
    struct mistake list[MAX_MISTAKES];
    size_t count; /* in `list` */
    size_t total;
    struct fy_error fatal; /* no memory: nothing can be said about the file */
};

void config_mistakes_init(struct mistakes *mistakes, const char *file_name);
void config_mistakes_done(struct mistakes *mistakes);
__attribute__((format(printf, 4, 5))) void config_mistakes_add(struct mistakes *mistakes, unsigned line,
                                                               unsigned column, const char *format, ...);
void config_mistakes_no_memory(struct mistakes *mistakes);
/* Whether nothing is wrong. */
bool config_mistakes_none(const struct mistakes *mistakes);
/* 0 when nothing is wrong. Else -1: `err` gets the first mistake in file order and how many follow, *errors (may be
 * NULL) all of them, a line each. */
int config_mistakes_report(struct mistakes *mistakes, char **errors, struct fy_error *err);

#endif
