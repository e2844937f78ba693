/* "@unknown" and "@wire": what a message has beside its known fields. They are written where something would be lost
 * without them, and bring it back. */
#include "../wire.h"
#include "encode_private.h"
#include "wire_put.h"
#include <ferry/imgcore/wire_field.h>
#include <inttypes.h>

/* ---- "@unknown" ---- */

struct unknown {
    bool has_tag, has_type, has_integer, has_bytes;
    uint64_t tag, integer;
    enum fy_wire_type type;
    struct json_place place;
};

static int read_integer(struct encoder *encoder, const char *what, uint64_t max, uint64_t *value, struct fy_error *err)
{
    enum json_token token;

    if (fy_json_value(encoder->lexer, &token, err) < 0 || fy_encode_expect(encoder, token, JSON_INTEGER, what, err) < 0)
        return -1;
    if (encoder->lexer->integer.negative || encoder->lexer->integer.magnitude > max)
        return fy_encode_refuse(encoder, err, "%s must be from 0 to %" PRIu64, what, max);
    *value = encoder->lexer->integer.magnitude;
    return 0;
}

static int read_type(struct encoder *encoder, enum fy_wire_type *type, struct fy_error *err)
{
    static const struct {
        const char *name;
        enum fy_wire_type type;
    } types[] = {{"varint", FY_WIRE_VARINT},
                 {"fixed64", FY_WIRE_FIXED64},
                 {"bytes", FY_WIRE_BYTES},
                 {"fixed32", FY_WIRE_FIXED32}};
    const char *text;
    size_t size;
    enum json_token token;

    if (fy_json_value(encoder->lexer, &token, err) < 0 ||
        fy_encode_expect(encoder, token, JSON_STRING, "the \"type\" of an unknown field", err) < 0 ||
        fy_json_text(encoder->lexer, 64, &text, &size, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strlen(types[i].name) != size || memcmp(types[i].name, text, size) != 0)
            continue;
        *type = types[i].type;
        return 0;
    }
    return fy_encode_refuse(encoder, err, "the \"type\" of an unknown field must be varint, fixed64, bytes or fixed32");
}

/* A number, or the base64 of bytes, which go to `bytes`. */
static int read_value(struct encoder *encoder, struct unknown *unknown, struct fy_buf *bytes, struct fy_error *err)
{
    enum json_token token;

    if (fy_json_value(encoder->lexer, &token, err) < 0)
        return -1;
    if (token == JSON_STRING) {
        unknown->has_bytes = true;
        bytes->size = 0;
        return fy_encode_base64(encoder, bytes, err);
    }
    if (fy_encode_expect(encoder, token, JSON_INTEGER, "the \"value\" of an unknown field", err) < 0)
        return -1;
    if (encoder->lexer->integer.negative)
        return fy_encode_refuse(encoder, err, "the \"value\" of an unknown field must not be negative");
    unknown->has_integer = true;
    unknown->integer = encoder->lexer->integer.magnitude;
    return 0;
}

static int read_unknown_member(struct encoder *encoder, struct unknown *unknown, struct fy_buf *bytes, const char *key,
                               size_t size, struct fy_error *err)
{
    if (size == 3 && memcmp(key, "tag", 3) == 0 && !unknown->has_tag) {
        unknown->has_tag = true;
        return read_integer(encoder, "the \"tag\" of an unknown field", FY_WIRE_TAG_MAX, &unknown->tag, err);
    }
    if (size == 4 && memcmp(key, "type", 4) == 0 && !unknown->has_type) {
        unknown->has_type = true;
        return read_type(encoder, &unknown->type, err);
    }
    if (size == 5 && memcmp(key, "value", 5) == 0 && !unknown->has_integer && !unknown->has_bytes)
        return read_value(encoder, unknown, bytes, err);
    return fy_encode_refuse(encoder, err,
                            "an unknown field has \"tag\", \"type\" and \"value\", each once, but not \"%.*s\"",
                            (int)size, key);
}

static int put_unknown(struct encoder *encoder, const struct unknown *unknown, const struct fy_buf *bytes,
                       struct fy_error *err)
{
    struct fy_buf *wire = &encoder->wire;

