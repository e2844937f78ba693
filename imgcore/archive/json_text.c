/* yajl frees its trees by recursion, so how deep a hostile text goes is looked at before. */
#include "json_text.h"

#include <stdbool.h>
#include <string.h>

#define DEPTH_LIMIT 64

static bool is_shallow(const char *text, size_t size)
{
    bool in_string = false;
    int depth = 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']'))
            depth--;
        if (depth > DEPTH_LIMIT)
            return false;
    }
    return true;
}

int json_text_parse(const char *text, size_t size, const char *what, yajl_val *tree, struct fy_error *err)
{
    char reason[256] = "";
    if (strlen(text) != size || !is_shallow(text, size))
        return fy_error_set(err, FY_E_FORMAT, "%s in the archive is not JSON that ferry reads", what);
    *tree = yajl_tree_parse(text, reason, sizeof reason);
    if (*tree)
        return 0;
    reason[strcspn(reason, "\n")] = '\0';
    return fy_error_set(err, FY_E_FORMAT, "%s in the archive is not JSON: %s", what, reason);
}

const char *json_text_string(yajl_val tree, const char *first, const char *second)
{
    const char *path[] = {first, second, NULL};
    return YAJL_GET_STRING(yajl_tree_get(tree, path, yajl_t_string));
}

long long json_text_number(yajl_val tree, const char *name)
{
    const char *path[] = {name, NULL};
    yajl_val value = yajl_tree_get(tree, path, yajl_t_number);
    return YAJL_IS_INTEGER(value) ? YAJL_GET_INTEGER(value) : -1;
}

yajl_val json_text_array(yajl_val tree, const char *name)
{
    const char *path[] = {name, NULL};
    return yajl_tree_get(tree, path, yajl_t_array);
}
