/* One step a field. */
#include "wire_scan.h"
#include "wire_put.h"

/* Takes a number from the wire; false when it is cut off or too long. */
static bool take_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < 10 && *at < end; i++) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* Goes to the next field. False when there is none that is well formed. */
static bool take_field(const uint8_t **at, const uint8_t *end, uint64_t *key, uint64_t *number)
{
    uint64_t skip = 0;

    if (!take_varint(at, end, key) || *key >> 3 == 0 || *key >> 3 > WIRE_TAG_MAX)
        return false;
    switch (*key & 7) {
    case WIRE_VARINT:
        return take_varint(at, end, number);
    case WIRE_FIXED64:
        skip = 8;
        break;
    case WIRE_FIXED32:
        skip = 4;
        break;
    case WIRE_BYTES:
        if (take_varint(at, end, &skip))
            break;
        return false;
    default:
        return false;
    }
    if (skip > (uint64_t)(end - *at))
        return false;
    *at += skip;
    return true;
}

bool fy_wire_is_message(const struct fy_buf *wire)
{
    const uint8_t *at = wire->data, *end = at + wire->size;
    uint64_t key, number;

    while (at < end)
        if (!take_field(&at, end, &key, &number))
            return false;
    return true;
}

uint64_t fy_wire_number(const struct fy_buf *wire, const ProtobufCMessageDescriptor *descriptor, const char *field)
{
    const ProtobufCFieldDescriptor *wanted = protobuf_c_message_descriptor_get_field_by_name(descriptor, field);
    const uint8_t *at = wire->data, *end = at + wire->size;
    uint64_t key, number = 0, found = 0;

    while (at < end && take_field(&at, end, &key, &number))
        if (key == (uint64_t)wanted->id << 3)
            found = number;
    return wanted->type == PROTOBUF_C_TYPE_UINT32 ? (uint32_t)found : found;
}
