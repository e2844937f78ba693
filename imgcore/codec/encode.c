/* The outermost object, {"magic": …, "@framing": …, "entries": […]}, and the writing of the file. */
#include "encode_private.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC_COMMON 0x54564319u
#define MAGIC_SERVICE 0x55105940u

/* ---- output ---- */

static int flush(struct encoder *encoder, struct fy_error *err)
{
    struct output *output = &encoder->output;
    size_t size = output->size;

    output->size = 0;
    return size == 0 ? 0 : output->write(output->data, output->bytes, size, err);
}

int fy_encode_out(struct encoder *encoder, const void *bytes, size_t size, struct fy_error *err)
{
    struct output *output = &encoder->output;

    if (size > OUTPUT_BYTES - output->size && flush(encoder, err) < 0)
        return -1;
    if (size > OUTPUT_BYTES)
        return output->write(output->data, bytes, size, err);
    if (size > 0)
        memcpy(output->bytes + output->size, bytes, size);
    output->size += size;
    return 0;
}

static int out_word(struct encoder *encoder, uint32_t word, struct fy_error *err)
{
    uint8_t bytes[4] = {(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16), (uint8_t)(word >> 24)};
    return fy_encode_out(encoder, bytes, sizeof(bytes), err);
}

int fy_encode_out_entry(struct encoder *encoder, struct fy_error *err)
{
    const struct fy_buf *message = encoder->has_override ? &encoder->override : &encoder->wire;

    if (out_word(encoder, (uint32_t)message->size, err) < 0)
        return -1;
    return fy_encode_out(encoder, message->data, message->size, err);
}

int fy_encode_refuse(struct encoder *encoder, struct fy_error *err, const char *format, ...)
{
    char text[480];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return fy_json_refuse(encoder->lexer, err, "entry %" PRIu64 ": %s", encoder->entry_number, text);
}

/* ---- entries ---- */

/* What was missing may have been given in another way. */
static int judge_missing(struct encoder *encoder, struct fy_error *err)
{
    if (!encoder->has_override)
        fy_error_propagate(err, &encoder->missing);
    if (!encoder->extra.is_whole)
        fy_error_propagate(err, &encoder->missing_in_extra);
    if ((fy_error_is_set(&encoder->missing) && !encoder->has_override) ||
        (fy_error_is_set(&encoder->missing_in_extra) && !encoder->extra.is_whole))
        return -1;
    fy_error_clear(&encoder->missing);
    fy_error_clear(&encoder->missing_in_extra);
    return 0;
}

static int read_entry(struct encoder *encoder, struct fy_error *err)
{
    const struct fy_image_type *type = encoder->type;
    struct frame frame;
    enum json_token token;

    if (fy_json_value(encoder->lexer, &token, err) < 0 ||
        fy_encode_expect(encoder, token, JSON_OBJECT, "an entry", err) < 0)
        return -1;
    if (encoder->entry_number > 0 && type->payload == FY_PAYLOAD_GHOST_FILE && !encoder->has_chunks)
        return fy_encode_refuse(encoder, err, "the file does not come in chunks, so its image has one entry");
    encoder->wire.size = 0;
    encoder->has_override = false;
    encoder->entry = &frame;
    encoder->depth = 0;
    if (type->payload != FY_PAYLOAD_NONE)
        fy_encode_extra_reset(encoder);
    if (fy_encode_object(encoder, &frame, encoder->entry_number > 0 && type->rest ? type->rest : type->first, err) < 0)
        return -1;
    if (fy_error_is_set(&encoder->missing) || fy_error_is_set(&encoder->missing_in_extra))
        if (judge_missing(encoder, err) < 0)
            return -1;
    return type->payload == FY_PAYLOAD_NONE ? fy_encode_out_entry(encoder, err) : fy_encode_finish_extra(encoder, err);
}

static int read_entries(struct encoder *encoder, struct fy_error *err)
{
    int more;

    while ((more = fy_json_element(encoder->lexer, err)) > 0) {
        if (read_entry(encoder, err) < 0) {
            if (err && (err->code == FY_E_LIMIT || err->code == FY_E_NOMEM))
                (void)fy_error_wrap(err, "%s: entry %" PRIu64, encoder->lexer->label, encoder->entry_number);
            return -1;
        }
        encoder->entry_number++;
    }
    return more;
}

/* ---- the outermost object ---- */

