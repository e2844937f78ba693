/* One value of JSON becomes one value of a field. */
#include "base64_decode.h"
#include "encode_private.h"
#include "wire_put.h"
#include <inttypes.h>

#define SCALAR_TEXT_MAX 4096 /* of a number, a flag list or an address as text */

static const char *const token_names[] = {
    [JSON_OBJECT] = "an object",
    [JSON_ARRAY] = "an array",
    [JSON_STRING] = "a string",
    [JSON_INTEGER] = "a number",
    [JSON_FLOAT] = "a number that is no integer of 64 bits",
    [JSON_TRUE] = "true",
    [JSON_FALSE] = "false",
    [JSON_NULL] = "null",
};

int fy_encode_expect(struct encoder *encoder, enum json_token got, enum json_token wanted, const char *what,
                     struct fy_error *err)
{
    if (got == wanted)
        return 0;
    return fy_encode_refuse(encoder, err, "%s must be %s, not %s", what, token_names[wanted], token_names[got]);
}

static int refuse_type(struct encoder *encoder, const struct frame *frame, const ProtobufCFieldDescriptor *field,
                       const char *wanted, enum json_token got, struct fy_error *err)
{
    return fy_encode_refuse(encoder, err, "%s.%s must be %s, not %s", frame->descriptor->name, field->name, wanted,
                            token_names[got]);
}

static const struct fy_display *display_of(struct encoder *encoder, const struct frame *frame,
                                           const ProtobufCFieldDescriptor *field)
{
    struct display_slot *slot = &encoder->displays[(uintptr_t)field / sizeof(*field) % DISPLAY_CACHE_SIZE];

    if (slot->field != field)
        *slot = (struct display_slot){field, fy_display_find(frame->descriptor, field->name)};
    return slot->display;
}

/* ---- bytes ---- */

int fy_encode_base64(struct encoder *encoder, struct fy_buf *buf, struct fy_error *err)
{
    struct base64_decoder decoder = {0};
    const uint8_t *text;
    const char *fault;
    size_t size, decoded;
    int more;

    while ((more = fy_json_piece(encoder->lexer, &text, &size, err)) > 0) {
        if (fy_buf_reserve(buf, FY_BASE64_DECODED_MAX(size), err) < 0)
            return -1;
        fault = fy_base64_decode(&decoder, text, size, buf->data + buf->size, &decoded);
        if (fault)
            return fy_encode_refuse(encoder, err, "%s", fault);
        buf->size += decoded;
    }
    if (more < 0)
        return -1;
    fault = fy_base64_decode_end(&decoder);
    return fault ? fy_encode_refuse(encoder, err, "%s", fault) : 0;
}

static int put_bytes(struct encoder *encoder, const ProtobufCFieldDescriptor *field, struct fy_error *err)
{
    size_t at;

    if (wire_room(&encoder->wire, err) < 0)
        return -1;
    wire_put_key(&encoder->wire, field->id, FY_WIRE_BYTES);
    at = wire_open(&encoder->wire);
    return fy_encode_base64(encoder, &encoder->wire, err) < 0 ? -1 : wire_close(&encoder->wire, at, err);
}

static int put_text(struct encoder *encoder, const ProtobufCFieldDescriptor *field, struct fy_error *err)
{
    const char *text;
    size_t size;

    if (fy_json_text(encoder->lexer, encoder->limits.entry_bytes, &text, &size, err) < 0 ||
        wire_room(&encoder->wire, err) < 0)
        return -1;
    wire_put_key(&encoder->wire, field->id, FY_WIRE_BYTES);
    wire_put_varint(&encoder->wire, size);
    return fy_buf_append(&encoder->wire, text, size, err);
}

/* ---- numbers ---- */

/* What a field can hold: as 64 bits in two's complement, with the largest and the smallest value. */
struct range {
    uint64_t max;
    uint64_t min_magnitude; /* of negative numbers */
};

static struct range range_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return (struct range){UINT32_MAX, 0};
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return (struct range){UINT64_MAX, 0};
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return (struct range){INT64_MAX, (uint64_t)1 << 63};
    default: /* of 32 bits with a sign; enums are such */
        return (struct range){INT32_MAX, (uint64_t)1 << 31};
    }
}

static bool is_64_bit(ProtobufCType type)
{
    return range_of(type).max > UINT32_MAX;
}

static int put_integer(struct encoder *encoder, const struct frame *frame, const ProtobufCFieldDescriptor *field,
                       struct fy_integer integer, struct fy_error *err)
{
    struct range range = range_of(field->type);
    uint64_t bits = integer.negative ? 0 - integer.magnitude : integer.magnitude;

