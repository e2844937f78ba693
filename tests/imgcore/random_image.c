/* Fields by the descriptors, one level after the other. */
#include "random_image.h"
#include <criterion/criterion.h>
#include <criu/ipc.pb-c.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/wire_field.h>
#include <string.h>

#define DEPTH_MAX 5

uint64_t chance_below(struct chance *chance, uint64_t limit)
{
    chance->state ^= chance->state << 13;
    chance->state ^= chance->state >> 7;
    chance->state ^= chance->state << 17;
    return (chance->state >> 11) % limit;
}

struct maker {
    struct chance *chance;
    bool is_odd;
    bool is_pagemap; /* some values there belong to images that are refused */
    struct fy_buf *out;
};

static bool once_in(struct maker *maker, uint64_t times)
{
    return chance_below(maker->chance, times) == 0;
}

static void put(struct maker *maker, const void *bytes, size_t size)
{
    cr_assert_eq(fy_buf_append(maker->out, bytes, size, NULL), 0);
}

static void put_varint(struct maker *maker, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;

    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (uint8_t)(value | 0x80);
    bytes[size++] = (uint8_t)value;
    if (maker->is_odd && size < 9 && once_in(maker, 30)) { /* longer than it need be */
        bytes[size - 1] |= 0x80;
        bytes[size++] = 0;
    }
    put(maker, bytes, size);
}

static void put_key(struct maker *maker, uint32_t tag, enum fy_wire_type type)
{
    put_varint(maker, (uint64_t)tag << 3 | (unsigned)type);
}

static void put_word(struct fy_buf *out, uint64_t word)
{
    uint8_t bytes[4] = {(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16), (uint8_t)(word >> 24)};
    cr_assert_eq(fy_buf_append(out, bytes, 4, NULL), 0);
}

static uint64_t any_number(struct maker *maker)
{
    uint64_t high = chance_below(maker->chance, (uint64_t)1 << 32),
             low = chance_below(maker->chance, (uint64_t)1 << 32);
    return (high << 32 | low) >> chance_below(maker->chance, 64);
}

/* ---- values ---- */

static void put_sized(struct maker *maker, const struct fy_buf *bytes)
{
    put_varint(maker, bytes->size);
    put(maker, bytes->data, bytes->size);
}

/* Text and what only looks like it. */
static void put_text(struct maker *maker)
{
    static const char *const pieces[] = {"a",
                                         "name",
                                         "\"",
                                         "\\",
                                         "/",
                                         "\n",
                                         "\r\n",
                                         "\t",
                                         "=",
                                         " ",
                                         "\x7f",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x98\x80",
                                         "\xff",
                                         "\x80",
                                         "\xc0\xaf",
                                         "\xed\xa0\x80",
                                         "\xf4\x90\x80\x80",
                                         "\xe2\x82",
                                         "\x01"};
    struct fy_buf text;

    fy_buf_init(&text, 0);
    for (uint64_t i = chance_below(maker->chance, 8); i > 0; i--) {
        const char *piece = pieces[chance_below(maker->chance, FY_ARRAY_SIZE(pieces))];
        cr_assert_eq(fy_buf_append(&text, piece, strlen(piece), NULL), 0);
        if (once_in(maker, 10))
            cr_assert_eq(fy_buf_append(&text, "", 1, NULL), 0);
    }
    put_sized(maker, &text);
    fy_buf_done(&text);
}

static void put_bytes(struct maker *maker)
{
    struct fy_buf bytes;

    fy_buf_init(&bytes, 0);
    for (uint64_t i = chance_below(maker->chance, 130); i > 0; i--) {
        uint8_t byte = (uint8_t)chance_below(maker->chance, 256);
        cr_assert_eq(fy_buf_append(&bytes, &byte, 1, NULL), 0);
    }
    put_sized(maker, &bytes);
    fy_buf_done(&bytes);
}

/* Sizes of what follows the entry are kept small. */
static bool is_size(const ProtobufCFieldDescriptor *field)
{
    static const char *const names[] = {"bytes", "length", "inq_len", "outq_len", "keys_bytes", "values_bytes",
                                        "nsems", "qnum",   "size",    "len",      "msize"};

    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++)
        if (strcmp(field->name, names[i]) == 0)
            return true;
    return false;
}

static uint64_t any_value(struct maker *maker, const ProtobufCFieldDescriptor *field)
{
    const ProtobufCEnumDescriptor *names = field->descriptor;
    uint64_t value = any_number(maker);

    if (is_size(field))
        return chance_below(maker->chance, strcmp(field->name, "qnum") == 0 ? 4 : 200);
    if (strcmp(field->name, "img_version") == 0 || (maker->is_pagemap && strcmp(field->name, "flags") == 0))
        return value % 3;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return maker->is_odd && once_in(maker, 10) ? value : value % 2;
    case PROTOBUF_C_TYPE_ENUM:
        if (once_in(maker, 2))
            return (uint64_t)(int64_t)names->values[value % names->n_values].value;
        return (uint64_t)(int64_t)(int32_t)(uint32_t)value;
    case PROTOBUF_C_TYPE_INT32:
        return (uint64_t)(int64_t)(int32_t)(uint32_t)value;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
        return maker->is_odd && once_in(maker, 20) ? value : (uint32_t)value;
    default:
        return value;
    }
}

