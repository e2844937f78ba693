/* Measures how deeply the messages in a frame's head are nested, following the descriptor as the unpacker will.
 *
 * An explicit stack of bounded size stands in for the recursion that is to be bounded. */
#include "frame_internal.h"
#include <stdbool.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct level {
    const uint8_t *end;
    const ProtobufCMessageDescriptor *descriptor;
};

/* Reads a varint of at most ten bytes; NULL when it is cut off or longer. */
static const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 70 && at < end; shift += 7) {
        uint8_t byte = *at++;
        if (shift < 64)
            result |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *value = result;
            return at;
        }
    }
    return NULL;
}

/* The descriptor to descend with when field `number` is a message, else NULL. */
static const ProtobufCMessageDescriptor *nested(const ProtobufCMessageDescriptor *descriptor, uint64_t number)
{
    if (number > UINT32_MAX)
        return NULL;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(descriptor, (unsigned)number);
    return field && field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
}

/* Passes over a value that holds no message; NULL when it does not fit. */
static const uint8_t *skip_value(const uint8_t *at, const uint8_t *end, unsigned wire_type)
{
    uint64_t value;
    size_t left = (size_t)(end - at);
    switch (wire_type) {
    case WIRE_VARINT:
        return read_varint(at, end, &value);
    case WIRE_FIXED64:
        return left < 8 ? NULL : at + 8;
    case WIRE_FIXED32:
        return left < 4 ? NULL : at + 4;
    default:
        return NULL;
    }
}

int fy_frame_scan_depth(const uint8_t *data, size_t size, const ProtobufCMessageDescriptor *descriptor)
{
    struct level stack[FY_FRAME_MAX_DEPTH];
    unsigned depth = 0;
    stack[0] = (struct level){data + size, descriptor};
    const uint8_t *at = data;
    while (true) {
        const struct level *level = &stack[depth];
        if (at == level->end) {
            if (depth == 0)
                return 0;
            depth--;
            continue;
        }
        uint64_t tag, length;
        at = read_varint(at, level->end, &tag);
        if (!at)
            return -1;
        if ((tag & 7) != WIRE_BYTES) {
            at = skip_value(at, level->end, (unsigned)(tag & 7));
            if (!at)
                return -1;
            continue;
        }
        at = read_varint(at, level->end, &length);
        if (!at || length > (uint64_t)(level->end - at))
            return -1;
        const ProtobufCMessageDescriptor *inner = nested(level->descriptor, tag >> 3);
        if (!inner) {
            at += length;
            continue;
        }
        if (++depth == FY_FRAME_MAX_DEPTH)
            return -1;
        stack[depth] = (struct level){at + length, inner};
    }
}
