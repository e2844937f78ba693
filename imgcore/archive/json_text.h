/* JSON from an archive, as a tree. Private to the library. */
#ifndef FERRY_ARCHIVE_JSON_TEXT_H
#define FERRY_ARCHIVE_JSON_TEXT_H

#include <ferry/base/error.h>
#include <stddef.h>
#include <yajl/yajl_tree.h>

/* `text` ends with a NUL; `what` is named in FY_E_FORMAT. To be freed with yajl_tree_free(). */
int json_text_parse(const char *text, size_t size, const char *what, yajl_val *tree, struct fy_error *err);
/* The string at a path of names of objects, or NULL. */
const char *json_text_string(yajl_val tree, const char *first, const char *second);
/* The number of that name, or -1. */
long long json_text_number(yajl_val tree, const char *name);
/* The array of that name, or NULL. */
yajl_val json_text_array(yajl_val tree, const char *name);

#endif
