/* Keeping the text of a value whose meaning is only known later. */
#include "json_window.h"

#define KEPT_DEPTH_MAX 256

int fy_json_put_kept(struct json_lexer *lexer, struct fy_error *err)
{
    if (lexer->at - lexer->kept_at > lexer->kept->limit_bytes - lexer->kept->size) {
        (void)fy_json_refuse(lexer, err, "more than %zu bytes", lexer->kept->limit_bytes);
        if (err)
            err->code = FY_E_LIMIT;
        return -1;
    }
    return fy_buf_append(lexer->kept, lexer->window + lexer->kept_at, lexer->at - lexer->kept_at, err);
}

static int pass_value(struct json_lexer *lexer, unsigned depth, struct fy_error *err);

static int pass_string(struct json_lexer *lexer, struct fy_error *err)
{
    const uint8_t *data;
    size_t size;
    int more;

    while ((more = fy_json_piece(lexer, &data, &size, err)) > 0)
        ;
    return more;
}

static int pass_members(struct json_lexer *lexer, enum json_token token, unsigned depth, struct fy_error *err)
{
    const char *key;
    size_t size;
    int more;

    if (depth == KEPT_DEPTH_MAX)
        return fy_json_refuse(lexer, err, "values are nested deeper than %d", KEPT_DEPTH_MAX);
    do {
        more = token == JSON_OBJECT ? fy_json_key(lexer, &key, &size, err) : fy_json_element(lexer, err);
        if (more > 0 && pass_value(lexer, depth + 1, err) < 0)
            return -1;
    } while (more > 0);
    return more;
}

static int pass_value(struct json_lexer *lexer, unsigned depth, struct fy_error *err)
{
    enum json_token token;

    if (fy_json_value(lexer, &token, err) < 0)
        return -1;
    if (token == JSON_STRING)
        return pass_string(lexer, err);
    return token == JSON_OBJECT || token == JSON_ARRAY ? pass_members(lexer, token, depth, err) : 0;
}

int fy_json_keep(struct json_lexer *lexer, struct fy_buf *kept, struct fy_error *err)
{
    int rc;

    lexer->kept = kept;
    lexer->kept_at = lexer->at;
    rc = pass_value(lexer, 0, err);
    if (rc == 0)
        rc = fy_json_put_kept(lexer, err);
    lexer->kept = NULL;
    return rc;
}
