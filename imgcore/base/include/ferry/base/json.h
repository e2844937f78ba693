/* Writing JSON: a thin layer over yajl's generator, so that one call writes one member of an object.
 * The first error (no memory, over 64 levels, a wrong nesting) is kept and reported once at the end. */
#ifndef FERRY_BASE_JSON_H
#define FERRY_BASE_JSON_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stdint.h>

struct fy_json;

/* `pretty`: indented by two, else on one line. NULL when there is no memory. */
struct fy_json *fy_json_new(bool pretty);
void fy_json_free(struct fy_json *json);
/* `key` is NULL inside an array and for the outermost value. */
void fy_json_open_object(struct fy_json *json, const char *key);
void fy_json_close_object(struct fy_json *json);
void fy_json_open_array(struct fy_json *json, const char *key);
void fy_json_close_array(struct fy_json *json);
/* A NULL `value` is written as null. Bytes that are not UTF-8 become U+FFFD. */
void fy_json_string(struct fy_json *json, const char *key, const char *value);
void fy_json_uint(struct fy_json *json, const char *key, uint64_t value);
void fy_json_int(struct fy_json *json, const char *key, int64_t value);
/* With three decimals, for milliseconds and rates. What is not finite is written as null. */
void fy_json_number(struct fy_json *json, const char *key, double value);
void fy_json_bool(struct fy_json *json, const char *key, bool value);
void fy_json_null(struct fy_json *json, const char *key);
/* The finished text, owned by the caller (free()), without a final newline; -1 with `err` if anything went wrong. */
int fy_json_finish(struct fy_json *json, char **text, struct fy_error *err);

#endif
