/* Putting fields of protobuf's wire format at the end of a buffer. */
#ifndef FERRY_CODEC_WIRE_PUT_H
#define FERRY_CODEC_WIRE_PUT_H

#include <ferry/base/buf.h>
#include <ferry/imgcore/wire_field.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What the functions below may write without asking for room: a key and a number. */
#define WIRE_ROOM 32

static inline int wire_room(struct fy_buf *buf, struct fy_error *err)
{
    return buf->capacity - buf->size >= WIRE_ROOM ? 0 : fy_buf_reserve(buf, WIRE_ROOM, err);
}

static inline void wire_put_varint(struct fy_buf *buf, uint64_t value)
{
    uint8_t *at = buf->data + buf->size;

    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    buf->size = (size_t)(at - buf->data);
}

static inline void wire_put_key(struct fy_buf *buf, uint32_t tag, enum fy_wire_type type)
{
    wire_put_varint(buf, (uint64_t)tag << 3 | (unsigned)type);
}

/* The `bytes` low bytes of `value`, the least significant first. */
static inline void wire_put_fixed(struct fy_buf *buf, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf->data[buf->size++] = (uint8_t)(value >> (8 * i));
}

/* A length that is not known yet: gives where it stands. */
static inline size_t wire_open(struct fy_buf *buf)
{
    return buf->size++;
}

/* Fills in the length of all that was put since wire_open, in as few bytes as it takes. */
static inline int wire_close(struct fy_buf *buf, size_t at, struct fy_error *err)
{
    size_t length = buf->size - at - 1, more = 0;

    for (size_t rest = length >> 7; rest; rest >>= 7)
        more++;
    if (fy_buf_reserve(buf, more, err) < 0)
        return -1;
    memmove(buf->data + at + 1 + more, buf->data + at + 1, length);
    buf->size = at;
    wire_put_varint(buf, length);
    buf->size += length;
    return 0;
}

#endif
