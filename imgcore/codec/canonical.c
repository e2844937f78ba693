/* Is an encoded message in its one canonical form? CRIU writes nothing else; what is not, was made by others or
 * damaged. */
#include "decode_private.h"

static bool number_is_canonical(ProtobufCType type, uint64_t value)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        return value == (uint64_t)(int64_t)(int32_t)(uint32_t)value;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
        return value <= UINT32_MAX;
    case PROTOBUF_C_TYPE_BOOL:
        return value <= 1;
    default:
        return true;
    }
}

/* The recursion is as deep as messages nest, which the reader has limited. */
static bool value_is_canonical(const struct shape_field *field, const struct fy_wire_field *found)
{
    if (fy_shape_is_packed(field, found))
        return false;
    if (field->inner)
        return fy_decode_is_canonical(field->inner, found->bytes, (size_t)found->value);
    if (field->display && field->display->rule == FY_DISPLAY_UNIX_NAME)
        return fy_display_keeps_unix_name(found->bytes, (size_t)found->value);
    return number_is_canonical(field->field->type, found->value);
}

bool fy_decode_is_canonical(const struct shape *shape, const uint8_t *data, size_t size)
{
    struct fy_wire wire = {data, data + size};
    const struct shape_field *last = NULL;
    unsigned required = 0;
    bool had_unknown = false;

    while (wire.at < wire.end) {
        struct fy_wire_field found;
        const struct shape_field *field;
        if (fy_wire_next(&wire, &found) || !found.minimal)
            return false;
        field = fy_shape_match(shape, &found);
        if (!field) {
            had_unknown = true;
            continue;
        }
        if (had_unknown || (last && field < last) || (field == last && !field->is_repeated) ||
            !value_is_canonical(field, &found))
            return false;
        required += field != last && field->field->label == PROTOBUF_C_LABEL_REQUIRED;
        last = field;
    }
    return required == shape->required_count;
}
