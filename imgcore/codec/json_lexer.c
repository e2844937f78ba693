/* The structure of JSON: values, keys, elements, numbers, words. Strings are in json_string.c. */
#include "json_lexer.h"
#include "json_window.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES_MAX 512 /* what any number of JSON may take here; integers take 20 */

int fy_json_lexer_init(struct json_lexer *lexer, fy_read_fn *read, void *data, const char *label, struct fy_error *err)
{
    uint8_t *window = malloc(JSON_WINDOW_BYTES);

    if (!window)
        return fy_error_set(err, FY_E_NOMEM, "%s: no memory for reading it", label);
    *lexer = (struct json_lexer){.read = read, .data = data, .label = label, .window = window, .line = 1};
    return 0;
}

void fy_json_lexer_init_text(struct json_lexer *lexer, const char *text, size_t size, const char *label)
{
    *lexer = (struct json_lexer){.label = label,
                                 .window = (uint8_t *)(uintptr_t)text, /* never written to: there is nothing to read */
                                 .end = size,
                                 .at_end_of_input = true,
                                 .line = 1};
}

void fy_json_lexer_init_part(struct json_lexer *lexer, const struct fy_buf *text, const char *label,
                             struct json_place place)
{
    fy_json_lexer_init_text(lexer, (const char *)text->data, text->size, label);
    lexer->line = place.line;
    lexer->window_offset = place.column - 1;
}

void fy_json_lexer_done(struct json_lexer *lexer)
{
    if (lexer->read)
        free(lexer->window);
    fy_buf_done(&lexer->text);
    *lexer = (struct json_lexer){0};
}

int fy_json_fill(struct json_lexer *lexer, size_t count, struct fy_error *err)
{
    size_t left = lexer->end - lexer->at;

    if (lexer->kept && fy_json_put_kept(lexer, err) < 0)
        return -1;
    memmove(lexer->window, lexer->window + lexer->at, left);
    lexer->window_offset += lexer->at;
    lexer->at = lexer->kept_at = 0;
    lexer->end = left;
    while (lexer->end < count && !lexer->at_end_of_input) {
        size_t got = 0;
        if (lexer->read(lexer->data, lexer->window + lexer->end, JSON_WINDOW_BYTES - lexer->end, &got, err) < 0)
            return -1;
        lexer->at_end_of_input = got == 0;
        lexer->end += got;
    }
    return 0;
}

/* ---- errors ---- */

__attribute__((format(printf, 4, 0))) static int refuse(const struct json_lexer *lexer, struct json_place place,
                                                        struct fy_error *err, const char *format, va_list arguments)
{
    char text[512];

    (void)vsnprintf(text, sizeof(text), format, arguments);
    return fy_error_set(err, FY_E_FORMAT, "%s:%" PRIu64 ":%" PRIu64 ": %s", lexer->label, place.line, place.column,
                        text);
}

int fy_json_refuse(const struct json_lexer *lexer, struct fy_error *err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)refuse(lexer, lexer->token, err, format, arguments);
    va_end(arguments);
    return -1;
}

int fy_json_refuse_at(const struct json_lexer *lexer, struct json_place place, struct fy_error *err, const char *format,
                      ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)refuse(lexer, place, err, format, arguments);
    va_end(arguments);
    return -1;
}

const char *fy_json_shown(const struct json_lexer *lexer, char shown[JSON_SHOWN_SIZE])
{
    uint8_t byte;

    if (lexer->at == lexer->end)
        return "the end of the text";
    byte = lexer->window[lexer->at];
    if (byte > 0x20 && byte < 0x7f)
        (void)snprintf(shown, JSON_SHOWN_SIZE, "'%c'", byte);
    else
        (void)snprintf(shown, JSON_SHOWN_SIZE, "the byte 0x%02x", byte);
    return shown;
}

static int unexpected(struct json_lexer *lexer, const char *wanted, struct fy_error *err)
{
    char shown[JSON_SHOWN_SIZE];

    fy_json_mark(lexer);
    return fy_json_refuse(lexer, err, "%s is expected, but here is %s", wanted, fy_json_shown(lexer, shown));
}

/* ---- structure ---- */

