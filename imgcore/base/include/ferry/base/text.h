/* Small text helpers: lists of strings, nearest word for a misspelt one, sizes and durations for people. */
#ifndef FERRY_BASE_TEXT_H
#define FERRY_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The word of `words` (`count` of them) nearest to `word` by edit distance, or NULL when none is near enough to be
 * what was meant (more than a third of its letters differ; case is ignored). */
const char *fy_text_nearest(const char *word, const char *const *words, size_t count);

/* "512 B", "1.5 MiB", … into `text`. */
#define FY_TEXT_SIZE 32
void fy_text_bytes(uint64_t bytes, char text[FY_TEXT_SIZE]);
/* "0.8 ms", "312 ms", "12.3 s", "4m05s", … into `text`. */
void fy_text_duration(uint64_t ns, char text[FY_TEXT_SIZE]);
/* Decimal digits only, whole string, at most `max`. */
bool fy_text_parse_uint(const char *text, uint64_t max, uint64_t *value);
/* A copy in which control characters (also C1 and bidirectional marks) and bytes that are not UTF-8 are replaced by
 * '?', for showing what came from outside; free() it. NULL: no memory. */
char *fy_text_printable(const char *text, size_t size);
/* The same into an array of `to_size` bytes, cut to fit; "" for NULL, "?" when there is no memory. */
void fy_text_copy_printable(char *to, size_t to_size, const char *text);

#endif
