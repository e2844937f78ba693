/* See outbox.h. Slots are a ring that is indexed by the frame's number. */
#include "outbox.h"
#include <stdlib.h>

static struct fy_outbox_slot *slot_of(struct fy_outbox *outbox, uint64_t number)
{
    return &outbox->slots[number % FY_OUTBOX_FRAMES];
}

void fy_outbox_init(struct fy_outbox *outbox, size_t limit_bytes)
{
    *outbox = (struct fy_outbox){
        .base = 1,
        .next = 1,
        .cursor = 1,
        .limit_bytes = limit_bytes,
        .window_bytes = UINT64_MAX,
        .window_frames = FY_OUTBOX_FRAMES,
    };
}

void fy_outbox_done(struct fy_outbox *outbox)
{
    for (size_t i = 0; i < FY_OUTBOX_FRAMES; i++) {
        fy_packet_unref(outbox->slots[i].packet);
        outbox->slots[i].packet = NULL;
    }
}

bool fy_outbox_is_empty(const struct fy_outbox *outbox)
{
    return outbox->base == outbox->next;
}

int fy_outbox_append(struct fy_outbox *outbox, struct fy_packet *packet, struct fy_error *err)
{
    size_t size = fy_packet_wire_bytes(packet);
    bool full = outbox->next - outbox->base >= FY_OUTBOX_FRAMES ||
                (outbox->held_bytes > 0 && outbox->held_bytes + size > outbox->limit_bytes);
    if (full) {
        fy_packet_unref(packet);
        return fy_error_set(err, FY_E_LIMIT, "%llu frames of %zu bytes wait for the peer, which is as many as may",
                            (unsigned long long)(outbox->next - outbox->base), outbox->held_bytes);
    }
    *slot_of(outbox, outbox->next) = (struct fy_outbox_slot){.packet = packet};
    outbox->held_bytes += size;
    outbox->next++;
    return 0;
}

static void settle_cursor(struct fy_outbox *outbox)
{
    while (outbox->cursor < outbox->next) {
        const struct fy_outbox_slot *slot = slot_of(outbox, outbox->cursor);
        if (slot->packet && !slot->sent)
            return;
        outbox->cursor++;
    }
}

bool fy_outbox_has_waiting(const struct fy_outbox *outbox)
{
    return outbox->cursor < outbox->next;
}

/* What has been taken once has its place in the window already. */
static bool fits_window(const struct fy_outbox *outbox, const struct fy_outbox_slot *slot)
{
    if (slot->taken)
        return true;
    if (outbox->cursor >= outbox->base + outbox->window_frames)
        return false;
    return outbox->sent_bytes == 0 || outbox->sent_bytes + fy_packet_wire_bytes(slot->packet) <= outbox->window_bytes;
}

bool fy_outbox_may_take(const struct fy_outbox *outbox)
{
    return fy_outbox_has_waiting(outbox) && fits_window(outbox, &outbox->slots[outbox->cursor % FY_OUTBOX_FRAMES]);
}

struct fy_packet *fy_outbox_take(struct fy_outbox *outbox, uint8_t lane, uint64_t position)
{
    if (!fy_outbox_may_take(outbox))
        return NULL;
    struct fy_outbox_slot *slot = slot_of(outbox, outbox->cursor);
    struct fy_packet *packet = slot->packet;
    size_t size = fy_packet_wire_bytes(packet);
    if (slot->crossed)
        outbox->again_bytes += size;
    if (!slot->taken)
        outbox->sent_bytes += size;
    slot->taken = true;
    slot->sent = true;
    slot->crossed = false;
    slot->lane = lane;
    slot->position = position;
    outbox->cursor++;
    settle_cursor(outbox);
    return packet;
}

void fy_outbox_lane_lost(struct fy_outbox *outbox, uint8_t lane, uint64_t written)
{
    for (uint64_t number = outbox->base; number < outbox->next; number++) {
        struct fy_outbox_slot *slot = slot_of(outbox, number);
        if (!slot->packet || !slot->sent || slot->lane != lane)
            continue;
        slot->sent = false;
        slot->crossed = slot->position <= written;
        if (number < outbox->cursor)
            outbox->cursor = number;
    }
}

static int acknowledge_one(struct fy_outbox *outbox, uint64_t number, struct fy_error *err)
{
    struct fy_outbox_slot *slot = slot_of(outbox, number);
    if (!slot->packet)
        return 0;
    if (!slot->taken)
        return fy_error_set(err, FY_E_PROTOCOL, "the peer acknowledges frame %llu, which was never sent",
                            (unsigned long long)number);
    size_t size = fy_packet_wire_bytes(slot->packet);
    fy_packet_unref(slot->packet);
    *slot = (struct fy_outbox_slot){0};
    outbox->held_bytes -= size;
    outbox->sent_bytes -= size;
    return 0;
}

static int acknowledge_run(struct fy_outbox *outbox, uint64_t first, uint64_t end, struct fy_error *err)
{
    for (uint64_t number = first; number < end; number++)
        if (acknowledge_one(outbox, number, err))
            return -1;
    return 0;
}

static void advance_base(struct fy_outbox *outbox)
{
    while (outbox->base < outbox->next && !slot_of(outbox, outbox->base)->packet)
        outbox->base++;
    if (outbox->cursor < outbox->base)
        outbox->cursor = outbox->base;
    settle_cursor(outbox);
}

static int refuse_ranges(struct fy_error *err)
{
    return fy_error_set(err, FY_E_PROTOCOL, "the peer's acknowledgement names frames out of order or never sent");
}

int fy_outbox_acknowledge(struct fy_outbox *outbox, const struct fy_acknowledged *have, struct fy_error *err)
{
    uint64_t reached = have->next;
    if (reached > outbox->next)
        return refuse_ranges(err);
    /* An old acknowledgement may come late over another lane: it tells nothing new, and is no mistake. */
    if (acknowledge_run(outbox, outbox->base, reached, err))
        return -1;
    for (size_t i = 0; i < have->range_count; i++) {
        uint64_t first = have->ranges[2 * i];
        uint64_t length = have->ranges[2 * i + 1];
        if (first < reached || first > outbox->next || length == 0 || length > outbox->next - first)
            return refuse_ranges(err);
        reached = first + length;
        if (acknowledge_run(outbox, first < outbox->base ? outbox->base : first, reached, err))
            return -1;
    }
    advance_base(outbox);
    return 0;
}
