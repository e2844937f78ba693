/* One number out of an encoded message. */
#include <ferry/imgcore/wire_field.h>

static uint64_t cut(const ProtobufCMessageDescriptor *descriptor, uint32_t tag, uint64_t value)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(descriptor, tag);

    if (field && field->type == PROTOBUF_C_TYPE_UINT32)
        return (uint32_t)value;
    return field && field->type == PROTOBUF_C_TYPE_BOOL ? value != 0 : value;
}

uint64_t fy_wire_number(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size, uint32_t tag)
{
    struct fy_wire wire = {data, size > 0 ? data + size : data}; /* an empty message may have no bytes at all */
    struct fy_wire_field field;
    uint64_t value = 0;

    while (wire.at < wire.end && !fy_wire_next(&wire, &field))
        if (field.tag == tag && field.type == FY_WIRE_VARINT)
            value = field.value;
    return cut(descriptor, tag, value);
}