static int skip_space(struct json_lexer *lexer, struct fy_error *err)
{
    for (;;) {
        while (lexer->at < lexer->end) {
            uint8_t byte = lexer->window[lexer->at];
            if (byte > ' ')
                return byte;
            if (byte == '\n') {
                lexer->line++;
                lexer->line_offset = lexer->window_offset + lexer->at + 1;
            } else if (byte != ' ' && byte != '\t' && byte != '\r') {
                return byte;
            }
            lexer->at++;
        }
        if (lexer->at_end_of_input)
            return -1;
        if (fy_json_fill(lexer, 1, err) < 0)
            return -2;
    }
}

/* Goes to the next byte that is not white space and gives it, or -1 at the end of the input; -2 with an error. */
static inline int next_byte(struct json_lexer *lexer, struct fy_error *err)
{
    if (lexer->at < lexer->end && lexer->window[lexer->at] > ' ')
        return lexer->window[lexer->at];
    /* One blank, as all tools write it. */
    if (lexer->end - lexer->at > 1 && lexer->window[lexer->at] == ' ' && lexer->window[lexer->at + 1] > ' ')
        return lexer->window[++lexer->at];
    return skip_space(lexer, err);
}

/* The comma before all but the first, or the end. 1: something follows. */
static int next_member(struct json_lexer *lexer, char close, const char *wanted, struct fy_error *err)
{
    int byte = next_byte(lexer, err);

    if (byte == -2)
        return -1;
    if (byte == close) {
        lexer->at++;
        lexer->first = false;
        return 0;
    }
    if (lexer->first) {
        lexer->first = false;
        return 1;
    }
    if (byte != ',')
        return unexpected(lexer, wanted, err);
    lexer->at++;
    return next_byte(lexer, err) == -2 ? -1 : 1;
}

int fy_json_key(struct json_lexer *lexer, const char **key, size_t *size, struct fy_error *err)
{
    int more = next_member(lexer, '}', "',' or '}'", err), byte;

    if (more <= 0)
        return more;
    if (lexer->at == lexer->end || lexer->window[lexer->at] != '"')
        return unexpected(lexer, "a key", err);
    fy_json_mark(lexer);
    lexer->at++;
    /* The colon is looked at before the key is handed out, and may be beyond the window, which then would move. */
    if (fy_json_want(lexer, JSON_KEY_LIMIT + 8, err) < 0 || fy_json_text(lexer, JSON_KEY_LIMIT, key, size, err) < 0)
        return -1;
    if (lexer->at < lexer->end && lexer->window[lexer->at] == ':') {
        lexer->at++;
        return 1;
    }
    if (*key != (const char *)lexer->text.data) {
        lexer->text.size = 0;
        if (fy_buf_append(&lexer->text, *key, *size, err) < 0)
            return -1;
        *key = (const char *)lexer->text.data;
    }
    byte = next_byte(lexer, err);
    if (byte == -2)
        return -1;
    if (byte != ':')
        return unexpected(lexer, "':'", err);
    lexer->at++;
    return 1;
}

int fy_json_element(struct json_lexer *lexer, struct fy_error *err)
{
    return next_member(lexer, ']', "',' or ']'", err);
}

int fy_json_end(struct json_lexer *lexer, struct fy_error *err)
{
    int byte = next_byte(lexer, err);

    if (byte == -2)
        return -1;
    return byte == -1 ? 0 : unexpected(lexer, "the end of the text", err);
}

/* ---- values ---- */

static int take_word(struct json_lexer *lexer, const char *word, enum json_token is, enum json_token *token,
                     struct fy_error *err)
{
    size_t size = strlen(word);

    if (fy_json_want(lexer, size, err) < 0)
        return -1;
    if (lexer->end - lexer->at < size || memcmp(lexer->window + lexer->at, word, size) != 0)
        return unexpected(lexer, "a value", err);
    lexer->at += size;
    *token = is;
    return 0;
}

#define DIGITS_THAT_FIT 19 /* any number of so many is below 2^64 */

/* How many digits there are; `value` is theirs if they are not more than fit. */
static size_t read_digits(const uint8_t *text, const uint8_t *end, uint64_t *value)
{
    const uint8_t *at = text;
    uint64_t sum = 0;

    for (; at < end && *at >= '0' && *at <= '9'; at++)
        sum = sum * 10 + (uint64_t)(*at - '0');
    *value = sum;
    return (size_t)(at - text);
}

