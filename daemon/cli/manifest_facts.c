/* Facts as text, and as JSON by the descriptor of the message. */
#include "manifest_facts.h"

#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <string.h>

/* ---- for programs ---- */

static void json_message(const ProtobufCMessage *message, const char *key, struct fy_json *json);

static void json_bytes(const ProtobufCBinaryData *bytes, const char *key, struct fy_json *json)
{
    FY_CLEANUP(fy_buf_done) struct fy_buf buf;

    fy_buf_init(&buf, 0);
    for (size_t i = 0; i < bytes->len; i++)
        (void)fy_buf_printf(&buf, NULL, "%02x", bytes->data[i]);
    FY_AUTO_FREE char *text = fy_buf_take_string(&buf);
    fy_json_string(json, key, text);
}

/* The kinds that the schema has. */
static void json_value(const ProtobufCFieldDescriptor *field, const void *at, const char *key, struct fy_json *json)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        fy_json_string(json, key, *(const char *const *)at);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        json_bytes(at, key, json);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        fy_json_bool(json, key, *(const protobuf_c_boolean *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
        fy_json_uint(json, key, *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
        fy_json_uint(json, key, *(const uint64_t *)at);
        break;
    default:
        json_message(*(const ProtobufCMessage *const *)at, key, json);
        break;
    }
}

static size_t size_of(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_UINT32   ? sizeof(uint32_t)
           : field->type == PROTOBUF_C_TYPE_UINT64 ? sizeof(uint64_t)
                                                   : sizeof(void *);
}

static void json_list(const ProtobufCFieldDescriptor *field, const void *at, size_t count, struct fy_json *json)
{
    const char *items = *(const char *const *)at;

    fy_json_open_array(json, field->name);
    for (size_t i = 0; i < count; i++)
        json_value(field, items + i * size_of(field), NULL, json);
    fy_json_close_array(json);
}

static bool is_set(const ProtobufCFieldDescriptor *field, const void *at, const void *quantifier)
{
    if (field->label == PROTOBUF_C_LABEL_REQUIRED)
        return true;
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(const void *const *)at != NULL;
    return *(const protobuf_c_boolean *)quantifier;
}

static void json_message(const ProtobufCMessage *message, const char *key, struct fy_json *json)
{
    fy_json_open_object(json, key);
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *at = (const char *)message + field->offset;
        const char *quantifier = (const char *)message + field->quantifier_offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            json_list(field, at, *(const size_t *)(const void *)quantifier, json);
        else if (is_set(field, at, quantifier))
            json_value(field, at, field->name, json);
    }
    fy_json_close_object(json);
}

void manifest_facts_json(const Ferry__Manifest__Facts *facts, const char *key, struct fy_json *json)
{
    json_message(&facts->base, key, json);
}

/* ---- for people ---- */

static void print_text(FILE *out, const char *before, const char *text)
{
    FY_AUTO_FREE char *printable = text ? fy_text_printable(text, strlen(text)) : NULL;

    if (printable)
        (void)fprintf(out, "%s%s", before, printable);
}

static void print_words(FILE *out, const char *before, char **words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        print_text(out, i ? " " : before, words[i]);
}

void manifest_facts_print(const Ferry__Manifest__Facts *facts, FILE *out)
{
    char time[FY_CLOCK_TEXT_SIZE];

    (void)fputs("  made", out);
    if (facts->created_us <= INT64_MAX / 2 && facts->created_us > 0) {
        fy_clock_format((int64_t)facts->created_us, time);
        (void)fprintf(out, " %s", time);
    }
    print_text(out, " on ", facts->host);
    print_text(out, ", Linux ", facts->kernel);
    print_text(out, ", CRIU ", facts->criu_version);
    print_text(out, ": ", facts->label);
    (void)fputs("\n  needs", out);
    print_text(out, " ", facts->architecture ? facts->architecture : "nothing in particular");
    if (facts->has_page_bytes)
        (void)fprintf(out, ", pages of %" PRIu32 " bytes", facts->page_bytes);
    if (facts->cpu && facts->cpu->has_xfeatures)
        (void)fprintf(out, ", xfeatures 0x%" PRIx64, facts->cpu->xfeatures);
    print_words(out, ", plugins ", facts->plugins, facts->n_plugins);
    (void)fprintf(out, "; %zu pid%s, %zu path%s, %zu socket%s%s", facts->n_pids, facts->n_pids == 1 ? "" : "s",
                  facts->n_files, facts->n_files == 1 ? "" : "s", facts->n_sockets, facts->n_sockets == 1 ? "" : "s",
                  facts->tcp_established ? " with TCP connections" : "");
    print_words(out, "; namespaces ", facts->namespaces, facts->n_namespaces);
    (void)fputc('\n', out);
}
