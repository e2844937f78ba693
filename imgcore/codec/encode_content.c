/* The content of each kind of entry, from JSON to the bytes that are in the file. go-crit puts what is not base64 into
 * a string that holds JSON again. */
#include "encode_private.h"
#include <criu/ipc.pb-c.h>
#include <ferry/imgcore/wire_field.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- JSON in a string, as go-crit has it ---- */

typedef int read_fn(struct encoder *encoder, enum json_token token, struct fy_error *err);

/* Reads the string that was just opened as JSON of its own. The document waits meanwhile, and the text with it. */
static int read_inner(struct encoder *encoder, read_fn *read, struct fy_error *err)
{
    struct json_lexer *outer = encoder->lexer, inner;
    char label[256];
    const char *text;
    size_t size;
    enum json_token token;
    int rc;

    if (fy_json_text(outer, FY_ENCODE_EXTRA_KEPT_BYTES, &text, &size, err) < 0)
        return -1;
    (void)snprintf(label, sizeof(label), "%s:%" PRIu64 ":%" PRIu64 ": in this text", outer->label, outer->token.line,
                   outer->token.column);
    fy_json_lexer_init_text(&inner, text, size, label);
    encoder->lexer = &inner;
    rc = fy_json_value(&inner, &token, err);
    if (rc == 0)
        rc = read(encoder, token, err);
    if (rc == 0)
        rc = fy_json_end(&inner, err);
    fy_json_lexer_done(&inner);
    encoder->lexer = outer;
    return rc;
}

/* ---- TCP streams ---- */

static int read_queues(struct encoder *encoder, enum json_token token, struct fy_error *err)
{
    const char *key;
    size_t size;
    int more;

    if (fy_encode_expect(encoder, token, JSON_OBJECT, "the content of a TCP stream", err) < 0)
        return -1;
    while ((more = fy_json_key(encoder->lexer, &key, &size, err)) > 0) {
        bool is_in = (size == 3 && memcmp(key, "inq", 3) == 0) || (size == 4 && memcmp(key, "in_q", 4) == 0);
        bool is_out = (size == 4 && memcmp(key, "outq", 4) == 0) || (size == 5 && memcmp(key, "out_q", 5) == 0);
        if ((!is_in && !is_out) || encoder->extra.ended[is_out])
            return fy_encode_refuse(encoder, err,
                                    "the content of a TCP stream is \"inq\" and \"outq\", each once, not \"%.*s\"",
                                    (int)size, key);
        if (fy_encode_read_content(encoder, is_out, "a queue of a TCP stream", err) < 0)
            return -1;
    }
    return more;
}

/* ---- semaphores ---- */

static int read_semaphores(struct encoder *encoder, enum json_token token, struct fy_error *err)
{
    int more;

    if (fy_encode_expect(encoder, token, JSON_ARRAY, "the content of a set of semaphores", err) < 0)
        return -1;
    while ((more = fy_json_element(encoder->lexer, err)) > 0) {
        const struct fy_integer *value = &encoder->lexer->integer;
        uint8_t bytes[2];
        if (fy_json_value(encoder->lexer, &token, err) < 0 ||
            fy_encode_expect(encoder, token, JSON_INTEGER, "a semaphore", err) < 0)
            return -1;
        if (value->negative || value->magnitude > UINT16_MAX)
            return fy_encode_refuse(encoder, err, "a semaphore must be from 0 to %u", UINT16_MAX);
        bytes[0] = (uint8_t)value->magnitude;
        bytes[1] = (uint8_t)(value->magnitude >> 8);
        if (fy_encode_put(encoder, 0, bytes, 2, err) < 0)
            return -1;
        encoder->extra.count++;
    }
    return more < 0 ? -1 : fy_encode_put_zeros(encoder, encoder->extra.count * 2, 8, err);
}

/* ---- messages ---- */

#define MSIZE_TAG 2 /* of ipc_msg */

/* The object of a message: its size word and its bytes. The message stands in encoder.wire only meanwhile. */
static int read_message_head(struct encoder *encoder, enum json_token token, struct fy_error *err)
{
    const ProtobufCMessageDescriptor *descriptor = &ipc_msg__descriptor;
    size_t begin = encoder->wire.size;
    struct fy_error missing = encoder->missing;
    struct frame frame;
    uint8_t word[4];

    encoder->missing = encoder->missing_in_extra;
    if (fy_encode_expect(encoder, token, JSON_OBJECT, "a message of a queue", err) < 0 ||
        fy_encode_object(encoder, &frame, descriptor, err) < 0)
        return -1;
    encoder->missing_in_extra = encoder->missing;
    encoder->missing = missing;
    encoder->text.size = 0;
    /* Of an empty object there may be no buffer yet. */
    if (encoder->wire.size > begin &&
        fy_buf_append(&encoder->text, encoder->wire.data + begin, encoder->wire.size - begin, err) < 0)
        return -1;
    encoder->wire.size = begin;
    for (unsigned i = 0; i < 4; i++)
        word[i] = (uint8_t)(encoder->text.size >> (8 * i));
    return fy_encode_put(encoder, 0, word, 4, err) < 0
               ? -1
               : fy_encode_put(encoder, 0, encoder->text.data, encoder->text.size, err);
}

static int read_message_text(struct encoder *encoder, struct fy_error *err)
{
    uint64_t before = encoder->extra.bytes[0], bytes, says;

    if (fy_encode_read_content(encoder, 0, "the text of a message", err) < 0)
        return -1;
    bytes = encoder->extra.bytes[0] - before;
    says = fy_wire_number(&ipc_msg__descriptor, encoder->text.data, encoder->text.size, MSIZE_TAG);
    if (bytes != says)
        return fy_encode_refuse(
            encoder, err, "the text of the message has %" PRIu64 " bytes, but its \"msize\" is %" PRIu64, bytes, says);
    return fy_encode_put_zeros(encoder, bytes, 8, err);
}

static int read_messages(struct encoder *encoder, enum json_token token, struct fy_error *err)
{
    int more;

    if (fy_encode_expect(encoder, token, JSON_ARRAY, "the content of a message queue", err) < 0)
        return -1;
    while ((more = fy_json_element(encoder->lexer, err)) > 0) {
        if (fy_json_value(encoder->lexer, &token, err) < 0)
            return -1;
        if ((token == JSON_STRING ? read_inner(encoder, read_message_head, err)
                                  : read_message_head(encoder, token, err)) < 0)
            return -1;
        more = fy_json_element(encoder->lexer, err);
        if (more < 0)
            return -1;
        if (more == 0)
            return fy_encode_refuse(encoder, err, "the last message of the queue has no text after it");
        if (read_message_text(encoder, err) < 0)
            return -1;
        encoder->extra.count++;
    }
    return more;
}

/* ---- which is which ---- */

int fy_encode_content(struct encoder *encoder, enum json_token token, struct fy_error *err)
{
    read_fn *read = NULL;

    if (encoder->type->payload == FY_PAYLOAD_TCP_STREAM)
        read = read_queues;
    else if (encoder->type->payload == FY_PAYLOAD_IPC_SEMAPHORES)
        read = read_semaphores;
    else if (encoder->type->payload == FY_PAYLOAD_IPC_MESSAGES)
        read = read_messages;
    if (read)
        return token == JSON_STRING ? read_inner(encoder, read, err) : read(encoder, token, err);
    if (fy_encode_expect(encoder, token, JSON_STRING, "\"extra\"", err) < 0)
        return -1;
    return fy_encode_put_base64(encoder, 0, err);
}
