/* Are our protos CRIU's schema? criu-schema.tsv states it, one field or enum value a line; the compiled descriptors
 * must say the same: nothing else, nothing more and nothing less. */
#include "criu-descriptors.h"
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum column { FILE_NAME, KIND, OWNER, NUMBER, LABEL, TYPE, NAME, DEFAULT, OPTIONS, COLUMNS };

struct fact {
    char line[512];
    const char *column[COLUMNS];
};

#define MESSAGE_POINTER(symbol) &symbol,
static const ProtobufCMessageDescriptor *const messages[] = {CRIU_MESSAGES(MESSAGE_POINTER)};
static const ProtobufCEnumDescriptor *const enums[] = {CRIU_ENUMS(MESSAGE_POINTER)};
static const size_t message_count = sizeof(messages) / sizeof(messages[0]);
static const size_t enum_count = sizeof(enums) / sizeof(enums[0]);

static void split(struct fact *fact, const char *line)
{
    size_t column = 0;
    (void)snprintf(fact->line, sizeof(fact->line), "%s", line);
    fact->line[strcspn(fact->line, "\n")] = '\0';
    for (char *rest = fact->line; column < COLUMNS; column++) {
        char *cell = strsep(&rest, "\t");
        fact->column[column] = cell ? cell : "";
    }
}

static const ProtobufCMessageDescriptor *find_message(const char *name)
{
    for (size_t i = 0; i < message_count; i++)
        if (strcmp(messages[i]->name, name) == 0)
            return messages[i];
    return NULL;
}

static const ProtobufCEnumDescriptor *find_enum(const char *name)
{
    for (size_t i = 0; i < enum_count; i++)
        if (strcmp(enums[i]->name, name) == 0)
            return enums[i];
    return NULL;
}

static const char *label_name(ProtobufCLabel label)
{
    static const char *const names[] = {[PROTOBUF_C_LABEL_REQUIRED] = "required",
                                        [PROTOBUF_C_LABEL_OPTIONAL] = "optional",
                                        [PROTOBUF_C_LABEL_REPEATED] = "repeated"};
    return label < sizeof(names) / sizeof(names[0]) && names[label] ? names[label] : "none";
}

/* "uint32", "message fown_entry", "enum core_entry.march" */
static void type_name(const ProtobufCFieldDescriptor *field, char text[128])
{
    static const char *const names[] = {
        [PROTOBUF_C_TYPE_INT32] = "int32",     [PROTOBUF_C_TYPE_SINT32] = "sint32", [PROTOBUF_C_TYPE_INT64] = "int64",
        [PROTOBUF_C_TYPE_SINT64] = "sint64",   [PROTOBUF_C_TYPE_UINT32] = "uint32", [PROTOBUF_C_TYPE_UINT64] = "uint64",
        [PROTOBUF_C_TYPE_FIXED64] = "fixed64", [PROTOBUF_C_TYPE_BOOL] = "bool",     [PROTOBUF_C_TYPE_STRING] = "string",
        [PROTOBUF_C_TYPE_BYTES] = "bytes"};

    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        (void)snprintf(text, 128, "message %s", ((const ProtobufCMessageDescriptor *)field->descriptor)->name);
    else if (field->type == PROTOBUF_C_TYPE_ENUM)
        (void)snprintf(text, 128, "enum %s", ((const ProtobufCEnumDescriptor *)field->descriptor)->name);
    else if (field->type < sizeof(names) / sizeof(names[0]) && names[field->type])
        (void)snprintf(text, 128, "%s", names[field->type]);
    else
        (void)snprintf(text, 128, "type %d", (int)field->type);
}

static void enum_value_name(const ProtobufCFieldDescriptor *field, int value, char text[64])
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(field->descriptor, value);
    (void)snprintf(text, 64, "%s", known ? known->name : "not a value");
}

