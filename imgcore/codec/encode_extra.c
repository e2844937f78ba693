/* The content after an entry: "extra" becomes the bytes that follow the message in the file.
 *
 * It is kept until the end of the entry, since fields may still come. What is too large to be kept is written through
 * from then on, the message before it, and then no field may follow. */
#include "base64_decode.h"
#include "encode_private.h"

void fy_encode_extra_reset(struct encoder *encoder)
{
    struct extra *extra = &encoder->extra;

    extra->kept[0].size = extra->kept[1].size = 0;
    extra->bytes[0] = extra->bytes[1] = extra->count = 0;
    extra->ended[0] = extra->ended[1] = false;
    extra->is_given = extra->is_written = extra->is_whole = false;
    extra->place = encoder->lexer->token;
}

/* ---- keeping and writing ---- */

static int write_kept(struct encoder *encoder, unsigned part, struct fy_error *err)
{
    struct fy_buf *kept = &encoder->extra.kept[part];
    int rc = fy_encode_out(encoder, kept->data, kept->size, err);

    kept->size = 0;
    return rc;
}

/* No more can be kept: the entry goes out, and what is kept of its content. */
static int write_through(struct encoder *encoder, unsigned part, struct fy_error *err)
{
    struct extra *extra = &encoder->extra;

    if (part == 1 && !extra->ended[0])
        return fy_encode_refuse(encoder, err, "content of more than %zu bytes in \"outq\" must come after \"inq\"",
                                FY_ENCODE_EXTRA_KEPT_BYTES);
    if (fy_encode_finish_frame(encoder, encoder->entry, err) < 0)
        return -1;
    if (fy_error_is_set(&encoder->missing) && !encoder->has_override)
        return fy_encode_refuse(encoder, err,
                                "\"extra\" of more than %zu bytes must come after all other keys of its entry",
                                FY_ENCODE_EXTRA_KEPT_BYTES);
    if (fy_encode_out_entry(encoder, err) < 0 || write_kept(encoder, 0, err) < 0)
        return -1;
    extra->is_written = true;
    return part == 1 ? write_kept(encoder, 1, err) : 0;
}

int fy_encode_put(struct encoder *encoder, unsigned part, const void *bytes, size_t size, struct fy_error *err)
{
    struct extra *extra = &encoder->extra;

    extra->bytes[part] += size;
    if (!extra->is_written && size > FY_ENCODE_EXTRA_KEPT_BYTES - extra->kept[0].size - extra->kept[1].size &&
        write_through(encoder, part, err) < 0)
        return -1;
    if (extra->is_written)
        return fy_encode_out(encoder, bytes, size, err);
    return fy_buf_append(&extra->kept[part], bytes, size, err);
}

int fy_encode_put_zeros(struct encoder *encoder, uint64_t after_bytes, unsigned unit, struct fy_error *err)
{
    static const uint8_t zeros[8];
    return fy_encode_put(encoder, 0, zeros, (unit - after_bytes % unit) % unit, err);
}

/* The base64 of the string that was just opened. */
int fy_encode_put_base64(struct encoder *encoder, unsigned part, struct fy_error *err)
{
    struct base64_decoder decoder = {0};
    uint8_t bytes[FY_BASE64_DECODED_MAX(4096)];
    const uint8_t *text;
    const char *fault = NULL;
    size_t size, decoded;
    int more;

    while (!fault && (more = fy_json_piece(encoder->lexer, &text, &size, err)) > 0) {
        for (size_t step; !fault && size > 0; text += step, size -= step) {
            step = size < 4096 ? size : 4096;
            fault = fy_base64_decode(&decoder, text, step, bytes, &decoded);
            if (!fault && fy_encode_put(encoder, part, bytes, decoded, err) < 0)
                return -1;
        }
    }
    if (!fault && more < 0)
        return -1;
    if (!fault)
        fault = fy_base64_decode_end(&decoder);
    encoder->extra.ended[part] = true;
    if (!fault)
        return 0;
    (void)fy_encode_refuse(encoder, err, "%s, in the content of the entry", fault);
    return fy_error_next(err, "if this is \"... <N B>\", decode the image without --nopl");
}

int fy_encode_read_content(struct encoder *encoder, unsigned part, const char *what, struct fy_error *err)
{
    enum json_token token;

    if (fy_json_value(encoder->lexer, &token, err) < 0 || fy_encode_expect(encoder, token, JSON_STRING, what, err) < 0)
        return -1;
    return fy_encode_put_base64(encoder, part, err);
}

/* ---- "extra" and "@extra" ---- */

/* Reads the value although it counts for nothing: "@extra" was there before. */
static int read_extra_in_vain(struct encoder *encoder, enum json_token token, struct fy_error *err)
{
    struct extra kept = encoder->extra;
    int rc;

    encoder->extra = (struct extra){.place = kept.place};
    fy_buf_init(&encoder->extra.kept[0], FY_ENCODE_EXTRA_KEPT_BYTES);
    fy_buf_init(&encoder->extra.kept[1], FY_ENCODE_EXTRA_KEPT_BYTES);
    rc = fy_encode_content(encoder, token, err);
    if (rc == 0 && encoder->extra.is_written)
        rc = fy_encode_refuse(encoder, err, "\"extra\" of more than %zu bytes beside \"@extra\"",
                              FY_ENCODE_EXTRA_KEPT_BYTES);
    fy_buf_done(&encoder->extra.kept[0]);
    fy_buf_done(&encoder->extra.kept[1]);
    encoder->extra = kept;
    return rc;
}

int fy_encode_extra(struct encoder *encoder, struct fy_error *err)
{
    enum json_token token;
    int rc;

    if (encoder->extra.is_given)
        return fy_encode_refuse(encoder, err, "the key \"extra\" is there twice");
    if (fy_json_value(encoder->lexer, &token, err) < 0)
        return -1;
    if (encoder->extra.is_whole) {
        rc = read_extra_in_vain(encoder, token, err);
        encoder->extra.is_given = true;
        return rc;
    }
    encoder->extra.is_given = true;
    encoder->extra.place = encoder->lexer->token;
    return fy_encode_content(encoder, token, err);
}

int fy_encode_at_extra(struct encoder *encoder, struct fy_error *err)
{
    struct extra *extra = &encoder->extra;
    bool was_given = extra->is_given;

    if (extra->is_whole)
        return fy_encode_refuse(encoder, err, "the key \"@extra\" is there twice");
    if (extra->is_written)
        return fy_encode_refuse(encoder, err,
                                "\"@extra\" comes after an \"extra\" of more than %zu bytes; put it before",
                                FY_ENCODE_EXTRA_KEPT_BYTES);
    fy_encode_extra_reset(encoder);
    extra->is_given = was_given;
    extra->is_whole = true;
    return fy_encode_read_content(encoder, 0, "\"@extra\"", err);
}

/* ---- the end of the entry ---- */

int fy_encode_finish_extra(struct encoder *encoder, struct fy_error *err)
{
    struct extra *extra = &encoder->extra;

    if (fy_encode_check_content(encoder, err) < 0)
        return -1;
    if (encoder->type->payload == FY_PAYLOAD_IPC_SEGMENT && !extra->is_whole &&
        fy_encode_put_zeros(encoder, extra->bytes[0], 4, err) < 0)
        return -1;
    if (!extra->is_written && (fy_encode_out_entry(encoder, err) < 0 || write_kept(encoder, 0, err) < 0))
        return -1;
    return write_kept(encoder, 1, err);
}