static void put_message(struct maker *maker, const ProtobufCMessageDescriptor *descriptor, unsigned depth);

static void put_inner(struct maker *maker, const ProtobufCMessageDescriptor *descriptor, unsigned depth)
{
    struct maker inner = *maker;
    struct fy_buf bytes;

    fy_buf_init(&bytes, 0);
    inner.out = &bytes;
    put_message(&inner, descriptor, depth + 1);
    put_sized(maker, &bytes);
    fy_buf_done(&bytes);
}

static void put_value(struct maker *maker, const ProtobufCFieldDescriptor *field, unsigned depth)
{
    uint64_t value;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        put_key(maker, field->id, FY_WIRE_BYTES);
        put_inner(maker, field->descriptor, depth);
        break;
    case PROTOBUF_C_TYPE_STRING:
        put_key(maker, field->id, FY_WIRE_BYTES);
        put_text(maker);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        put_key(maker, field->id, FY_WIRE_BYTES);
        if (once_in(maker, 2))
            put_text(maker);
        else
            put_bytes(maker);
        break;
    case PROTOBUF_C_TYPE_FIXED64:
        put_key(maker, field->id, FY_WIRE_FIXED64);
        value = any_number(maker);
        put(maker, &value, 8);
        break;
    default:
        put_key(maker, field->id, FY_WIRE_VARINT);
        put_varint(maker, any_value(maker, field));
    }
}

/* ---- messages ---- */

static void put_unknown(struct maker *maker, const ProtobufCMessageDescriptor *descriptor)
{
    static const enum fy_wire_type types[] = {FY_WIRE_VARINT, FY_WIRE_FIXED64, FY_WIRE_BYTES, FY_WIRE_FIXED32};
    enum fy_wire_type type = types[chance_below(maker->chance, 4)];
    uint32_t tag = (uint32_t)chance_below(maker->chance, once_in(maker, 2) ? 300 : FY_WIRE_TAG_MAX) + 1;
    uint64_t value = any_number(maker);

    /* A known field in the wrong type is one that is not known. */
    if (protobuf_c_message_descriptor_get_field(descriptor, tag) && type != FY_WIRE_FIXED32)
        return;
    put_key(maker, tag, type);
    if (type == FY_WIRE_VARINT)
        put_varint(maker, value);
    else if (type == FY_WIRE_BYTES)
        put_bytes(maker);
    else
        put(maker, &value, type == FY_WIRE_FIXED64 ? 8 : 4);
}

static void put_packed(struct maker *maker, const ProtobufCFieldDescriptor *field)
{
    struct maker inner = *maker;
    struct fy_buf bytes;

    fy_buf_init(&bytes, 0);
    inner.out = &bytes;
    for (uint64_t i = chance_below(maker->chance, 4); i > 0; i--)
        put_varint(&inner, any_value(maker, field));
    put_key(maker, field->id, FY_WIRE_BYTES);
    put_sized(maker, &bytes);
    fy_buf_done(&bytes);
}

static bool is_packable(const ProtobufCFieldDescriptor *field)
{
    return field->type != PROTOBUF_C_TYPE_MESSAGE && field->type != PROTOBUF_C_TYPE_STRING &&
           field->type != PROTOBUF_C_TYPE_BYTES && field->type != PROTOBUF_C_TYPE_FIXED64;
}

static uint64_t how_many(struct maker *maker, const ProtobufCFieldDescriptor *field, unsigned depth)
{
    if (maker->is_odd && once_in(maker, 20))
        return chance_below(maker->chance,
                            3); /* also none, of what must be there, and two, of what may be there once */
    if (field->label == PROTOBUF_C_LABEL_REQUIRED)
        return 1;
    if (depth >= DEPTH_MAX)
        return 0;
    return chance_below(maker->chance, field->label == PROTOBUF_C_LABEL_REPEATED ? 6 : 2);
}

static void put_field(struct maker *maker, const ProtobufCFieldDescriptor *field, unsigned depth)
{
    if (maker->is_odd && field->label == PROTOBUF_C_LABEL_REPEATED && is_packable(field) && once_in(maker, 3)) {
        put_packed(maker, field);
        return;
    }
    for (uint64_t count = how_many(maker, field, depth); count > 0; count--)
        put_value(maker, field, depth);
}

