/* The name of a UNIX socket is quoted-printable text, but base64 from go-crit. Any text may be either, so the other
 * fields of the socket decide: go-crit writes 64-bit numbers as text, and every socket has some among its options. They
 * may come after the name, which is therefore put last. */
#include "base64_decode.h"
#include "encode_private.h"
#include "wire_put.h"

int fy_encode_keep_unix_name(struct encoder *encoder, struct frame *frame, const ProtobufCFieldDescriptor *field,
                             struct fy_error *err)
{
    const char *text;
    size_t size;

    frame->unix_name = field;
    frame->unix_name_place = encoder->lexer->token;
    encoder->text.size = 0;
    if (fy_json_text(encoder->lexer, encoder->limits.entry_bytes, &text, &size, err) < 0)
        return -1;
    return fy_buf_append(&encoder->text, text, size, err);
}

static int put_base64(struct encoder *encoder, const struct frame *frame, struct fy_error *err)
{
    struct base64_decoder decoder = {0};
    size_t decoded = 0;
    const char *fault;

    if (fy_buf_reserve(&encoder->wire, FY_BASE64_DECODED_MAX(encoder->text.size), err) < 0)
        return -1;
    fault = fy_base64_decode(&decoder, encoder->text.data, encoder->text.size, encoder->wire.data + encoder->wire.size,
                             &decoded);
    if (!fault)
        fault = fy_base64_decode_end(&decoder);
    if (fault) {
        encoder->lexer->token = frame->unix_name_place;
        return fy_encode_refuse(encoder, err, "%s, in the name of a UNIX socket", fault);
    }
    encoder->wire.size += decoded;
    return 0;
}

int fy_encode_unix_name(struct encoder *encoder, struct frame *frame, struct fy_error *err)
{
    bool is_base64 = encoder->quoted_count > frame->quoted_before;
    size_t at;
    int rc;

    if (wire_room(&encoder->wire, err) < 0)
        return -1;
    wire_put_key(&encoder->wire, frame->unix_name->id, FY_WIRE_BYTES);
    at = wire_open(&encoder->wire);
    if (is_base64)
        rc = put_base64(encoder, frame, err);
    else
        rc = fy_display_parse_unix_name((const char *)encoder->text.data, encoder->text.size, &encoder->wire, err);
    return rc < 0 ? -1 : wire_close(&encoder->wire, at, err);
}
