/* The strings of JSON. Stretches without an escape are handed out where they lie in the window. */
#include "json_window.h"
#include <ferry/base/utf8.h>

/* 1: ends a stretch of plain bytes */
static const uint8_t is_special[256] = {
    [0 ... 0x1f] = 1,
    ['"'] = 1,
    ['\\'] = 1,
    [0x80 ... 0xff] = 1,
};

static int refuse_here(struct json_lexer *lexer, const char *what, struct fy_error *err)
{
    fy_json_mark(lexer);
    return fy_json_refuse(lexer, err, "%s", what);
}

static size_t plain_bytes(const struct json_lexer *lexer)
{
    size_t at = lexer->at;

    while (at < lexer->end && !is_special[lexer->window[at]])
        at++;
    return at - lexer->at;
}

/* ---- escapes ---- */

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The 16 bits of a \uXXXX at `offset` behind the place at hand, or -1. */
static int unit_at(const struct json_lexer *lexer, size_t offset)
{
    const uint8_t *text = lexer->window + lexer->at + offset;
    int unit = 0;

    if (lexer->end - lexer->at < offset + 6 || text[0] != '\\' || text[1] != 'u')
        return -1;
    for (size_t i = 2; i < 6; i++) {
        int digit = hex_value(text[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static size_t put_utf8(uint32_t c, uint8_t bytes[4])
{
    if (c < 0x80) {
        bytes[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | c >> 6);
        bytes[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | c >> 12);
        bytes[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        bytes[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    bytes[0] = (uint8_t)(0xf0 | c >> 18);
    bytes[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    bytes[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    bytes[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* \uXXXX, or two of them. */
static int take_unit(struct json_lexer *lexer, size_t *size, struct fy_error *err)
{
    int unit = unit_at(lexer, 0), low;

    if (unit < 0)
        return refuse_here(lexer, "\\u without four hexadecimal digits", err);
    if (unit >= 0xdc80 && unit <= 0xdcff) {
        lexer->escaped[0] = (uint8_t)(unit - 0xdc00);
        *size = 1;
    } else if (unit >= 0xd800 && unit <= 0xdbff) {
        low = unit_at(lexer, 6);
        if (low < 0xdc00 || low > 0xdfff)
            return refuse_here(lexer, "half of a surrogate pair, which stands for nothing", err);
        *size = put_utf8(0x10000 + (((uint32_t)unit & 0x3ff) << 10 | ((uint32_t)low & 0x3ff)), lexer->escaped);
        lexer->at += 6;
    } else if (unit >= 0xdc00 && unit <= 0xdfff) {
        return refuse_here(lexer, "half of a surrogate pair, which stands for nothing", err);
    } else {
        *size = put_utf8((uint32_t)unit, lexer->escaped);
    }
    lexer->at += 6;
    return 1;
}

static int take_escape(struct json_lexer *lexer, const uint8_t **data, size_t *size, struct fy_error *err)
{
    static const char letters[] = "\"\\/bfnrt", stand_for[] = "\"\\/\b\f\n\r\t";

    if (fy_json_want(lexer, 12, err) < 0)
        return -1;
    if (lexer->end - lexer->at < 2)
        return refuse_here(lexer, "the text ends within a string", err);
    *data = lexer->escaped;
    if (lexer->window[lexer->at + 1] == 'u')
        return take_unit(lexer, size, err);
    for (size_t i = 0; i + 1 < sizeof(letters); i++) {
        if (lexer->window[lexer->at + 1] != (uint8_t)letters[i])
            continue;
        lexer->escaped[0] = (uint8_t)stand_for[i];
        lexer->at += 2;
        *size = 1;
        return 1;
    }
    return refuse_here(lexer, "an escape that JSON does not have", err);
}

/* ---- pieces ---- */

/* One character beyond ASCII. */
static int take_character(struct json_lexer *lexer, const uint8_t **data, size_t *size, struct fy_error *err)
{
    uint32_t code_point;
    size_t length;

    if (fy_json_want(lexer, 4, err) < 0)
        return -1;
    length = fy_utf8_next((const char *)lexer->window + lexer->at, lexer->end - lexer->at, &code_point);
    if (length == 0)
        return refuse_here(lexer, "bytes that are not UTF-8", err);
    *data = lexer->window + lexer->at;
    *size = length;
    lexer->at += length;
    return 1;
}

int fy_json_piece(struct json_lexer *lexer, const uint8_t **data, size_t *size, struct fy_error *err)
{
    size_t plain;
    uint8_t byte;

    if (fy_json_want(lexer, 1, err) < 0)
        return -1;
    plain = plain_bytes(lexer);
    if (plain > 0) {
        *data = lexer->window + lexer->at;
        *size = plain;
        lexer->at += plain;
        return 1;
    }
    if (lexer->at == lexer->end)
        return refuse_here(lexer, "the text ends within a string", err);
    byte = lexer->window[lexer->at];
    if (byte == '"') {
        lexer->at++;
        return 0;
    }
    if (byte == '\\')
        return take_escape(lexer, data, size, err);
    if (byte >= 0x80)
        return take_character(lexer, data, size, err);
    return refuse_here(lexer, "a control character in a string, which must be escaped", err);
}

static int too_long(const struct json_lexer *lexer, size_t limit, struct fy_error *err)
{
    (void)fy_json_refuse(lexer, err, "a string of more than %zu bytes", limit);
    if (err)
        err->code = FY_E_LIMIT;
    return -1;
}

static int collect_text(struct json_lexer *lexer, size_t limit, struct fy_error *err)
{
    struct json_place begin = lexer->token;
    const uint8_t *data;
    size_t size;
    int more;

    lexer->text.size = 0;
    while ((more = fy_json_piece(lexer, &data, &size, err)) > 0) {
        if (size > limit - lexer->text.size) {
            lexer->token = begin;
            return too_long(lexer, limit, err);
        }
        if (fy_buf_append(&lexer->text, data, size, err) < 0)
            return -1;
    }
    return more;
}

int fy_json_text(struct json_lexer *lexer, size_t limit, const char **text, size_t *size, struct fy_error *err)
{
    size_t plain = plain_bytes(lexer);

    if (lexer->at + plain < lexer->end && lexer->window[lexer->at + plain] == '"') {
        if (plain > limit)
            return too_long(lexer, limit, err);
        *text = (const char *)lexer->window + lexer->at;
        *size = plain;
        lexer->at += plain + 1;
        return 0;
    }
    if (collect_text(lexer, limit, err) < 0)
        return -1;
    *text = lexer->text.data ? (const char *)lexer->text.data : "";
    *size = lexer->text.size;
    return 0;
}
