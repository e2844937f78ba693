/* Looking at the fields of an encoded message, those of the message itself and not of messages in it. */
#ifndef FERRY_CODEC_WIRE_SCAN_H
#define FERRY_CODEC_WIRE_SCAN_H

#include <ferry/base/buf.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#define WIRE_TAG_MAX 0x1fffffffu

bool fy_wire_is_message(const struct fy_buf *wire);
/* The number in the field called `field`, an unsigned number or a bool; the last one counts, and 0 is for none. */
uint64_t fy_wire_number(const struct fy_buf *wire, const ProtobufCMessageDescriptor *descriptor, const char *field);

#endif
