/* A packed frame that may be on its way over several links, and wait to be acknowledged, without being copied. */
#ifndef FERRY_TRANSPORT_PACKET_H
#define FERRY_TRANSPORT_PACKET_H

#include <ferry/transport/frame.h>
#include <stdatomic.h>

struct fy_packet {
    atomic_uint references; /* threads of links give theirs back */
    struct fy_buf head;     /* prefix and packed head */
    uint8_t *body;
    size_t body_bytes;
};

/* Packs the head. `body` (malloc'ed, may be NULL) is taken over, also on failure (NULL is returned then). */
struct fy_packet *fy_packet_new(const ProtobufCMessage *head, uint8_t *body, size_t body_bytes, struct fy_error *err);
struct fy_packet *fy_packet_ref(struct fy_packet *packet);
/* NULL is legal. From any thread. */
void fy_packet_unref(struct fy_packet *packet);
size_t fy_packet_wire_bytes(const struct fy_packet *packet);

#endif
