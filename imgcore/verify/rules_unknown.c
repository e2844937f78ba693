/* Fields and numbers that the schema does not have: written by a newer CRIU, or damage that happens to be well formed.
 */
#include "set.h"
#include <inttypes.h>

struct place {
    const struct fy_set *set;
    const struct set_file *file;
    uint64_t entry;
};

static void look_through(const struct place *place, const ProtobufCMessage *message);

static size_t count_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const char *base = (const char *)message;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)(const void *)(base + field->quantifier_offset);
    if (field->label == PROTOBUF_C_LABEL_REQUIRED || field->type == PROTOBUF_C_TYPE_MESSAGE)
        return 1;
    return *(const protobuf_c_boolean *)(const void *)(base + field->quantifier_offset) ? 1 : 0;
}

/* Where the values of the field begin; they stand one behind the other. */
static const void *values_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const void *member = (const char *)message + field->offset;

    return field->label == PROTOBUF_C_LABEL_REPEATED ? *(const void *const *)member : member;
}

static void check_numbers(const struct place *place, const ProtobufCMessage *message,
                          const ProtobufCFieldDescriptor *field)
{
    const int *values = values_of(message, field);

    for (size_t i = 0, count = count_of(message, field); i < count; i++)
        if (!protobuf_c_enum_descriptor_get_value(field->descriptor, values[i]))
            fy_set_report_entry(place->set, FY_FINDING_NUMBER_UNKNOWN, place->file->name, place->entry,
                                "%s.%s is %d, which is not known here", message->descriptor->name, field->name,
                                values[i]);
}

static void check_messages(const struct place *place, const ProtobufCMessage *message,
                           const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessage *const *values = values_of(message, field);

    for (size_t i = 0, count = count_of(message, field); i < count; i++)
        if (values[i])
            look_through(place, values[i]);
}

/* The depth of messages was limited when they were read. */
static void look_through(const struct place *place, const ProtobufCMessage *message)
{
    if (message->n_unknown_fields > 0)
        fy_set_report_entry(place->set, FY_FINDING_FIELD_UNKNOWN, place->file->name, place->entry,
                            "%s has the field %" PRIu32 ", which is not known here", message->descriptor->name,
                            message->unknown_fields[0].tag);
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type == PROTOBUF_C_TYPE_ENUM)
            check_numbers(place, message, field);
        else if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            check_messages(place, message, field);
    }
}

void fy_rules_unknown(const struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry)
{
    bool is_pagemap = file->type->kind == FY_IMAGE_PAGEMAP || file->type->kind == FY_IMAGE_PAGEMAP_SHMEM;

    /* Of pagemaps there may be millions of entries, and unknown fields in them mean that pages are compressed. */
    if (!is_pagemap)
        look_through(&(struct place){set, file, entry->number}, entry->message);
}
