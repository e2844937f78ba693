/* The lexer's window over its input; for json_lexer.c, json_string.c and json_keep.c, and for keys that are guessed. */
#ifndef FERRY_CODEC_JSON_WINDOW_H
#define FERRY_CODEC_JSON_WINDOW_H

#include "json_lexer.h"

#define JSON_WINDOW_BYTES ((size_t)64 << 10)
#define JSON_KEY_LIMIT 255

/* Reads on until `count` bytes (few) are in the window, or the input ends. What was read before moves. */
int fy_json_fill(struct json_lexer *lexer, size_t count, struct fy_error *err);

/* What was passed over of the window goes to lexer->kept. */
int fy_json_put_kept(struct json_lexer *lexer, struct fy_error *err);

static inline int fy_json_want(struct json_lexer *lexer, size_t count, struct fy_error *err)
{
    return lexer->end - lexer->at >= count || lexer->at_end_of_input ? 0 : fy_json_fill(lexer, count, err);
}

/* The token begins here, as far as errors are concerned. */
static inline void fy_json_mark(struct json_lexer *lexer)
{
    lexer->token.line = lexer->line;
    lexer->token.column = lexer->window_offset + lexer->at - lexer->line_offset + 1;
}

/* Behind the quote of the next key, if that follows in the window as all tools write it; NULL says nothing. At least
 * JSON_KEY_LIMIT bytes are there. */
static inline const char *fy_json_peek_key(const struct json_lexer *lexer)
{
    const uint8_t *text = lexer->window + lexer->at;

    if (lexer->end - lexer->at < JSON_KEY_LIMIT + 3)
        return NULL;
    if (!lexer->first && *text++ != ',')
        return NULL;
    text += *text == ' ';
    return *text == '"' ? (const char *)text + 1 : NULL;
}

/* Passes over the key that was peeked at, of `size` bytes and followed by '"' and ':'. */
static inline void fy_json_take_key(struct json_lexer *lexer, const char *key, size_t size)
{
    lexer->at = (size_t)((const uint8_t *)key - lexer->window) - 1;
    fy_json_mark(lexer);
    lexer->at += size + 3;
    lexer->first = false;
}

/* The character at hand as a message shows it. */
#define JSON_SHOWN_SIZE 24
const char *fy_json_shown(const struct json_lexer *lexer, char shown[JSON_SHOWN_SIZE]);

#endif