    if (integer.magnitude > (integer.negative ? range.min_magnitude : range.max))
        return fy_encode_refuse(encoder, err,
                                "%s.%s: %s%" PRIu64 " is out of range, which is %s%" PRIu64 " to %" PRIu64,
                                frame->descriptor->name, field->name, integer.negative ? "-" : "", integer.magnitude,
                                range.min_magnitude ? "-" : "", range.min_magnitude, range.max);
    if (wire_room(&encoder->wire, err) < 0)
        return -1;
    switch (field->type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        wire_put_key(&encoder->wire, field->id, FY_WIRE_FIXED64);
        wire_put_fixed(&encoder->wire, bits, 8);
        break;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
        wire_put_key(&encoder->wire, field->id, FY_WIRE_FIXED32);
        wire_put_fixed(&encoder->wire, bits, 4);
        break;
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SINT64: /* zigzag: 0, -1, 1, -2, … */
        wire_put_key(&encoder->wire, field->id, FY_WIRE_VARINT);
        wire_put_varint(&encoder->wire, bits << 1 ^ (integer.negative ? UINT64_MAX : 0));
        break;
    default: /* negative ones take ten bytes, also those of 32 bits */
        wire_put_key(&encoder->wire, field->id, FY_WIRE_VARINT);
        wire_put_varint(&encoder->wire, bits);
    }
    return 0;
}

/* "0x1f", "12", "O_RDWR | O_CLOEXEC", "8:1", "STREAM" */
static int put_integer_text(struct encoder *encoder, const struct frame *frame, const ProtobufCFieldDescriptor *field,
                            struct fy_error *err)
{
    const char *text;
    size_t size;
    struct fy_integer integer;

    if (fy_json_text(encoder->lexer, SCALAR_TEXT_MAX, &text, &size, err) < 0)
        return -1;
    if (!fy_display_parse(display_of(encoder, frame, field), text, size, &integer))
        return fy_encode_refuse(encoder, err, "%s.%s: \"%.*s\" is not a number or a name for one",
                                frame->descriptor->name, field->name, (int)(size < 60 ? size : 60), text);
    if (is_64_bit(field->type) && !(size > 1 && text[0] == '0'))
        encoder->quoted_count++;
    return put_integer(encoder, frame, field, integer, err);
}

static int put_enum_text(struct encoder *encoder, const struct frame *frame, const ProtobufCFieldDescriptor *field,
                         struct fy_error *err)
{
    const ProtobufCEnumDescriptor *descriptor = field->descriptor;
    const ProtobufCEnumValue *value;
    struct fy_integer integer;
    const char *text;
    size_t size;
    char name[64] = "";

    if (fy_json_text(encoder->lexer, SCALAR_TEXT_MAX, &text, &size, err) < 0)
        return -1;
    if (size < sizeof(name) && !memchr(text, '\0', size))
        memcpy(name, text, size);
    value = protobuf_c_enum_descriptor_get_value_by_name(descriptor, name);
    if (value)
        integer =
            (struct fy_integer){.negative = value->value < 0,
                                .magnitude = value->value < 0 ? 0 - (uint64_t)value->value : (uint64_t)value->value};
    else if (!fy_display_parse(NULL, text, size, &integer))
        return fy_encode_refuse(encoder, err, "%s.%s: \"%.*s\" is not a value of %s", frame->descriptor->name,
                                field->name, (int)(size < 60 ? size : 60), text, descriptor->name);
    return put_integer(encoder, frame, field, integer, err);
}

static int put_bool(struct encoder *encoder, const ProtobufCFieldDescriptor *field, bool value, struct fy_error *err)
{
    if (wire_room(&encoder->wire, err) < 0)
        return -1;
    wire_put_key(&encoder->wire, field->id, FY_WIRE_VARINT);
    wire_put_varint(&encoder->wire, value);
    return 0;
}

/* ---- one value ---- */

static int put_message(struct encoder *encoder, const ProtobufCFieldDescriptor *field, struct fy_error *err)
{
    struct frame frame;
    size_t at;

    if (encoder->depth + 1 >= encoder->limits.depth)
        return fy_encode_refuse(encoder, err, "messages are nested deeper than %u", encoder->limits.depth);
    if (wire_room(&encoder->wire, err) < 0)
        return -1;
    wire_put_key(&encoder->wire, field->id, FY_WIRE_BYTES);
    at = wire_open(&encoder->wire);
    encoder->depth++;
    if (fy_encode_object(encoder, &frame, field->descriptor, err) < 0)
        return -1;
    encoder->depth--;
    return wire_close(&encoder->wire, at, err);
}

static int put_number(struct encoder *encoder, const struct frame *frame, const ProtobufCFieldDescriptor *field,
                      enum json_token token, struct fy_error *err)
{
    if (token == JSON_INTEGER)
        return put_integer(encoder, frame, field, encoder->lexer->integer, err);
    if (token != JSON_STRING)
        return refuse_type(encoder, frame, field, "a number or text for one", token, err);
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        return put_enum_text(encoder, frame, field, err);
    return put_integer_text(encoder, frame, field, err);
}

