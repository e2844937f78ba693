/* An object becomes a message. Its keys may come in any order; the fields go into the order of their tags, as CRIU
 * writes them. */
#include "encode_private.h"
#include "json_window.h"
#include "wire_put.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <stdio.h>

#define ORDER_UNKNOWN UINT32_MAX /* after all fields */
#define FIELDS_GUESSED 4         /* keys mostly come in the order of the tags: so many are looked at first */

/* ---- keys ---- */

static bool names_field(const ProtobufCFieldDescriptor *field, const char *key, size_t size)
{
    size_t i = 0;

    while (i < size && field->name[i] == key[i] && key[i])
        i++;
    return i == size && !field->name[i];
}

/* The field that the next key names, if it is one of the next few and plainly written; then the key is passed over. */
static const ProtobufCFieldDescriptor *guess_field(struct encoder *encoder, const struct frame *frame)
{
    const ProtobufCMessageDescriptor *descriptor = frame->descriptor;
    const char *key = fy_json_peek_key(encoder->lexer);

    for (unsigned i = frame->next; key && i < descriptor->n_fields && i < frame->next + FIELDS_GUESSED; i++) {
        const char *name = descriptor->fields[i].name;
        size_t size = 0;
        while (name[size] && name[size] == key[size])
            size++;
        if (name[size] || key[size] != '"' || key[size + 1] != ':')
            continue;
        fy_json_take_key(encoder->lexer, key, size);
        return &descriptor->fields[i];
    }
    return NULL;
}

static const ProtobufCFieldDescriptor *find_field(struct frame *frame, const char *key, size_t size)
{
    const ProtobufCMessageDescriptor *descriptor = frame->descriptor;
    char name[64];

    for (unsigned i = frame->next; i < descriptor->n_fields && i < frame->next + FIELDS_GUESSED; i++)
        if (names_field(&descriptor->fields[i], key, size))
            return &descriptor->fields[i];
    if (size == 0 || size >= sizeof(name) || memchr(key, '\0', size)) /* an empty key may have no bytes at all */
        return NULL;
    memcpy(name, key, size);
    name[size] = '\0';
    return protobuf_c_message_descriptor_get_field_by_name(descriptor, name);
}

static bool is_key(const char *key, size_t size, const char *wanted)
{
    return size == strlen(wanted) && memcmp(key, wanted, size) == 0;
}

static int refuse_key(struct encoder *encoder, const struct frame *frame, const char *key, size_t size,
                      struct fy_error *err)
{
    const ProtobufCMessageDescriptor *descriptor = frame->descriptor;
    const char *names[FRAME_FIELDS_MAX], *near;
    char text[64];

    for (unsigned i = 0; i < descriptor->n_fields && i < FRAME_FIELDS_MAX; i++)
        names[i] = descriptor->fields[i].name;
    (void)snprintf(text, sizeof(text), "%.*s", (int)(size < 60 ? size : 60), key);
    near = fy_text_nearest(text, names, descriptor->n_fields);
    (void)fy_encode_refuse(encoder, err, "%s has no field \"%s\"%s%s%s", descriptor->name, text,
                           near ? "; the nearest is \"" : "", near ? near : "", near ? "\"" : "");
    return fy_error_next(err, "correct the key or leave it out: what it holds would be lost");
}

static int refuse_twice(struct encoder *encoder, const char *key, size_t size, struct fy_error *err)
{
    return fy_encode_refuse(encoder, err, "the key \"%.*s\" is there twice", (int)size, key);
}

static bool has_bit(const uint64_t *bits, size_t index)
{
    return bits[index / 64] >> index % 64 & 1;
}

static void end_part(struct encoder *encoder, struct frame *frame, uint32_t order, size_t begin)
{
    unsigned i = frame->part_count++;

    frame->part_order[i] = order;
    frame->part_bytes[i] = encoder->wire.size - begin;
    if (i > 0 && order < frame->part_order[i - 1])
        frame->in_order = false;
}

static int read_field(struct encoder *encoder, struct frame *frame, const ProtobufCFieldDescriptor *field,
                      struct fy_error *err)
{
    size_t index = (size_t)(field - frame->descriptor->fields), begin = encoder->wire.size;

    if (has_bit(frame->seen, index))
        return refuse_twice(encoder, field->name, strlen(field->name), err);
    frame->seen[index / 64] |= (uint64_t)1 << index % 64;
    frame->next = (unsigned)index + 1;
    if (fy_encode_field(encoder, frame, field, err) < 0)
        return -1;
    if (field != frame->unix_name) /* which is put at the end */
        end_part(encoder, frame, (uint32_t)index, begin);
    return 0;
}

/* Keys that are not fields: 1 if it was one. */
static int read_special(struct encoder *encoder, struct frame *frame, const char *key, size_t size,
                        struct fy_error *err)
{
    size_t begin = encoder->wire.size;

    if (is_key(key, size, "@unknown")) {
        if (frame->has_unknown)
            return refuse_twice(encoder, key, size, err);
        frame->has_unknown = true;
        if (fy_encode_at_unknown(encoder, err) < 0)
            return -1;
        end_part(encoder, frame, ORDER_UNKNOWN, begin);
        return 1;
    }
    if (!frame->is_entry)
        return 0;
    if (is_key(key, size, "@wire"))
        return fy_encode_at_wire(encoder, err) < 0 ? -1 : 1;
    if (encoder->type->payload == FY_PAYLOAD_NONE)
        return 0;
    if (is_key(key, size, "extra"))
        return fy_encode_extra(encoder, err) < 0 ? -1 : 1;
    if (is_key(key, size, "@extra"))
        return fy_encode_at_extra(encoder, err) < 0 ? -1 : 1;
    return 0;
}

