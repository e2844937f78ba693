/* Frames: how both sockets and SSH channels carry messages.
 *
 *     u32 head_bytes | u32 body_bytes | head (one protobuf message) | body (raw bytes)     integers little-endian
 *
 * The head says what the frame is; bulk data travels in the body so that it is never copied through protobuf. */
#ifndef FERRY_TRANSPORT_FRAME_H
#define FERRY_TRANSPORT_FRAME_H

#include <ferry/base/buf.h>
#include <ferry/base/error.h>
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#define FY_FRAME_PREFIX_BYTES 8u
#define FY_FRAME_MAX_HEAD_BYTES (256u * 1024u)
#define FY_FRAME_MAX_BODY_BYTES (1024u * 1024u)

/* A complete frame inside somebody else's buffer. */
struct fy_frame {
    const uint8_t *head;
    size_t head_bytes;
    const uint8_t *body;
    size_t body_bytes;
    uint8_t **body_buffer; /* NULL, or where the body's own buffer can be taken from */
};

/* The body in a buffer of the caller's (fy_spare_give()), once; `frame->body` is valid as long as that one then. Copied
 * only where it lies among other bytes. NULL when there is no memory. */
uint8_t *fy_frame_take_body(const struct fy_frame *frame);

/* Finds the frame at the start of `data`. Returns its total size in bytes and fills `frame`; 0 when more bytes are
 * needed; -1 with FY_E_PROTOCOL when the lengths are out of bounds (checked before anything is allocated). */
ptrdiff_t fy_frame_parse(const uint8_t *data, size_t size, struct fy_frame *frame, struct fy_error *err);

/* Appends prefix and packed head to `buf`; the caller sends `body_bytes` of body after it. */
int fy_frame_pack_head(struct fy_buf *buf, const ProtobufCMessage *head, size_t body_bytes, struct fy_error *err);

/* Unpacks a head with bounded nesting depth and total allocation; free with protobuf_c_message_free_unpacked(m, NULL).
 * NULL with FY_E_PROTOCOL. */
ProtobufCMessage *fy_frame_unpack_head(const struct fy_frame *frame, const ProtobufCMessageDescriptor *descriptor,
                                       struct fy_error *err);

#endif