struct header {
    bool has_magic, has_framing, has_entries;
    bool is_kept; /* the entries came before their magic, and wait in encoder.entries */
    struct json_place place;
};

static const struct fy_image_type *find_type(const char *name, size_t size, const char **near)
{
    const char *names[FY_IMAGE_KIND_COUNT];
    char text[64];
    size_t count = 0;

    for (unsigned kind = 0; kind < FY_IMAGE_KIND_COUNT; kind++) {
        const struct fy_image_type *type = fy_catalogue_get((enum fy_image_kind)kind);
        if (type->magic == 0)
            continue;
        if (strlen(type->name) == size && memcmp(type->name, name, size) == 0)
            return type;
        names[count++] = type->name;
    }
    (void)snprintf(text, sizeof(text), "%.*s", (int)(size < 60 ? size : 60), name);
    *near = fy_text_nearest(text, names, count);
    return NULL;
}

static int read_string(struct encoder *encoder, const char *what, const char **text, size_t *size, struct fy_error *err)
{
    enum json_token token;

    if (fy_json_value(encoder->lexer, &token, err) < 0)
        return -1;
    if (token != JSON_STRING)
        return fy_json_refuse(encoder->lexer, err, "%s must be a string", what);
    return fy_json_text(encoder->lexer, 256, text, size, err);
}

static int read_magic(struct encoder *encoder, struct fy_error *err)
{
    const char *text, *near = NULL;
    size_t size;

    if (read_string(encoder, "\"magic\"", &text, &size, err) < 0)
        return -1;
    encoder->type = find_type(text, size, &near);
    if (encoder->type)
        return 0;
    return fy_json_refuse(encoder->lexer, err, "no image has the magic \"%.*s\"%s%s%s", (int)(size < 60 ? size : 60),
                          text, near ? "; the nearest is \"" : "", near ? near : "", near ? "\"" : "");
}

static int read_framing(struct encoder *encoder, struct fy_error *err)
{
    const char *text;
    size_t size;

    if (read_string(encoder, "\"@framing\"", &text, &size, err) < 0)
        return -1;
    if (size == 4 && memcmp(text, "v1.0", 4) == 0)
        return 0;
    return fy_json_refuse(encoder->lexer, err, "\"@framing\" must be \"v1.0\", or not be there");
}

static int out_magics(struct encoder *encoder, const struct header *header, struct fy_error *err)
{
    if (encoder->type->kind != FY_IMAGE_INVENTORY && !header->has_framing &&
        out_word(encoder, fy_catalogue_is_service(encoder->type) ? MAGIC_SERVICE : MAGIC_COMMON, err) < 0)
        return -1;
    return out_word(encoder, encoder->type->magic, err);
}

static int read_array(struct encoder *encoder, const struct header *header, struct fy_error *err)
{
    enum json_token token;

    if (fy_json_value(encoder->lexer, &token, err) < 0)
        return -1;
    if (token != JSON_ARRAY)
        return fy_json_refuse(encoder->lexer, err, "\"entries\" must be an array");
    return out_magics(encoder, header, err) < 0 ? -1 : read_entries(encoder, err);
}

/* Sorted keys put the entries before the magic, which says what they are. */
static int keep_entries(struct encoder *encoder, struct header *header, struct fy_error *err)
{
    const struct json_lexer *lexer = encoder->lexer;

    header->is_kept = true;
    header->place = (struct json_place){lexer->line, lexer->window_offset + lexer->at - lexer->line_offset + 1};
    if (fy_json_keep(encoder->lexer, &encoder->entries, err) == 0)
        return 0;
    if (err && err->code == FY_E_LIMIT)
        return fy_error_wrap(err, "%s: \"entries\" before \"magic\"", lexer->label);
    return -1;
}

static int read_kept_entries(struct encoder *encoder, const struct header *header, struct fy_error *err)
{
    struct json_lexer part;
    int rc;

    fy_json_lexer_init_part(&part, &encoder->entries, encoder->document.label, header->place);
    encoder->lexer = &part;
    rc = read_array(encoder, header, err);
    encoder->lexer = &encoder->document;
    fy_json_lexer_done(&part);
    return rc;
}

static int read_member(struct encoder *encoder, struct header *header, const char *key, size_t size,
                       struct fy_error *err)
{
    static const char *const names[] = {"magic", "@framing", "entries"};
    bool *const seen[] = {&header->has_magic, &header->has_framing, &header->has_entries};
    size_t i = 0;

