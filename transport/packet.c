/* See packet.h. */
#include <ferry/base/spare.h>
#include <ferry/transport/packet.h>
#include <stdlib.h>

struct fy_packet *fy_packet_new(const ProtobufCMessage *head, uint8_t *body, size_t body_bytes, struct fy_error *err)
{
    struct fy_packet *packet = calloc(1, sizeof(*packet));
    if (!packet) {
        (void)fy_error_set(err, FY_E_NOMEM, "no memory for a frame of %zu bytes", body_bytes);
        fy_spare_give(body);
        return NULL;
    }
    atomic_init(&packet->references, 1);
    /* No more room than it takes: many may wait. */
    fy_buf_init(&packet->head, FY_FRAME_PREFIX_BYTES + protobuf_c_message_get_packed_size(head));
    packet->body = body;
    packet->body_bytes = body_bytes;
    if (!fy_frame_pack_head(&packet->head, head, body_bytes, err))
        return packet;
    fy_packet_unref(packet);
    return NULL;
}

struct fy_packet *fy_packet_ref(struct fy_packet *packet)
{
    atomic_fetch_add(&packet->references, 1);
    return packet;
}

void fy_packet_unref(struct fy_packet *packet)
{
    if (!packet || atomic_fetch_sub(&packet->references, 1) > 1)
        return;
    fy_buf_done(&packet->head);
    fy_spare_give(packet->body);
    free(packet);
}

size_t fy_packet_wire_bytes(const struct fy_packet *packet)
{
    return packet->head.size + packet->body_bytes;
}