static int put_value(struct encoder *encoder, const struct frame *frame, const ProtobufCFieldDescriptor *field,
                     enum json_token token, struct fy_error *err)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        if (token != JSON_OBJECT)
            return refuse_type(encoder, frame, field, "an object", token, err);
        return put_message(encoder, field, err);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
        if (token != JSON_STRING)
            return refuse_type(encoder, frame, field, "a string", token, err);
        return field->type == PROTOBUF_C_TYPE_STRING ? put_text(encoder, field, err) : put_bytes(encoder, field, err);
    case PROTOBUF_C_TYPE_BOOL:
        if (token != JSON_TRUE && token != JSON_FALSE)
            return refuse_type(encoder, frame, field, "true or false", token, err);
        return put_bool(encoder, field, token == JSON_TRUE, err);
    default:
        return put_number(encoder, frame, field, token, err);
    }
}

/* ---- fields ---- */

/* ["10.0.0.1"]: the only element of its list. */
static int put_address(struct encoder *encoder, const struct frame *frame, const ProtobufCFieldDescriptor *field,
                       struct fy_error *err)
{
    const char *text;
    size_t size, count;
    uint32_t words[4];
    int more;

    if (fy_json_text(encoder->lexer, SCALAR_TEXT_MAX, &text, &size, err) < 0)
        return -1;
    count = fy_display_parse_address(text, size, words);
    if (count == 0)
        return fy_encode_refuse(encoder, err, "%s.%s: \"%.*s\" is not an IP address", frame->descriptor->name,
                                field->name, (int)(size < 60 ? size : 60), text);
    for (size_t i = 0; i < count; i++)
        if (put_integer(encoder, frame, field, (struct fy_integer){.magnitude = words[i]}, err) < 0)
            return -1;
    more = fy_json_element(encoder->lexer, err);
    if (more > 0)
        return fy_encode_refuse(encoder, err, "%s.%s: an address stands alone in its list", frame->descriptor->name,
                                field->name);
    return more;
}

static int put_list(struct encoder *encoder, const struct frame *frame, const ProtobufCFieldDescriptor *field,
                    struct fy_error *err)
{
    bool is_first = true;
    enum json_token token;
    int more;

    while ((more = fy_json_element(encoder->lexer, err)) > 0) {
        if (fy_json_value(encoder->lexer, &token, err) < 0)
            return -1;
        if (is_first && token == JSON_STRING && field->type == PROTOBUF_C_TYPE_UINT32) {
            const struct fy_display *display = display_of(encoder, frame, field);
            if (display && display->rule == FY_DISPLAY_ADDRESS)
                return put_address(encoder, frame, field, err);
        }
        if (put_value(encoder, frame, field, token, err) < 0)
            return -1;
        is_first = false;
    }
    return more;
}

/* Most values by far: what ends up where put_integer would put it. */
static int put_unsigned(struct encoder *encoder, const struct frame *frame, const ProtobufCFieldDescriptor *field,
                        uint64_t value, struct fy_error *err)
{
    if (field->type == PROTOBUF_C_TYPE_UINT32 && value > UINT32_MAX)
        return put_integer(encoder, frame, field, (struct fy_integer){.magnitude = value}, err);
    if (wire_room(&encoder->wire, err) < 0)
        return -1;
    wire_put_key(&encoder->wire, field->id, FY_WIRE_VARINT);
    wire_put_varint(&encoder->wire, value);
    return 0;
}

int fy_encode_field(struct encoder *encoder, struct frame *frame, const ProtobufCFieldDescriptor *field,
                    struct fy_error *err)
{
    bool is_unsigned = field->label != PROTOBUF_C_LABEL_REPEATED &&
                       (field->type == PROTOBUF_C_TYPE_UINT32 || field->type == PROTOBUF_C_TYPE_UINT64);
    enum json_token token;
    uint64_t value;

    if (is_unsigned && fy_json_plain_number(encoder->lexer, &value))
        return put_unsigned(encoder, frame, field, value, err);
    if (fy_json_value(encoder->lexer, &token, err) < 0)
        return -1;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        if (token != JSON_ARRAY)
            return refuse_type(encoder, frame, field, "an array", token, err);
        return put_list(encoder, frame, field, err);
    }
    if (token == JSON_STRING && field->type == PROTOBUF_C_TYPE_BYTES && display_of(encoder, frame, field))
        return fy_encode_keep_unix_name(encoder, frame, field, err); /* the only rule for bytes */
    return put_value(encoder, frame, field, token, err);
}