/* ".5", "e-3": how many bytes, 0 if there is no such thing. SIZE_MAX: it is not finished. */
static size_t measure_fraction(const uint8_t *text, const uint8_t *end)
{
    size_t size = 0, digits;
    uint64_t value;

    if (text < end && *text == '.') {
        digits = read_digits(text + 1, end, &value);
        if (digits == 0)
            return SIZE_MAX;
        size = 1 + digits;
    }
    if (text + size < end && (text[size] == 'e' || text[size] == 'E')) {
        size_t sign = text + size + 1 < end && (text[size + 1] == '+' || text[size + 1] == '-');
        digits = read_digits(text + size + 1 + sign, end, &value);
        if (digits == 0)
            return SIZE_MAX;
        size += 1 + sign + digits;
    }
    return size;
}

/* Whether the digits are a number that fits; `value` is what read_digits made of them. */
static bool take_integer(const uint8_t *digits, size_t count, uint64_t value, bool negative, struct fy_integer *integer)
{
    if (count > DIGITS_THAT_FIT) {
        value = 0;
        for (size_t i = 0; i < count; i++)
            if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digits[i] - '0', &value))
                return false;
    }
    if (negative && value > (uint64_t)1 << 63)
        return false;
    *integer = (struct fy_integer){.negative = negative && value != 0, .magnitude = value};
    return true;
}

static int take_number(struct json_lexer *lexer, enum json_token *token, struct fy_error *err)
{
    const uint8_t *begin, *end;
    size_t sign, digits, fraction;
    uint64_t value;

    if (fy_json_want(lexer, NUMBER_BYTES_MAX, err) < 0)
        return -1;
    begin = lexer->window + lexer->at;
    end = lexer->window + lexer->end;
    sign = *begin == '-';
    digits = read_digits(begin + sign, end, &value);
    if (digits == 0)
        return fy_json_refuse(lexer, err, "a '-' without a number");
    if (digits > 1 && begin[sign] == '0')
        return fy_json_refuse(lexer, err, "a number with a zero in front");
    fraction = measure_fraction(begin + sign + digits, end);
    if (fraction == SIZE_MAX)
        return fy_json_refuse(lexer, err, "a number that is not finished");
    if (sign + digits + fraction >= NUMBER_BYTES_MAX)
        return fy_json_refuse(lexer, err, "a number of more than %d characters", NUMBER_BYTES_MAX);
    *token =
        fraction == 0 && take_integer(begin + sign, digits, value, sign, &lexer->integer) ? JSON_INTEGER : JSON_FLOAT;
    lexer->at += sign + digits + fraction;
    return 0;
}

bool fy_json_plain_number(struct json_lexer *lexer, uint64_t *value)
{
    const uint8_t *begin = lexer->window + lexer->at;
    size_t digits;

    if (lexer->end - lexer->at <= DIGITS_THAT_FIT + 1)
        return false;
    begin += *begin == ' ';
    digits = read_digits(begin, begin + DIGITS_THAT_FIT, value);
    if (digits == 0 || (digits > 1 && *begin == '0') || (begin[digits] != ',' && begin[digits] != '}'))
        return false;
    lexer->at = (size_t)(begin - lexer->window);
    fy_json_mark(lexer);
    lexer->at += digits;
    return true;
}

int fy_json_value(struct json_lexer *lexer, enum json_token *token, struct fy_error *err)
{
    int byte = next_byte(lexer, err);

    if (byte == -2)
        return -1;
    fy_json_mark(lexer);
    switch (byte) {
    case '{':
    case '[':
        lexer->at++;
        lexer->first = true;
        *token = byte == '{' ? JSON_OBJECT : JSON_ARRAY;
        return 0;
    case '"':
        lexer->at++;
        *token = JSON_STRING;
        return 0;
    case 't':
        return take_word(lexer, "true", JSON_TRUE, token, err);
    case 'f':
        return take_word(lexer, "false", JSON_FALSE, token, err);
    case 'n':
        return take_word(lexer, "null", JSON_NULL, token, err);
    default:
        if (byte == '-' || (byte >= '0' && byte <= '9'))
            return take_number(lexer, token, err);
        return unexpected(lexer, "a value", err);
    }
}
