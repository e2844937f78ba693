/* What one side has sent and the other has not acknowledged: frames numbered from 1, kept until they are, sent again
 * when the lane that carried them is lost. Pure: no loop, no clock.
 *
 *     append -> WAITING --take--> SENT --ack--> gone
 *                  ^               |
 *                  +--- lane lost -+            */
#ifndef FERRY_TRANSPORT_OUTBOX_H
#define FERRY_TRANSPORT_OUTBOX_H

#include <ferry/transport/packet.h>
#include <stdbool.h>

#define FY_OUTBOX_FRAMES 1024u

struct fy_outbox_slot {
    struct fy_packet *packet; /* NULL: acknowledged */
    uint64_t position;        /* how many packets its lane had been given with it */
    uint8_t lane;
    bool sent;    /* on a lane that is not lost */
    bool taken;   /* ever: only then may it be acknowledged */
    bool crossed; /* was once put on the wire of a lane that is lost now */
};

struct fy_outbox {
    uint64_t base;   /* the first frame that is not acknowledged */
    uint64_t next;   /* the number of the next new frame */
    uint64_t cursor; /* no frame before it waits */
    size_t held_bytes;
    size_t limit_bytes;
    size_t sent_bytes;     /* taken and not acknowledged */
    uint64_t window_bytes; /* what the peer allows to be under way */
    uint32_t window_frames;
    uint64_t again_bytes; /* sent a second time or more often */
    struct fy_outbox_slot slots[FY_OUTBOX_FRAMES];
};

/* Numbers that a peer has: all below `next`, and `count` ranges of `first`, `length` above it. */
struct fy_acknowledged {
    uint64_t next;
    const uint64_t *ranges;
    size_t range_count;
};

void fy_outbox_init(struct fy_outbox *outbox, size_t limit_bytes);
void fy_outbox_done(struct fy_outbox *outbox);
/* Takes over the packet, whose head has the number outbox->next. FY_E_LIMIT when too much is held (`packet` is freed).
 * A single frame always finds room. */
int fy_outbox_append(struct fy_outbox *outbox, struct fy_packet *packet, struct fy_error *err);
/* The next frame for a lane, which counts as its packet number `position`; NULL when none waits or the peer's window is
 * full. Borrowed. */
struct fy_packet *fy_outbox_take(struct fy_outbox *outbox, uint8_t lane, uint64_t position);
bool fy_outbox_has_waiting(const struct fy_outbox *outbox);
/* fy_outbox_take() would find one. */
bool fy_outbox_may_take(const struct fy_outbox *outbox);
/* The lane is gone after `written` packets were put on its wire: what it carried waits again. */
void fy_outbox_lane_lost(struct fy_outbox *outbox, uint8_t lane, uint64_t written);
/* FY_E_PROTOCOL for frames that were never sent, or ranges out of order. */
int fy_outbox_acknowledge(struct fy_outbox *outbox, const struct fy_acknowledged *have, struct fy_error *err);
bool fy_outbox_is_empty(const struct fy_outbox *outbox);

#endif
