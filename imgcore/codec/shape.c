/* Making shapes: a message's is in the list before those of its fields are made, so that a message may hold itself. */
#include "shape.h"
#include <stdlib.h>

static int wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        return FY_WIRE_VARINT;
    case PROTOBUF_C_TYPE_FIXED64:
        return FY_WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return FY_WIRE_BYTES;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    return -1;
}

static bool is_integer(ProtobufCType type)
{
    return type != PROTOBUF_C_TYPE_BOOL && type != PROTOBUF_C_TYPE_ENUM && wire_type_of(type) != FY_WIRE_BYTES;
}

static const struct fy_display *display_of(const struct shape *shape, const ProtobufCFieldDescriptor *field)
{
    if (shape->is_hex && is_integer(field->type))
        return fy_display_hex();
    return fy_display_find(shape->descriptor, field->name);
}

static int fill_field(struct shapes *shapes, struct shape *shape, unsigned index, struct fy_error *err)
{
    const ProtobufCFieldDescriptor *field = &shape->descriptor->fields[index];
    struct shape_field *into = &shape->fields[index];

    *into = (struct shape_field){.field = field,
                                 .display = display_of(shape, field),
                                 .wire_type = wire_type_of(field->type),
                                 .is_repeated = field->label == PROTOBUF_C_LABEL_REPEATED,
                                 .key = fy_emit_known_key_make(field->name)};
    if (field->id < SHAPE_QUICK_TAGS)
        shape->quick[field->id] = (uint8_t)(index + 1); /* by tag: the index is not above it */
    shape->required_count += field->label == PROTOBUF_C_LABEL_REQUIRED;
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return 0;
    into->inner = fy_shape_of(shapes, field->descriptor,
                              shape->is_hex || (into->display && into->display->rule == FY_DISPLAY_HEX), err);
    return into->inner ? 0 : -1;
}

const struct shape *fy_shape_of(struct shapes *shapes, const ProtobufCMessageDescriptor *descriptor, bool is_hex,
                                struct fy_error *err)
{
    struct shape *shape = shapes->first;

    while (shape && (shape->descriptor != descriptor || shape->is_hex != is_hex))
        shape = shape->next;
    if (shape)
        return shape;
    shape = calloc(1, sizeof(*shape) + descriptor->n_fields * sizeof(shape->fields[0]));
    if (!shape) {
        (void)fy_error_set(err, FY_E_NOMEM, "no memory for the shape of a %s", descriptor->name);
        return NULL;
    }
    shape->descriptor = descriptor;
    shape->is_hex = is_hex;
    shape->count = descriptor->n_fields;
    shape->next = shapes->first;
    shapes->first = shape;
    for (unsigned i = 0; i < shape->count; i++)
        if (fill_field(shapes, shape, i, err) < 0)
            return NULL;
    return shape;
}

void fy_shapes_done(struct shapes *shapes)
{
    while (shapes->first) {
        struct shape *shape = shapes->first;
        shapes->first = shape->next;
        free(shape);
    }
}

const struct shape_field *fy_shape_search(const struct shape *shape, uint32_t tag)
{
    for (unsigned i = 0; i < shape->count; i++)
        if (shape->fields[i].field->id == tag)
            return &shape->fields[i];
    return NULL;
}
