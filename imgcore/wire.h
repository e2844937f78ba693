/* Looking through an encoded message before it is decoded: protobuf-c decodes recursively without a limit, and does not
 * say what it dislikes. */
#ifndef FERRY_IMGCORE_WIRE_H
#define FERRY_IMGCORE_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#define FY_WIRE_DEPTH_MAX 128

/* NULL when every tag, length and number is well formed and messages nest no deeper than `depth_max` (at most
 * FY_WIRE_DEPTH_MAX); else what is wrong, and `offset` is where. Never allocates. */
const char *fy_wire_check(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size,
                          unsigned depth_max, size_t *offset);
/* Of a message that fy_wire_check found well formed: the first field that must be there and is not, also of messages in
 * it, and which message that is. NULL: none is missing. */
const ProtobufCFieldDescriptor *fy_wire_find_missing(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                                                     size_t size, const ProtobufCMessageDescriptor **where);

#endif
