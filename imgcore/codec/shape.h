/* What is known of a message before its bytes are looked at, put together once for all messages of an image: which rule
 * each field is shown by, and the shape of the messages in it. */
#ifndef FERRY_CODEC_SHAPE_H
#define FERRY_CODEC_SHAPE_H

#include "emit.h"
#include <ferry/base/error.h>
#include <ferry/imgcore/display.h>
#include <ferry/imgcore/wire_field.h>

struct shape_field {
    const ProtobufCFieldDescriptor *field;
    const struct fy_display *display; /* NULL: as it is */
    const struct shape *inner;        /* of a message */
    int wire_type;                    /* that its values have; -1: of a type that CRIU does not use */
    bool is_repeated;
    struct emit_key key; /* its name */
};

#define SHAPE_QUICK_TAGS 64

struct shape {
    struct shape *next;
    const ProtobufCMessageDescriptor *descriptor;
    bool is_hex; /* its numbers are shown as hexadecimal ones */
    unsigned required_count;
    unsigned count;
    uint8_t quick[SHAPE_QUICK_TAGS]; /* by tag: one more than the index of its field; 0: there is none */
    struct shape_field fields[];     /* by tag */
};

struct shapes {
    struct shape *first;
};

/* The shape of a message, made if it is asked for the first time. NULL: no memory. */
const struct shape *fy_shape_of(struct shapes *shapes, const ProtobufCMessageDescriptor *descriptor, bool is_hex,
                                struct fy_error *err);
void fy_shapes_done(struct shapes *shapes);

/* For fy_shape_match: the field with a large tag. */
const struct shape_field *fy_shape_search(const struct shape *shape, uint32_t tag);

/* The field that `found` is a value of (or several, where they are packed), or NULL: none of the message's. */
static inline const struct shape_field *fy_shape_match(const struct shape *shape, const struct fy_wire_field *found)
{
    const struct shape_field *field;

    if (found->tag >= SHAPE_QUICK_TAGS)
        field = fy_shape_search(shape, found->tag);
    else
        field = shape->quick[found->tag] ? &shape->fields[shape->quick[found->tag] - 1] : NULL;
    if (!field || field->wire_type == (int)found->type ||
        (field->is_repeated && field->wire_type >= 0 && found->type == FY_WIRE_BYTES))
        return field;
    return NULL;
}

/* Whether `found`, a value of `field`, is several ones. */
static inline bool fy_shape_is_packed(const struct shape_field *field, const struct fy_wire_field *found)
{
    return found->type == FY_WIRE_BYTES && field->wire_type != FY_WIRE_BYTES;
}

#endif
