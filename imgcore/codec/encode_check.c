/* Does the content of an entry have the size that its message says? CRIU reads as many bytes as the message says, and
 * what follows as the next entry. */
#include "../wire.h"
#include "encode_private.h"
#include <criu/ipc.pb-c.h>
#include <ferry/imgcore/wire_field.h>
#include <inttypes.h>

#define MSIZE_TAG 2 /* of ipc_msg */

static int compare(struct encoder *encoder, const char *what, uint64_t has, const char *field, uint64_t says,
                   struct fy_error *err)
{
    if (has == says)
        return 0;
    encoder->lexer->token = encoder->extra.place;
    return fy_encode_refuse(encoder, err, "the content has %" PRIu64 " %s, but %s says %" PRIu64, has, what, field,
                            says);
}

/* What the entry's message says in that field. */
static uint64_t says(const struct encoder *encoder, const char *name)
{
    const struct fy_buf *wire = encoder->has_override ? &encoder->override : &encoder->wire;
    const ProtobufCMessageDescriptor *descriptor = encoder->entry->descriptor;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(descriptor, name);

    return fy_wire_number(descriptor, wire->data, wire->size, field->id);
}

static uint64_t padded(const struct encoder *encoder, uint64_t bytes, unsigned unit)
{
    return encoder->extra.is_whole ? bytes + (unit - bytes % unit) % unit : bytes;
}

static int check_tcp(struct encoder *encoder, struct fy_error *err)
{
    uint64_t in = says(encoder, "inq_len"), out = says(encoder, "outq_len");

    if (encoder->extra.is_whole)
        return compare(encoder, "bytes", encoder->extra.bytes[0], "inq_len and outq_len", in + out, err);
    if (compare(encoder, "bytes in", encoder->extra.bytes[0], "inq_len", in, err) < 0)
        return -1;
    return compare(encoder, "bytes out", encoder->extra.bytes[1], "outq_len", out, err);
}

/* The first entry is the file itself: its content, of any size, or the mark that it comes in chunks. */
static int check_ghost(struct encoder *encoder, struct fy_error *err)
{
    uint64_t bytes = encoder->extra.bytes[0];

    if (encoder->entry_number > 0)
        return compare(encoder, "bytes", bytes, "len", says(encoder, "len"), err);
    encoder->has_chunks = says(encoder, "chunks") != 0;
    return encoder->has_chunks ? compare(encoder, "bytes before the chunks", bytes, "chunks", 0, err) : 0;
}

static int check_segment(struct encoder *encoder, struct fy_error *err)
{
    uint64_t bytes = encoder->extra.bytes[0];

    if (says(encoder, "in_pagemaps") == 0)
        return compare(encoder, "bytes", bytes, "size", padded(encoder, says(encoder, "size"), 4), err);
    if (compare(encoder, "bytes", bytes, "in_pagemaps", 0, err) == 0)
        return 0;
    return fy_error_next(err, "crit of CRIU up to 4.2.1 puts the next segments here; decode the image with ferry");
}

/* "@extra" of a queue: as many messages as the entry says, each well formed and with all of its text. */
static bool is_queue(struct encoder *encoder)
{
    const struct fy_buf *bytes = &encoder->extra.kept[0];
    const ProtobufCMessageDescriptor *descriptor = &ipc_msg__descriptor;
    size_t at = 0, fault_at;

    for (uint64_t left = says(encoder, "qnum"); left > 0; left--) {
        size_t size, text;
        if (bytes->size - at < 4)
            return false;
        size = (size_t)bytes->data[at] | (size_t)bytes->data[at + 1] << 8 | (size_t)bytes->data[at + 2] << 16 |
               (size_t)bytes->data[at + 3] << 24;
        at += 4;
        if (size > bytes->size - at || size > encoder->limits.entry_bytes ||
            fy_wire_check(descriptor, bytes->data + at, size, encoder->limits.depth, &fault_at))
            return false;
        text = (size_t)fy_wire_number(descriptor, bytes->data + at, size, MSIZE_TAG);
        text += (8 - text % 8) % 8;
        at += size;
        if (text > bytes->size - at)
            return false;
        at += text;
    }
    return at == bytes->size;
}

static int check_queue(struct encoder *encoder, struct fy_error *err)
{
    const struct extra *extra = &encoder->extra;

    if (!extra->is_whole)
        return compare(encoder, "messages", extra->count, "qnum", says(encoder, "qnum"), err);
    if (!extra->is_written && is_queue(encoder))
        return 0;
    encoder->lexer->token = extra->place;
    return fy_encode_refuse(encoder, err, "the bytes of \"@extra\" are not %" PRIu64 " messages",
                            says(encoder, "qnum"));
}

int fy_encode_check_content(struct encoder *encoder, struct fy_error *err)
{
    const struct extra *extra = &encoder->extra;

    switch (encoder->type->payload) {
    case FY_PAYLOAD_NONE:
        break;
    case FY_PAYLOAD_PIPE_DATA:
        return compare(encoder, "bytes", extra->bytes[0], "bytes", says(encoder, "bytes"), err);
    case FY_PAYLOAD_SOCKET_PACKET:
        return compare(encoder, "bytes", extra->bytes[0], "length", says(encoder, "length"), err);
    case FY_PAYLOAD_TCP_STREAM:
        return check_tcp(encoder, err);
    case FY_PAYLOAD_BPF_MAP:
        return compare(encoder, "bytes", extra->bytes[0], "keys_bytes and values_bytes",
                       says(encoder, "keys_bytes") + says(encoder, "values_bytes"), err);
    case FY_PAYLOAD_GHOST_FILE:
        return check_ghost(encoder, err);
    case FY_PAYLOAD_IPC_SEMAPHORES:
        if (extra->is_whole)
            return compare(encoder, "bytes", extra->bytes[0], "nsems", padded(encoder, says(encoder, "nsems") * 2, 8),
                           err);
        return compare(encoder, "semaphores", extra->count, "nsems", says(encoder, "nsems"), err);
    case FY_PAYLOAD_IPC_MESSAGES:
        return check_queue(encoder, err);
    case FY_PAYLOAD_IPC_SEGMENT:
        return check_segment(encoder, err);
    }
    return 0;
}
