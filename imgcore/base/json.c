/* JSON documents over yajl's generator. The text goes into a buffer of our own, because yajl's does not survive a
 * failed allocation; after the first error nothing is written any more. */
#include <ferry/base/buf.h>
#include <ferry/base/json.h>
#include <ferry/base/utf8.h>

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#define MAX_DEPTH 64 /* below yajl's own 128 */

struct fy_json {
    yajl_gen gen;
    struct fy_buf text;
    struct fy_error err;
    unsigned depth;
    bool in_object[MAX_DEPTH];
};

static void append(void *context, const char *text, size_t size)
{
    struct fy_json *json = context;
    (void)fy_buf_append(&json->text, text, size, &json->err);
}

struct fy_json *fy_json_new(bool pretty)
{
    struct fy_json *json = calloc(1, sizeof *json);
    if (!json)
        return NULL;
    json->gen = yajl_gen_alloc(NULL);
    if (!json->gen) {
        free(json);
        return NULL;
    }
    (void)yajl_gen_config(json->gen, yajl_gen_print_callback, append, json);
    if (pretty) {
        (void)yajl_gen_config(json->gen, yajl_gen_beautify, 1);
        (void)yajl_gen_config(json->gen, yajl_gen_indent_string, "  ");
    }
    return json;
}

void fy_json_free(struct fy_json *json)
{
    if (!json)
        return;
    yajl_gen_free(json->gen);
    fy_buf_done(&json->text);
    free(json);
}

static void check(struct fy_json *json, yajl_gen_status status)
{
    if (status != yajl_gen_status_ok)
        fy_error_set(&json->err, FY_E_INTERNAL, "JSON generator refused a value (status %d)", (int)status);
}

/* Most text is well-formed and goes to yajl as it is; only the rest is copied with U+FFFD in place of stray bytes. */
static size_t valid_prefix(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        uint32_t c;
        size_t length = fy_utf8_next(text + at, size - at, &c);
        if (!length)
            break;
        at += length;
    }
    return at;
}

static void put_text(struct fy_json *json, const char *text)
{
    size_t size = strlen(text), at = valid_prefix(text, size);
    struct fy_buf clean;
    if (at == size) {
        check(json, yajl_gen_string(json->gen, (const unsigned char *)text, size));
        return;
    }
    fy_buf_init(&clean, 0);
    (void)fy_buf_append(&clean, text, at, &json->err);
    while (at < size) {
        (void)fy_buf_append(&clean, "\xef\xbf\xbd", 3, &json->err);
        at++;
        size_t length = valid_prefix(text + at, size - at);
        (void)fy_buf_append(&clean, text + at, length, &json->err);
        at += length;
    }
    if (!fy_error_is_set(&json->err))
        check(json, yajl_gen_string(json->gen, clean.data, clean.size));
    fy_buf_done(&clean);
}

/* Writes the key if the place wants one; false when nothing more may be written. */
static bool begin(struct fy_json *json, const char *key)
{
    bool wants_key = json->depth && json->in_object[json->depth - 1];
    if (fy_error_is_set(&json->err))
        return false;
    if (wants_key != (key != NULL)) {
        fy_error_set(&json->err, FY_E_INTERNAL, "JSON: %s",
                     key ? "a key outside of an object" : "a member without key");
        return false;
    }
    if (key)
        put_text(json, key);
    return !fy_error_is_set(&json->err);
}

static void open_container(struct fy_json *json, const char *key, bool object)
{
    if (!begin(json, key))
        return;
    if (json->depth == MAX_DEPTH) {
        fy_error_set(&json->err, FY_E_LIMIT, "JSON: nested deeper than %d", MAX_DEPTH);
        return;
    }
    json->in_object[json->depth++] = object;
    check(json, object ? yajl_gen_map_open(json->gen) : yajl_gen_array_open(json->gen));
}

static void close_container(struct fy_json *json, bool object)
{
    if (fy_error_is_set(&json->err))
        return;
    if (!json->depth || json->in_object[json->depth - 1] != object) {
        fy_error_set(&json->err, FY_E_INTERNAL, "JSON: closed %s that is not open", object ? "an object" : "an array");
        return;
    }
    json->depth--;
    check(json, object ? yajl_gen_map_close(json->gen) : yajl_gen_array_close(json->gen));
}

void fy_json_open_object(struct fy_json *json, const char *key)
{
    open_container(json, key, true);
}

void fy_json_close_object(struct fy_json *json)
{
    close_container(json, true);
}

void fy_json_open_array(struct fy_json *json, const char *key)
{
    open_container(json, key, false);
}

void fy_json_close_array(struct fy_json *json)
{
    close_container(json, false);
}

void fy_json_string(struct fy_json *json, const char *key, const char *value)
{
    if (!value)
        fy_json_null(json, key);
    else if (begin(json, key))
        put_text(json, value);
}

/* yajl knows signed integers and doubles with 17 digits only; the text of a number is ours. */
__attribute__((format(printf, 3, 4))) static void put_number(struct fy_json *json, const char *key, const char *format,
                                                             ...)
{
    char text[352]; /* DBL_MAX with three decimals has 313 characters */
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length > 0 && begin(json, key))
        check(json, yajl_gen_number(json->gen, text, (size_t)length));
}

void fy_json_uint(struct fy_json *json, const char *key, uint64_t value)
{
    put_number(json, key, "%" PRIu64, value);
}

void fy_json_int(struct fy_json *json, const char *key, int64_t value)
{
    put_number(json, key, "%" PRId64, value);
}

void fy_json_number(struct fy_json *json, const char *key, double value)
{
    if (isfinite(value))
        put_number(json, key, "%.3f", value);
    else
        fy_json_null(json, key);
}

void fy_json_bool(struct fy_json *json, const char *key, bool value)
{
    if (begin(json, key))
        check(json, yajl_gen_bool(json->gen, value));
}

void fy_json_null(struct fy_json *json, const char *key)
{
    if (begin(json, key))
        check(json, yajl_gen_null(json->gen));
}

int fy_json_finish(struct fy_json *json, char **text, struct fy_error *err)
{
    if (!fy_error_is_set(&json->err) && (json->depth || !json->text.size))
        fy_error_set(&json->err, FY_E_INTERNAL, "JSON: the document is not complete");
    if (fy_error_is_set(&json->err)) {
        fy_error_propagate(err, &json->err);
        return -1;
    }
    if (json->text.data[json->text.size - 1] == '\n') /* yajl ends an indented document with one */
        json->text.size--;
    char *taken = fy_buf_take_string(&json->text);
    if (!taken)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a JSON document");
    *text = taken;
    return 0;
}