    while (i < FY_ARRAY_SIZE(names) && (strlen(names[i]) != size || memcmp(names[i], key, size) != 0))
        i++;
    if (i == FY_ARRAY_SIZE(names))
        return fy_json_refuse(encoder->lexer, err, "an image has \"magic\" and \"entries\", but no \"%.*s\"",
                              (int)(size < 60 ? size : 60), key);
    if (*seen[i])
        return fy_json_refuse(encoder->lexer, err, "the key \"%s\" is there twice", names[i]);
    if (i == 2) {
        *seen[i] = true;
        return header->has_magic ? read_array(encoder, header, err) : keep_entries(encoder, header, err);
    }
    if (header->has_entries && !header->is_kept)
        return fy_json_refuse(encoder->lexer, err, "\"%s\" comes after \"entries\"", names[i]);
    *seen[i] = true;
    return i == 0 ? read_magic(encoder, err) : read_framing(encoder, err);
}

static int read_document(struct encoder *encoder, struct fy_error *err)
{
    struct header header = {0};
    struct json_place begin;
    enum json_token token;
    const char *key;
    size_t size;
    int more;

    if (fy_json_value(encoder->lexer, &token, err) < 0)
        return -1;
    begin = encoder->lexer->token;
    if (token != JSON_OBJECT)
        return fy_json_refuse(encoder->lexer, err, "the JSON of an image must be an object");
    while ((more = fy_json_key(encoder->lexer, &key, &size, err)) > 0)
        if (read_member(encoder, &header, key, size, err) < 0)
            return -1;
    if (more < 0)
        return -1;
    if (!header.has_magic || !header.has_entries)
        return fy_json_refuse_at(encoder->lexer, begin, err, "\"%s\" is missing",
                                 header.has_magic ? "entries" : "magic");
    if (fy_json_end(encoder->lexer, err) < 0)
        return -1;
    return header.is_kept ? read_kept_entries(encoder, &header, err) : 0;
}

/* ---- the whole ---- */

static void encoder_free(struct encoder *encoder)
{
    fy_json_lexer_done(&encoder->document);
    fy_buf_done(&encoder->entries);
    fy_buf_done(&encoder->wire);
    fy_buf_done(&encoder->sorted);
    fy_buf_done(&encoder->text);
    fy_buf_done(&encoder->override);
    fy_buf_done(&encoder->extra.kept[0]);
    fy_buf_done(&encoder->extra.kept[1]);
    free(encoder);
}

static struct encoder *encoder_new(const struct fy_image_limits *limits)
{
    static const struct fy_image_limits standard = FY_IMAGE_LIMITS_DEFAULT;
    struct encoder *encoder = calloc(1, sizeof(*encoder));

    if (!encoder)
        return NULL;
    encoder->limits = limits ? *limits : standard;
    encoder->lexer = &encoder->document;
    fy_buf_init(&encoder->entries, FY_ENCODE_EXTRA_KEPT_BYTES);
    fy_buf_init(&encoder->wire, encoder->limits.entry_bytes);
    fy_buf_init(&encoder->sorted, encoder->limits.entry_bytes);
    fy_buf_init(&encoder->text, encoder->limits.entry_bytes);
    fy_buf_init(&encoder->override, encoder->limits.entry_bytes);
    fy_buf_init(&encoder->extra.kept[0], FY_ENCODE_EXTRA_KEPT_BYTES);
    fy_buf_init(&encoder->extra.kept[1], FY_ENCODE_EXTRA_KEPT_BYTES);
    return encoder;
}

int fy_image_encode_json(fy_read_fn *read, void *read_data, const char *label, const struct fy_image_limits *limits,
                         fy_write_fn *write, void *write_data, struct fy_error *err)
{
    struct encoder *encoder = encoder_new(limits);
    int rc;

    if (!encoder)
        return fy_error_set(err, FY_E_NOMEM, "%s: no memory for encoding it", label);
    encoder->output.write = write;
    encoder->output.data = write_data;
    rc = fy_json_lexer_init(&encoder->document, read, read_data, label, err);
    if (rc == 0)
        rc = read_document(encoder, err);
    if (rc == 0)
        rc = flush(encoder, err);
    encoder_free(encoder);
    return rc;
}
