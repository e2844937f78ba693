/* What the files of this folder share about frames beside the public header. */
#ifndef FERRY_TRANSPORT_FRAME_INTERNAL_H
#define FERRY_TRANSPORT_FRAME_INTERNAL_H

#include <ferry/base/error.h>
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* protobuf-c unpacks nested messages by recursion without a limit, so the nesting is measured before. */
#define FY_FRAME_MAX_DEPTH 32u

/* 0 when the bytes are well-formed as far as nesting goes and at most FY_FRAME_MAX_DEPTH deep, else -1. */
int fy_frame_scan_depth(const uint8_t *data, size_t size, const ProtobufCMessageDescriptor *descriptor);

/* What a frame's prefix announces. */
struct fy_frame_lengths {
    uint32_t head_bytes;
    uint32_t body_bytes;
};

/* 1: read; 0: the prefix is not whole; -1: FY_E_PROTOCOL, out of bounds. */
int fy_frame_read_lengths(const uint8_t *data, size_t size, struct fy_frame_lengths *lengths, struct fy_error *err);

#endif
