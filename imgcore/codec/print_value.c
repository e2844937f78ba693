/* One value of a field that is no message, and what else odd and canonical messages have in common. */
#include "decode_private.h"

static struct fy_integer signed_integer(int64_t value)
{
    return (struct fy_integer){value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0};
}

static int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static struct fy_integer integer_of(ProtobufCType type, uint64_t value)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        return signed_integer((int32_t)(uint32_t)value);
    case PROTOBUF_C_TYPE_INT64:
        return signed_integer((int64_t)value);
    case PROTOBUF_C_TYPE_SINT32:
        return signed_integer(unzigzag((uint32_t)value));
    case PROTOBUF_C_TYPE_SINT64:
        return signed_integer(unzigzag(value));
    case PROTOBUF_C_TYPE_UINT32:
        return (struct fy_integer){(uint32_t)value, false};
    default:
        return (struct fy_integer){value, false};
    }
}

static void print_integer(struct emit *emit, struct fy_integer value)
{
    if (value.negative)
        fy_emit_raw(emit, "-", 1);
    fy_emit_unsigned(emit, value.magnitude);
}

static void print_number(struct emit *emit, const struct shape_field *field, uint64_t raw)
{
    struct fy_integer value = integer_of(field->field->type, raw);
    char text[FY_DISPLAY_TEXT_SIZE];

    if (emit->pretty && field->display && fy_display_format(field->display, value, text) >= 0)
        fy_emit_plain_string(emit, text);
    else
        print_integer(emit, value);
}

static void print_enum(struct emit *emit, const struct shape_field *field, uint64_t raw)
{
    const ProtobufCEnumValue *known =
        protobuf_c_enum_descriptor_get_value(field->field->descriptor, (int32_t)(uint32_t)raw);

    if (known)
        fy_emit_plain_string(emit, known->name);
    else
        print_integer(emit, integer_of(PROTOBUF_C_TYPE_ENUM, raw));
}

static void print_bytes(struct decoder *decoder, const struct shape_field *field, const struct fy_wire_field *found)
{
    struct emit *emit = &decoder->emit;
    size_t size = (size_t)found->value;

    if (!field->display || field->display->rule != FY_DISPLAY_UNIX_NAME) {
        fy_emit_base64(emit, found->bytes, size);
        return;
    }
    decoder->text.size = 0;
    if (!emit->failed && fy_display_format_unix_name(found->bytes, size, &decoder->text, emit->err) < 0)
        emit->failed = true;
    fy_emit_string(emit, decoder->text.data, decoder->text.size);
}

void fy_decode_scalar(struct decoder *decoder, const struct shape_field *field, const struct fy_wire_field *found)
{
    struct emit *emit = &decoder->emit;

    switch (field->field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        fy_emit_raw(emit, found->value ? "true" : "false", found->value ? 4 : 5);
        break;
    case PROTOBUF_C_TYPE_STRING:
        fy_emit_string(emit, found->bytes, (size_t)found->value);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        print_bytes(decoder, field, found);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        print_enum(emit, field, found->value);
        break;
    default:
        print_number(emit, field, found->value);
        break;
    }
}

bool fy_decode_may_be_address(const struct emit *emit, const struct shape_field *field)
{
    return emit->pretty && field->display && field->display->rule == FY_DISPLAY_ADDRESS;
}

bool fy_decode_address(struct emit *emit, const struct shape_field *field, const uint32_t *words, size_t count)
{
    char text[FY_DISPLAY_ADDRESS_SIZE];

    if (fy_display_format_address(words, count, text) < 0)
        return false;
    fy_emit_known_key(emit, &field->key);
    fy_emit_open(emit, '[');
    fy_emit_item(emit);
    fy_emit_plain_string(emit, text);
    fy_emit_close(emit, ']');
    return true;
}

void fy_decode_unknown(struct emit *emit, const struct fy_wire_field *found)
{
    static const char *const types[] = {[FY_WIRE_VARINT] = "varint",
                                        [FY_WIRE_FIXED64] = "fixed64",
                                        [FY_WIRE_BYTES] = "bytes",
                                        [FY_WIRE_FIXED32] = "fixed32"};

    fy_emit_item(emit);
    fy_emit_open(emit, '{');
    fy_emit_key(emit, "tag");
    fy_emit_unsigned(emit, found->tag);
    fy_emit_key(emit, "type");
    fy_emit_plain_string(emit, types[found->type]);
    fy_emit_key(emit, "value");
    if (found->type == FY_WIRE_BYTES)
        fy_emit_base64(emit, found->bytes, (size_t)found->value);
    else
        fy_emit_unsigned(emit, found->value);
    fy_emit_close(emit, '}');
}