/* A key that was not guessed. */
static int read_key(struct encoder *encoder, struct frame *frame, const char *key, size_t size, struct fy_error *err)
{
    const ProtobufCFieldDescriptor *field = find_field(frame, key, size);
    int special;

    if (frame->is_entry && encoder->extra.is_written && !is_key(key, size, "extra") && !is_key(key, size, "@extra"))
        return fy_encode_refuse(encoder, err, "\"%.*s\" comes after an \"extra\" of more than %zu bytes; put it before",
                                (int)size, key, FY_ENCODE_EXTRA_KEPT_BYTES);
    if (field)
        return read_field(encoder, frame, field, err);
    special = read_special(encoder, frame, key, size, err);
    if (special != 0)
        return special < 0 ? -1 : 0;
    return refuse_key(encoder, frame, key, size, err);
}

/* 1: there was one; 0: the object has ended. */
static int read_member(struct encoder *encoder, struct frame *frame, struct fy_error *err)
{
    const ProtobufCFieldDescriptor *field = NULL;
    const char *key;
    size_t size;
    int more;

    if (!frame->is_entry || !encoder->extra.is_written)
        field = guess_field(encoder, frame);
    if (field)
        return read_field(encoder, frame, field, err) < 0 ? -1 : 1;
    more = fy_json_key(encoder->lexer, &key, &size, err);
    if (more <= 0)
        return more;
    return read_key(encoder, frame, key, size, err) < 0 ? -1 : 1;
}

/* ---- the end of a message ---- */

static void note_missing(struct encoder *encoder, const struct frame *frame, const ProtobufCFieldDescriptor *field)
{
    struct json_place place = encoder->lexer->token;

    if (fy_error_is_set(&encoder->missing))
        return;
    encoder->lexer->token = frame->place;
    (void)fy_encode_refuse(encoder, &encoder->missing, "the required field \"%s\" of %s is missing", field->name,
                           frame->descriptor->name);
    encoder->lexer->token = place;
}

static const struct required *required_of(struct encoder *encoder, const ProtobufCMessageDescriptor *descriptor)
{
    struct required *required = &encoder->required[(uintptr_t)descriptor / sizeof(*descriptor) % REQUIRED_CACHE_SIZE];

    if (required->descriptor == descriptor)
        return required;
    *required = (struct required){.descriptor = descriptor};
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (descriptor->fields[i].label == PROTOBUF_C_LABEL_REQUIRED)
            required->fields[i / 64] |= (uint64_t)1 << i % 64;
    return required;
}

static void check_required(struct encoder *encoder, const struct frame *frame)
{
    const struct required *required = required_of(encoder, frame->descriptor);

    if (!(required->fields[0] & ~frame->seen[0]) && !(required->fields[1] & ~frame->seen[1]))
        return;
    for (unsigned i = 0; i < frame->descriptor->n_fields; i++)
        if (has_bit(required->fields, i) && !has_bit(frame->seen, i))
            note_missing(encoder, frame, &frame->descriptor->fields[i]);
}

/* Copies the parts aside, the one with the smallest tag first, and back. */
static int sort_parts(struct encoder *encoder, struct frame *frame, struct fy_error *err)
{
    size_t size = encoder->wire.size - frame->begin;
    uint32_t last = 0;

    encoder->sorted.size = 0;
    for (unsigned taken = 0; taken < frame->part_count; taken++) {
        size_t offset = 0, found_offset = 0;
        unsigned found = frame->part_count;
        for (unsigned i = 0; i < frame->part_count; offset += frame->part_bytes[i++]) {
            if ((taken > 0 && frame->part_order[i] <= last) ||
                (found < frame->part_count && frame->part_order[i] > frame->part_order[found]))
                continue;
            found = i;
            found_offset = offset;
        }
        last = frame->part_order[found];
        if (fy_buf_append(&encoder->sorted, encoder->wire.data + frame->begin + found_offset, frame->part_bytes[found],
                          err) < 0)
            return -1;
    }
    if (size > 0)
        memcpy(encoder->wire.data + frame->begin, encoder->sorted.data, size);
    return 0;
}

int fy_encode_finish_frame(struct encoder *encoder, struct frame *frame, struct fy_error *err)
{
    check_required(encoder, frame);
    if (frame->unix_name) {
        size_t begin = encoder->wire.size;
        if (fy_encode_unix_name(encoder, frame, err) < 0)
            return -1;
        end_part(encoder, frame, (uint32_t)(frame->unix_name - frame->descriptor->fields), begin);
    }
    return frame->in_order ? 0 : sort_parts(encoder, frame, err);
}

int fy_encode_object(struct encoder *encoder, struct frame *frame, const ProtobufCMessageDescriptor *descriptor,
                     struct fy_error *err)
{
    int more;

    frame->descriptor = descriptor; /* not cleared as a whole: this runs for every message */
    frame->is_entry = frame == encoder->entry;
    frame->place = encoder->lexer->token;
    frame->seen[0] = frame->seen[1] = 0;
    frame->next = 0;
    frame->begin = encoder->wire.size;
    frame->in_order = true;
    frame->part_count = 0;
    frame->has_unknown = false;
    frame->unix_name = NULL;
    frame->quoted_before = encoder->quoted_count;
    while ((more = read_member(encoder, frame, err)) > 0)
        continue;
    if (more < 0)
        return -1;
    return frame->is_entry && encoder->extra.is_written ? 0 : fy_encode_finish_frame(encoder, frame, err);
}
