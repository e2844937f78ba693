/* What the files of this folder share about frames beside the public header. */
#ifndef FERRY_TRANSPORT_FRAME_INTERNAL_H
#define FERRY_TRANSPORT_FRAME_INTERNAL_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* protobuf-c unpacks nested messages by recursion without a limit, so the nesting is measured before. */
#define FY_FRAME_MAX_DEPTH 32u

/* 0 when the bytes are well-formed as far as nesting goes and at most FY_FRAME_MAX_DEPTH deep, else -1. */
int fy_frame_scan_depth(const uint8_t *data, size_t size, const ProtobufCMessageDescriptor *descriptor);

/* How many bytes a frame that begins with these has in all, as far as that can be told yet: never less than the
 * prefix. The lengths must have passed fy_frame_parse(). */
size_t fy_frame_wanted(const uint8_t *data, size_t size);

#endif
