/* Reading JSON from a stream: the text is looked at once, from front to back, through a window of fixed size.
 *
 * Our own, since the content of a ghost file is one string of any length, and a parser that hands out whole tokens
 * would hold all of it. It is as strict as RFC 8259, with these bounds and one extension:
 *   - integers are exact, from -2^63 to 2^64-1; every other number is a JSON_FLOAT, whose value nobody gets
 *   - a lone surrogate \udc80 to \udcff stands for the byte 0x80 to 0xff, as in Python's "surrogateescape"; every other
 *     lone surrogate is refused
 * The caller drives it by what it expects and so bounds the nesting itself:
 *
 *     fy_json_value() is JSON_OBJECT: while fy_json_key() is 1: fy_json_value()
 *                     is JSON_ARRAY:  while fy_json_element() is 1: fy_json_value()
 *                     is JSON_STRING: fy_json_text(), or fy_json_piece() until it is 0
 *
 * Errors begin with "LABEL:LINE:COLUMN: " of the token; columns count bytes from 1. */
#ifndef FERRY_CODEC_JSON_LEXER_H
#define FERRY_CODEC_JSON_LEXER_H

#include <ferry/base/buf.h>
#include <ferry/base/error.h>
#include <ferry/imgcore/display.h>
#include <ferry/imgcore/encode.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_token {
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_STRING,
    JSON_INTEGER,
    JSON_FLOAT,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_place {
    uint64_t line, column;
};

struct json_lexer {
    fy_read_fn *read;
    void *data;
    const char *label;
    uint8_t *window;
    size_t at, end;             /* in the window: what is not read yet */
    bool at_end_of_input;       /* beyond the window there is nothing */
    bool first;                 /* nothing of the innermost open object or array has been read */
    uint64_t window_offset;     /* of the window in the whole text */
    uint64_t line, line_offset; /* of the current line */
    struct json_place token;    /* the last key's or value's */
    struct fy_integer integer;  /* the last JSON_INTEGER's */
    struct fy_buf text;         /* of a string that does not lie plain in the window */
    struct fy_buf *kept;        /* gets what is passed over, from `kept_at` in the window; NULL: nobody does */
    size_t kept_at;
    uint8_t escaped[4];
};

/* `label` is kept, not copied. */
int fy_json_lexer_init(struct json_lexer *lexer, fy_read_fn *read, void *data, const char *label, struct fy_error *err);
/* Over text in memory, which is kept, not copied. */
void fy_json_lexer_init_text(struct json_lexer *lexer, const char *text, size_t size, const char *label);
/* The same, for text that stands at `place` of a larger one. */
void fy_json_lexer_init_part(struct json_lexer *lexer, const struct fy_buf *text, const char *label,
                             struct json_place place);
/* A lexer of zeros is legal. */
void fy_json_lexer_done(struct json_lexer *lexer);

/* What the next value is; numbers and words are read, the others are opened. */
int fy_json_value(struct json_lexer *lexer, enum json_token *token, struct fy_error *err);
/* Whether the next value is a number without sign and fraction in an object, written as all tools write it; then it is
 * passed over. False says nothing. */
bool fy_json_plain_number(struct json_lexer *lexer, uint64_t *value);
/* 1: the next key of the open object, without NUL at its end, valid until the next call; 0: the object has ended. Keys
 * of more than `limit` bytes are refused. */
int fy_json_key(struct json_lexer *lexer, const char **key, size_t *size, struct fy_error *err);
/* 1: the open array has another value; 0: it has ended. */
int fy_json_element(struct json_lexer *lexer, struct fy_error *err);
/* The whole of the open string, valid until the next call. Longer than `limit`: FY_E_LIMIT. */
int fy_json_text(struct json_lexer *lexer, size_t limit, const char **text, size_t *size, struct fy_error *err);
/* 1: the next bytes of the open string, at least one, valid until the next call; 0: it has ended. */
int fy_json_piece(struct json_lexer *lexer, const uint8_t **data, size_t *size, struct fy_error *err);
/* Passes over the value that comes next, which must be JSON, and appends its text to `kept`, up to the limit of that.
 */
int fy_json_keep(struct json_lexer *lexer, struct fy_buf *kept, struct fy_error *err);
/* Whether nothing but white space is left. */
int fy_json_end(struct json_lexer *lexer, struct fy_error *err);

/* FY_E_FORMAT at the last token, or at `place`. */
__attribute__((format(printf, 3, 4))) int fy_json_refuse(const struct json_lexer *lexer, struct fy_error *err,
                                                         const char *format, ...);
__attribute__((format(printf, 4, 5))) int fy_json_refuse_at(const struct json_lexer *lexer, struct json_place place,
                                                            struct fy_error *err, const char *format, ...);

#endif