static void put_message(struct maker *maker, const ProtobufCMessageDescriptor *descriptor, unsigned depth)
{
    unsigned count = descriptor->n_fields, from = 0;

    if (maker->is_odd && count > 0 && once_in(maker, 5))
        from = (unsigned)chance_below(maker->chance, count);
    if (maker->is_odd && !maker->is_pagemap && once_in(maker, 10))
        put_unknown(maker, descriptor);
    for (unsigned i = 0; i < count; i++)
        put_field(maker, &descriptor->fields[(from + i) % count], depth);
    while (!maker->is_pagemap && once_in(maker, 4))
        put_unknown(maker, descriptor);
}

/* ---- entries ---- */

static void put_content(struct maker *maker, uint64_t bytes, unsigned unit)
{
    for (uint64_t i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)chance_below(maker->chance, 256);
        put(maker, &byte, 1);
    }
    for (uint64_t i = bytes; i % unit != 0; i++) {
        uint8_t byte = maker->is_odd && once_in(maker, 4) ? 7 : 0;
        put(maker, &byte, 1);
    }
}

static void put_queue(struct maker *maker, uint64_t count)
{
    for (; count > 0; count--) {
        struct maker inner = *maker;
        struct fy_buf bytes;
        fy_buf_init(&bytes, 0);
        inner.out = &bytes;
        put_message(&inner, &ipc_msg__descriptor, 0);
        put_word(maker->out, bytes.size);
        put(maker, bytes.data, bytes.size);
        put_content(maker, fy_wire_number(&ipc_msg__descriptor, bytes.data, bytes.size, 2), 8);
        fy_buf_done(&bytes);
    }
}

struct entry {
    const ProtobufCMessageDescriptor *descriptor;
    struct fy_buf bytes;
};

static uint64_t says(const struct entry *entry, const char *name)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(entry->descriptor, name);
    return fy_wire_number(entry->descriptor, entry->bytes.data, entry->bytes.size, field->id);
}

/* True: more entries may follow. */
static bool put_payload(struct maker *maker, const struct fy_image_type *type, const struct entry *entry, bool is_first)
{
    switch (type->payload) {
    case FY_PAYLOAD_NONE:
        break;
    case FY_PAYLOAD_PIPE_DATA:
        put_content(maker, says(entry, "bytes"), 1);
        break;
    case FY_PAYLOAD_SOCKET_PACKET:
        put_content(maker, says(entry, "length"), 1);
        break;
    case FY_PAYLOAD_TCP_STREAM:
        put_content(maker, says(entry, "inq_len") + says(entry, "outq_len"), 1);
        break;
    case FY_PAYLOAD_BPF_MAP:
        put_content(maker, says(entry, "keys_bytes") + says(entry, "values_bytes"), 1);
        break;
    case FY_PAYLOAD_GHOST_FILE:
        if (!is_first) {
            put_content(maker, says(entry, "len"), 1);
            break;
        }
        if (says(entry, "chunks"))
            break;
        if ((says(entry, "mode") & 0170000) == 0100000)
            put_content(maker, chance_below(maker->chance, 300), 1);
        return false;
    case FY_PAYLOAD_IPC_SEMAPHORES:
        put_content(maker, says(entry, "nsems") * 2, 8);
        break;
    case FY_PAYLOAD_IPC_MESSAGES:
        put_queue(maker, says(entry, "qnum"));
        break;
    case FY_PAYLOAD_IPC_SEGMENT:
        if (!says(entry, "in_pagemaps"))
            put_content(maker, says(entry, "size"), 4);
        break;
    }
    return true;
}

void random_image(struct chance *chance, const struct fy_image_type *type, const struct random_options *options,
                  struct fy_buf *image)
{
    struct maker maker = {.chance = chance,
                          .is_odd = options->is_odd,
                          .out = image,
                          .is_pagemap = type->kind == FY_IMAGE_PAGEMAP || type->kind == FY_IMAGE_PAGEMAP_SHMEM};
    uint64_t count = type->rest ? 1 + chance_below(chance, 4) : 1;
    bool more = true;

    if (!options->is_v1_0 && type->kind != FY_IMAGE_INVENTORY)
        put_word(image, fy_catalogue_is_service(type) ? 0x55105940 : 0x54564319);
    put_word(image, type->magic);
    for (uint64_t i = 0; i < count && more; i++) {
        struct entry entry = {.descriptor = i == 0 ? type->first : type->rest};
        struct maker inner = maker;
        fy_buf_init(&entry.bytes, 0);
        inner.out = &entry.bytes;
        put_message(&inner, entry.descriptor, 0);
        put_word(image, entry.bytes.size);
        put(&maker, entry.bytes.data, entry.bytes.size);
        more = put_payload(&maker, type, &entry, i == 0);
        fy_buf_done(&entry.bytes);
    }
}