/* As the table writes it; "" when the field has none. */
static void default_text(const ProtobufCFieldDescriptor *field, char text[64])
{
    const void *value = field->default_value;

    text[0] = '\0';
    if (!value)
        return;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        (void)snprintf(text, 64, "%s", *(const protobuf_c_boolean *)value ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
        (void)snprintf(text, 64, "%" PRId32, *(const int32_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT32:
        (void)snprintf(text, 64, "%" PRIu32, *(const uint32_t *)value);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        enum_value_name(field, *(const int *)value, text);
        break;
    default:
        (void)snprintf(text, 64, "a default of a type that no default is known for");
    }
}

static const char *field_mismatch(const struct fact *fact)
{
    const ProtobufCMessageDescriptor *message = find_message(fact->column[OWNER]);
    const ProtobufCFieldDescriptor *field;
    char text[128];

    if (!message)
        return "no such message";
    if (message->package_name[0])
        return "the message is in a package";
    field = protobuf_c_message_descriptor_get_field_by_name(message, fact->column[NAME]);
    if (!field)
        return "no such field";
    if (field->id != strtoul(fact->column[NUMBER], NULL, 10))
        return "another number";
    if (strcmp(label_name(field->label), fact->column[LABEL]) != 0)
        return "another label";
    if (field->flags & (PROTOBUF_C_FIELD_FLAG_PACKED | PROTOBUF_C_FIELD_FLAG_ONEOF))
        return "packed, or part of a oneof";
    type_name(field, text);
    if (strcmp(text, fact->column[TYPE]) != 0)
        return "another type";
    default_text(field, text);
    return strcmp(text, fact->column[DEFAULT]) == 0 ? NULL : "another default";
}

static const char *enum_mismatch(const struct fact *fact)
{
    const ProtobufCEnumDescriptor *type = find_enum(fact->column[OWNER]);
    const ProtobufCEnumValue *value;

    if (!type)
        return "no such enum";
    value = protobuf_c_enum_descriptor_get_value_by_name(type, fact->column[NAME]);
    if (!value)
        return "no such value";
    return value->value == strtol(fact->column[NUMBER], NULL, 10) ? NULL : "another number";
}

static const char *mismatch(const char *line, size_t *fields, size_t *values)
{
    struct fact fact;

    split(&fact, line);
    if (strcmp(fact.column[KIND], "field") == 0) {
        ++*fields;
        return field_mismatch(&fact);
    }
    if (strcmp(fact.column[KIND], "enum") == 0) {
        ++*values;
        return enum_mismatch(&fact);
    }
    return "neither a field nor an enum value";
}

Test(criu_schema, wrong_facts_are_noticed)
{
    static const struct {
        const char *line, *complaint;
    } wrong[] = {
        {"x\tfield\tno_such_entry\t1\trequired\tuint32\tpid\t\t", "no such message"},
        {"x\tfield\tpstree_entry\t1\trequired\tuint32\tpidd\t\t", "no such field"},
        {"x\tfield\tpstree_entry\t2\trequired\tuint32\tpid\t\t", "another number"},
        {"x\tfield\tpstree_entry\t1\toptional\tuint32\tpid\t\t", "another label"},
        {"x\tfield\tpstree_entry\t1\trequired\tuint64\tpid\t\t", "another type"},
        {"x\tfield\tpstree_entry\t1\trequired\tuint32\tpid\t0\t", "another default"},
        {"x\tfield\treg_file_entry\t7\toptional\tsint32\tmnt_id\t\t", "another default"},
        {"x\tfield\treg_file_entry\t5\trequired\tmessage fs_entry\tfown\t\t", "another type"},
        {"x\tfield\tcriu_opts\t61\toptional\tenum criu_pre_dump_mode\tpre_dump_mode\tVM_READ\t", "another default"},
        {"x\tenum\tno_such_enum\t0\t\t\tNO_LSM\t\t", "no such enum"},
        {"x\tenum\tlsmtype\t0\t\t\tNONE\t\t", "no such value"},
        {"x\tenum\tlsmtype\t1\t\t\tNO_LSM\t\t", "another number"},
        {"x\toneof\tlsmtype\t1\t\t\tNO_LSM\t\t", "neither a field nor an enum value"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        size_t fields = 0, values = 0;
        const char *complaint = mismatch(wrong[i].line, &fields, &values);
        cr_expect_str_eq(complaint ? complaint : "nothing", wrong[i].complaint, "%s", wrong[i].line);
    }
}

Test(criu_schema, descriptors_say_what_the_table_says)
{
    FILE *table = fopen(TEST_SOURCE_DIR "/criu-schema.tsv", "re");
    char line[512];
    size_t fields = 0, values = 0, fields_here = 0, values_here = 0;

    cr_assert_not_null(table);
    while (fgets(line, sizeof(line), table)) {
        const char *complaint = line[0] == '#' ? NULL : mismatch(line, &fields, &values);
        cr_expect_null(complaint, "%s: %s", complaint, line);
    }
    (void)fclose(table);

    for (size_t i = 0; i < message_count; i++)
        fields_here += messages[i]->n_fields;
    for (size_t i = 0; i < enum_count; i++)
        values_here += enums[i]->n_value_names;
    cr_expect_gt(fields, 0);
    cr_expect_eq(fields, fields_here, "%zu fields in the table, %zu in the protos", fields, fields_here);
    cr_expect_eq(values, values_here, "%zu enum values in the table, %zu in the protos", values, values_here);
}
