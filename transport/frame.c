/* Packing, finding and unpacking frames. Every length is checked before anything is allocated for it: the bytes come
 * from the other side. */
#include "frame_internal.h"
#include <ferry/base/spare.h>
#include <ferry/transport/frame.h>
#include <stdlib.h>
#include <string.h>

/* What one unpacked head may allocate. Empty sub-messages are the costliest thing on the wire: two bytes there become
 * some seventy here. */
#define UNPACK_BUDGET_BYTES (16u * 1024u * 1024u)

static uint32_t load_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void store_u32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

int fy_frame_read_lengths(const uint8_t *data, size_t size, struct fy_frame_lengths *lengths, struct fy_error *err)
{
    if (size < FY_FRAME_PREFIX_BYTES)
        return 0;
    *lengths = (struct fy_frame_lengths){.head_bytes = load_u32(data), .body_bytes = load_u32(data + 4)};
    if (lengths->head_bytes > FY_FRAME_MAX_HEAD_BYTES)
        return fy_error_set(err, FY_E_PROTOCOL, "a frame announces a head of %u bytes; at most %u are allowed",
                            lengths->head_bytes, FY_FRAME_MAX_HEAD_BYTES);
    if (lengths->body_bytes > FY_FRAME_MAX_BODY_BYTES)
        return fy_error_set(err, FY_E_PROTOCOL, "a frame announces a body of %u bytes; at most %u are allowed",
                            lengths->body_bytes, FY_FRAME_MAX_BODY_BYTES);
    return 1;
}

ptrdiff_t fy_frame_parse(const uint8_t *data, size_t size, struct fy_frame *frame, struct fy_error *err)
{
    struct fy_frame_lengths lengths;
    int read = fy_frame_read_lengths(data, size, &lengths, err);
    if (read <= 0)
        return read;
    size_t total = (size_t)FY_FRAME_PREFIX_BYTES + lengths.head_bytes + lengths.body_bytes;
    if (size < total)
        return 0;
    *frame = (struct fy_frame){
        .head = data + FY_FRAME_PREFIX_BYTES,
        .head_bytes = lengths.head_bytes,
        .body = data + FY_FRAME_PREFIX_BYTES + lengths.head_bytes,
        .body_bytes = lengths.body_bytes,
    };
    return (ptrdiff_t)total;
}

uint8_t *fy_frame_take_body(const struct fy_frame *frame)
{
    if (frame->body_buffer && *frame->body_buffer) {
        uint8_t *taken = *frame->body_buffer;
        *frame->body_buffer = NULL;
        return taken;
    }
    uint8_t *copy = fy_spare_take(frame->body_bytes);
    if (copy)
        memcpy(copy, frame->body, frame->body_bytes);
    return copy;
}

int fy_frame_pack_head(struct fy_buf *buf, const ProtobufCMessage *head, size_t body_bytes, struct fy_error *err)
{
    size_t head_bytes = protobuf_c_message_get_packed_size(head);
    if (head_bytes > FY_FRAME_MAX_HEAD_BYTES)
        return fy_error_set(err, FY_E_LIMIT, "a %s of %zu bytes does not fit into a frame's head of at most %u bytes",
                            head->descriptor->name, head_bytes, FY_FRAME_MAX_HEAD_BYTES);
    if (body_bytes > FY_FRAME_MAX_BODY_BYTES)
        return fy_error_set(err, FY_E_LIMIT, "%zu bytes do not fit into a frame's body of at most %u bytes", body_bytes,
                            FY_FRAME_MAX_BODY_BYTES);
    if (fy_buf_reserve(buf, FY_FRAME_PREFIX_BYTES + head_bytes, err))
        return -1;
    uint8_t *at = buf->data + buf->size;
    store_u32(at, (uint32_t)head_bytes);
    store_u32(at + 4, (uint32_t)body_bytes);
    (void)protobuf_c_message_pack(head, at + FY_FRAME_PREFIX_BYTES);
    buf->size += FY_FRAME_PREFIX_BYTES + head_bytes;
    return 0;
}

/* Plain malloc with a budget that is only ever spent: what it returns can be freed without this allocator. */
static void *budget_alloc(void *data, size_t size)
{
    size_t *left = data;
    if (size > *left)
        return NULL;
    *left -= size;
    return malloc(size);
}

static void budget_free(void *data, void *pointer)
{
    (void)data;
    free(pointer);
}

ProtobufCMessage *fy_frame_unpack_head(const struct fy_frame *frame, const ProtobufCMessageDescriptor *descriptor,
                                       struct fy_error *err)
{
    if (fy_frame_scan_depth(frame->head, frame->head_bytes, descriptor)) {
        (void)fy_error_set(err, FY_E_PROTOCOL, "a frame's head is not a %s: broken, or nested too deeply",
                           descriptor->name);
        return NULL;
    }
    size_t budget = UNPACK_BUDGET_BYTES;
    ProtobufCAllocator allocator = {.alloc = budget_alloc, .free = budget_free, .allocator_data = &budget};
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, frame->head_bytes, frame->head);
    if (!message)
        (void)fy_error_set(err, FY_E_PROTOCOL, "a frame's head of %zu bytes is not a %s", frame->head_bytes,
                           descriptor->name);
    return message;
}