    if (wire_room(wire, err) < 0)
        return -1;
    wire_put_key(wire, (uint32_t)unknown->tag, unknown->type);
    if (unknown->type == FY_WIRE_VARINT)
        wire_put_varint(wire, unknown->integer);
    else if (unknown->type != FY_WIRE_BYTES)
        wire_put_fixed(wire, unknown->integer, unknown->type == FY_WIRE_FIXED64 ? 8 : 4);
    else
        wire_put_varint(wire, bytes->size);
    return unknown->type == FY_WIRE_BYTES ? fy_buf_append(wire, bytes->data, bytes->size, err) : 0;
}

static int read_unknown(struct encoder *encoder, struct fy_buf *bytes, struct fy_error *err)
{
    struct unknown unknown = {.place = encoder->lexer->token};
    const char *key;
    size_t size;
    int more;

    while ((more = fy_json_key(encoder->lexer, &key, &size, err)) > 0)
        if (read_unknown_member(encoder, &unknown, bytes, key, size, err) < 0)
            return -1;
    if (more < 0)
        return -1;
    encoder->lexer->token = unknown.place;
    if (!unknown.has_tag || !unknown.has_type || !(unknown.has_integer || unknown.has_bytes))
        return fy_encode_refuse(encoder, err, "an unknown field needs \"tag\", \"type\" and \"value\"");
    if (unknown.tag == 0)
        return fy_encode_refuse(encoder, err, "the \"tag\" of an unknown field must not be 0");
    if (unknown.has_bytes != (unknown.type == FY_WIRE_BYTES))
        return fy_encode_refuse(encoder, err, "the \"value\" of an unknown field does not fit its \"type\"");
    if (unknown.type == FY_WIRE_FIXED32 && unknown.integer > UINT32_MAX)
        return fy_encode_refuse(encoder, err, "the \"value\" of an unknown field is larger than 32 bits");
    return put_unknown(encoder, &unknown, bytes, err);
}

int fy_encode_at_unknown(struct encoder *encoder, struct fy_error *err)
{
    struct fy_buf bytes;
    enum json_token token;
    int more;

    if (fy_json_value(encoder->lexer, &token, err) < 0 ||
        fy_encode_expect(encoder, token, JSON_ARRAY, "\"@unknown\"", err) < 0)
        return -1;
    fy_buf_init(&bytes, encoder->limits.entry_bytes);
    while ((more = fy_json_element(encoder->lexer, err)) > 0) {
        if (fy_json_value(encoder->lexer, &token, err) < 0 ||
            fy_encode_expect(encoder, token, JSON_OBJECT, "an element of \"@unknown\"", err) < 0 ||
            read_unknown(encoder, &bytes, err) < 0) {
            more = -1;
            break;
        }
    }
    fy_buf_done(&bytes);
    return more;
}

/* ---- "@wire" ---- */

/* What is written must be a message that the reader takes: well formed, also in its parts, and not nested too deeply.
 */
int fy_encode_at_wire(struct encoder *encoder, struct fy_error *err)
{
    struct fy_buf *bytes = &encoder->override;
    struct json_place place;
    enum json_token token;
    const char *fault;
    size_t at;

    if (encoder->has_override)
        return fy_encode_refuse(encoder, err, "the key \"@wire\" is there twice");
    if (fy_json_value(encoder->lexer, &token, err) < 0 ||
        fy_encode_expect(encoder, token, JSON_STRING, "\"@wire\"", err) < 0)
        return -1;
    place = encoder->lexer->token;
    encoder->has_override = true;
    bytes->size = 0;
    if (fy_encode_base64(encoder, bytes, err) < 0)
        return -1;
    encoder->lexer->token = place;
    fault = fy_wire_check(encoder->entry->descriptor, bytes->data, bytes->size, encoder->limits.depth, &at);
    if (fault)
        return fy_encode_refuse(encoder, err, "the bytes of \"@wire\" are not a message: %s at byte %zu", fault, at);
    return 0;
}
