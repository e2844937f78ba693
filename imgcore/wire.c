/* One pass over the bytes with a small stack of the messages that are open at the moment. */
#include "wire.h"
#include <stdbool.h>

enum wire_type { VARINT = 0, FIXED64 = 1, LENGTH = 2, GROUP_BEGIN = 3, GROUP_END = 4, FIXED32 = 5 };

struct level {
    const ProtobufCMessageDescriptor *descriptor;
    size_t end;
};

struct scan {
    const uint8_t *data;
    size_t at;
    unsigned depth; /* index of the innermost open message */
    unsigned depth_max;
    struct level levels[FY_WIRE_DEPTH_MAX];
};

static size_t left(const struct scan *scan)
{
    return scan->levels[scan->depth].end - scan->at;
}

static bool take_varint(struct scan *scan, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < 10 && left(scan) > 0; i++) {
        uint8_t byte = scan->data[scan->at++];
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static const char *skip(struct scan *scan, uint64_t bytes)
{
    if (bytes > left(scan))
        return "a field reaches beyond the end of its message";
    scan->at += (size_t)bytes;
    return NULL;
}

static const char *enter_or_skip(struct scan *scan, uint32_t tag)
{
    const ProtobufCMessageDescriptor *descriptor = scan->levels[scan->depth].descriptor;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(descriptor, tag);
    uint64_t bytes;

    if (!take_varint(scan, &bytes))
        return "the length of a field is cut off";
    if (bytes > left(scan))
        return "a field reaches beyond the end of its message";
    if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE)
        return skip(scan, bytes);
    if (scan->depth + 1 >= scan->depth_max)
        return "messages are nested too deeply";
    scan->levels[++scan->depth] = (struct level){field->descriptor, scan->at + (size_t)bytes};
    return NULL;
}

static const char *scan_field(struct scan *scan)
{
    uint64_t key, value;

    if (!take_varint(scan, &key))
        return "the tag of a field is cut off";
    if (key >> 3 == 0 || key >> 3 > 0x1fffffff)
        return "the number of a field is out of range";
    switch ((enum wire_type)(key & 7)) {
    case VARINT:
        return take_varint(scan, &value) ? NULL : "a number is cut off";
    case FIXED64:
        return skip(scan, 8);
    case FIXED32:
        return skip(scan, 4);
    case LENGTH:
        return enter_or_skip(scan, (uint32_t)(key >> 3));
    case GROUP_BEGIN:
    case GROUP_END:
        break;
    }
    return "a field is of a type that CRIU does not use";
}

/* Most fields are numbers with a tag below 16; millions of entries have nothing else. Stops at the first field that is
 * anything else, or that is not whole, which scan_field then looks at. */
static size_t skip_numbers(const uint8_t *data, size_t at, size_t end)
{
    while (at < end && data[at] >= 1 << 3 && (data[at] & 0x87) == VARINT) {
        size_t last = at + 1, stop = end - last > 10 ? last + 10 : end;
        while (last < stop && data[last] & 0x80)
            last++;
        if (last == stop)
            break;
        at = last + 1;
    }
    return at;
}

const char *fy_wire_check(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size,
                          unsigned depth_max, size_t *offset)
{
    struct scan scan; /* not cleared as a whole: this runs for every entry */

    scan.data = data;
    scan.at = 0;
    scan.depth = 0;
    scan.depth_max = depth_max < FY_WIRE_DEPTH_MAX ? depth_max : FY_WIRE_DEPTH_MAX;
    scan.levels[0] = (struct level){descriptor, size};
    for (;;) {
        const char *fault;
        while (left(&scan) == 0) {
            if (scan.depth == 0)
                return NULL;
            scan.depth--;
        }
        scan.at = skip_numbers(data, scan.at, scan.levels[scan.depth].end);
        if (left(&scan) == 0)
            continue;
        *offset = scan.at;
        fault = scan_field(&scan);
        if (fault)
            return fault;
    }
}

/* No message in an image has more fields than there are bits. */
static uint64_t bit_of(const ProtobufCMessageDescriptor *descriptor, const ProtobufCFieldDescriptor *field)
{
    size_t number = field ? (size_t)(field - descriptor->fields) : 64;
    return number < 64 ? (uint64_t)1 << number : 0;
}

static const ProtobufCFieldDescriptor *first_missing(const ProtobufCMessageDescriptor *descriptor, uint64_t seen)
{
    for (unsigned i = 0; i < descriptor->n_fields && i < 64; i++)
        if (descriptor->fields[i].label == PROTOBUF_C_LABEL_REQUIRED && !(seen & (uint64_t)1 << i))
            return &descriptor->fields[i];
    return NULL;
}

const ProtobufCFieldDescriptor *fy_wire_find_missing(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                                                     size_t size, const ProtobufCMessageDescriptor **where)
{
    struct scan scan = {.data = data, .depth_max = FY_WIRE_DEPTH_MAX, .levels = {{descriptor, size}}};
    uint64_t seen[FY_WIRE_DEPTH_MAX] = {0};

    for (;;) {
        unsigned depth = scan.depth;
        size_t begin = scan.at;
        uint64_t key;
        *where = scan.levels[depth].descriptor;
        if (left(&scan) == 0) {
            const ProtobufCFieldDescriptor *missing = first_missing(*where, seen[depth]);
            if (missing || depth == 0)
                return missing;
            scan.depth--;
            continue;
        }
        if (!take_varint(&scan, &key))
            return NULL;
        seen[depth] |= bit_of(*where, protobuf_c_message_descriptor_get_field(*where, (unsigned)(key >> 3)));
        scan.at = begin;
        if (scan_field(&scan))
            return NULL;
        if (scan.depth > depth)
            seen[scan.depth] = 0;
    }
}
