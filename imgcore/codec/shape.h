/* What is known of a message before its bytes are looked at, put together once for all messages of an image: which rule
 * each field is shown by, and the shape of the messages in it. */
#ifndef FERRY_CODEC_SHAPE_H
#define FERRY_CODEC_SHAPE_H

#include <ferry/base/error.h>
#include <ferry/imgcore/display.h>
#include <ferry/imgcore/wire_field.h>

struct shape_field {
    const ProtobufCFieldDescriptor *field;
    const struct fy_display *display; /* NULL: as it is */
    const struct shape *inner;        /* of a message */
    int wire_type;                    /* that its values have; -1: of a type that CRIU does not use */
    bool is_repeated;
};

struct shape {
    struct shape *next;
    const ProtobufCMessageDescriptor *descriptor;
    bool is_hex; /* its numbers are shown as hexadecimal ones */
    unsigned required_count;
    unsigned count;
    struct shape_field fields[]; /* by tag */
};

struct shapes {
    struct shape *first;
};

/* The shape of a message, made if it is asked for the first time. NULL: no memory. */
const struct shape *fy_shape_of(struct shapes *shapes, const ProtobufCMessageDescriptor *descriptor, bool is_hex,
                                struct fy_error *err);
void fy_shapes_done(struct shapes *shapes);

/* The field that `found` is a value of (or several, where they are packed), or NULL: none of the message's. */
const struct shape_field *fy_shape_match(const struct shape *shape, const struct fy_wire_field *found);
/* Whether `found`, a value of `field`, is several ones. */
bool fy_shape_is_packed(const struct shape_field *field, const struct fy_wire_field *found);

#endif
