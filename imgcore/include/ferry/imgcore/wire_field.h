/* Walking over the fields of an encoded message. Inline, since it runs for each field of millions of entries. */
#ifndef FERRY_IMGCORE_WIRE_FIELD_H
#define FERRY_IMGCORE_WIRE_FIELD_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FY_WIRE_TAG_MAX 0x1fffffffu

enum fy_wire_type {
    FY_WIRE_VARINT = 0,
    FY_WIRE_FIXED64 = 1,
    FY_WIRE_BYTES = 2,
    FY_WIRE_GROUP_BEGIN = 3,
    FY_WIRE_GROUP_END = 4,
    FY_WIRE_FIXED32 = 5,
};

/* What is left of a message. */
struct fy_wire {
    const uint8_t *at;
    const uint8_t *end;
};

struct fy_wire_field {
    uint32_t tag;
    enum fy_wire_type type;
    bool minimal;         /* key, number and length take no more bytes than they need */
    uint64_t value;       /* the number; of BYTES how many */
    const uint8_t *bytes; /* of BYTES */
};

/* False: cut off, or longer than ten bytes. `minimal` is only ever set to false. */
static inline bool fy_wire_take_varint(struct fy_wire *wire, uint64_t *value, bool *minimal)
{
    uint64_t result = 0;

    for (unsigned shift = 0; shift < 70 && wire->at < wire->end; shift += 7) {
        uint8_t byte = *wire->at++;
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        /* A last byte of zero says nothing, and of the tenth only one bit counts. */
        if ((byte == 0 && shift > 0) || (shift == 63 && byte > 1))
            *minimal = false;
        *value = result;
        return true;
    }
    return false;
}

static inline bool fy_wire_take_fixed(struct fy_wire *wire, size_t size, uint64_t *value)
{
    if ((size_t)(wire->end - wire->at) < size)
        return false;
    *value = 0;
    for (size_t i = 0; i < size; i++)
        *value |= (uint64_t)wire->at[i] << (8 * i);
    wire->at += size;
    return true;
}

/* Takes the next field; there must be something left. NULL, or what is wrong. */
static inline const char *fy_wire_next(struct fy_wire *wire, struct fy_wire_field *field)
{
    uint64_t key;

    field->minimal = true;
    field->bytes = NULL;
    if (!fy_wire_take_varint(wire, &key, &field->minimal))
        return "the tag of a field is cut off";
    if (key >> 3 == 0 || key >> 3 > FY_WIRE_TAG_MAX)
        return "the number of a field is out of range";
    field->tag = (uint32_t)(key >> 3);
    field->type = (enum fy_wire_type)(key & 7);
    switch (field->type) {
    case FY_WIRE_VARINT:
        return fy_wire_take_varint(wire, &field->value, &field->minimal) ? NULL : "a number is cut off";
    case FY_WIRE_FIXED64:
    case FY_WIRE_FIXED32:
        return fy_wire_take_fixed(wire, field->type == FY_WIRE_FIXED64 ? 8 : 4, &field->value)
                   ? NULL
                   : "a field reaches beyond the end of its message";
    case FY_WIRE_BYTES:
        if (!fy_wire_take_varint(wire, &field->value, &field->minimal))
            return "the length of a field is cut off";
        if (field->value > (uint64_t)(wire->end - wire->at))
            return "a field reaches beyond the end of its message";
        field->bytes = wire->at;
        wire->at += (size_t)field->value;
        return NULL;
    case FY_WIRE_GROUP_BEGIN:
    case FY_WIRE_GROUP_END:
        break;
    }
    return "a field is of a type that CRIU does not use";
}

/* The number in field `tag` of a message that fy_wire_check found well formed, cut to the field's type: the last one
 * where it comes repeatedly, 0 where it does not. */
uint64_t fy_wire_number(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size, uint32_t tag);

#endif
