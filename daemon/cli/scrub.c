/* Control characters are those below 0x20, 0x7f, and U+0080 to U+009f, which some terminals obey as well. */
#include "scrub.h"

#include <string.h>

void scrub_text(char *text, size_t size, bool keep_lines)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (keep_lines && (c == '\n' || c == '\t'))
            continue;
        if (c < 0x20 || c == 0x7f) {
            text[i] = '?';
        } else if (c == 0xc2 && i + 1 < size && ((unsigned char)text[i + 1] & 0xe0) == 0x80) {
            text[i] = '?';
            text[i + 1] = '?';
        }
    }
}

static void scrub_value(const ProtobufCFieldDescriptor *field, void *value)
{
    void *pointer = *(void **)value;
    if (!pointer)
        return;
    if (field->type == PROTOBUF_C_TYPE_STRING && pointer != field->default_value)
        scrub_text(pointer, strlen(pointer), false);
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        scrub_message(pointer);
}

static void scrub_field(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    char *base = (char *)message;
    if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
        return;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        if (*(uint32_t *)(void *)(base + field->quantifier_offset) == field->id)
            scrub_value(field, base + field->offset);
    } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = *(size_t *)(void *)(base + field->quantifier_offset);
        void **values = *(void ***)(void *)(base + field->offset);
        for (size_t i = 0; i < count; i++)
            scrub_value(field, &values[i]);
    } else {
        scrub_value(field, base + field->offset);
    }
}

void scrub_message(ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        scrub_field(message, &message->descriptor->fields[i]);
}
