/* What leaves a session: numbered frames onto lanes that have room, and acknowledgements. */
#include "session_internal.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>

/* The peer waits for an acknowledgement with a full window at worst: often enough for that, and not for each frame. */
#define ACK_BYTES ((size_t)1024 * 1024)
#define ACK_FRAMES 64u
#define ACK_DELAY_MS 10u

/* A lane that takes no more will be reported closed from the loop. */
void lane_send(struct fy_lane *lane, const Ferry__Peer__Frame *frame)
{
    lane->packets++;
    (void)fy_link_send(lane->link, &frame->base, NULL, 0, NULL);
}

static struct fy_lane *control_lane(struct fy_carrier *carrier)
{
    return carrier->control_lane < 0 ? NULL : &carrier->lanes[carrier->control_lane];
}

/* The next open lane with room, in turns. */
static struct fy_lane *roomy_lane(struct fy_carrier *carrier)
{
    for (unsigned i = 0; i < FY_SESSION_MAX_LANES; i++) {
        struct fy_lane *lane = &carrier->lanes[(carrier->next_lane + i) % FY_SESSION_MAX_LANES];
        if (lane->state == FY_LANE_OPEN && !fy_link_congested(lane->link)) {
            carrier->next_lane = lane->index + 1u;
            return lane;
        }
    }
    return NULL;
}

/* False when there is nothing that may go now. A link that will not take it is given up: another must. */
static bool send_next(struct fy_outbox *outbox, struct fy_lane *lane)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_packet *packet = fy_outbox_take(outbox, lane->index, lane->packets + 1);
    if (!packet)
        return false;
    lane->packets++;
    if (outbox == &lane->carrier->data)
        fy_stream_sent(&lane->carrier->stream, fy_packet_wire_bytes(packet), fy_clock_monotonic_ns());
    if (fy_link_send_packet(lane->link, packet, &err) < 0)
        lane_lose(lane, &err);
    return !lane->carrier->ending;
}

static void pace_over(uv_timer_t *timer)
{
    carrier_pump(timer->data);
}

/* A lane for the next data frame, if there is one and it may leave now. */
static struct fy_lane *lane_for_data(struct fy_carrier *carrier)
{
    if (!fy_outbox_may_take(&carrier->data))
        return NULL;
    struct fy_lane *lane = roomy_lane(carrier);
    uint64_t wait_ns = lane ? fy_stream_wait_ns(&carrier->stream, fy_clock_monotonic_ns()) : 0;
    if (wait_ns == 0)
        return lane;
    (void)uv_timer_start(&carrier->pace, pace_over, (wait_ns + 999999) / 1000000, 0);
    return NULL;
}

void carrier_pump(struct fy_carrier *carrier)
{
    struct fy_lane *lane;
    if (carrier->ending || !carrier->greeted)
        return;
    (void)uv_timer_stop(&carrier->pace);
    while (fy_outbox_has_waiting(&carrier->control) && (lane = control_lane(carrier)) &&
           !fy_link_congested(lane->link) && send_next(&carrier->control, lane))
        ;
    while ((lane = lane_for_data(carrier)) && send_next(&carrier->data, lane))
        ;
    if (!uv_is_active((uv_handle_t *)&carrier->pace))
        fy_stream_idle(&carrier->stream);
}

/* --- acknowledgements ------------------------------------------------------------------------------------------- */

void carrier_fill_ack(const struct fy_carrier *carrier, Ferry__Peer__Ack *ack, uint64_t ranges[2 * FY_INBOX_RANGES])
{
    ack->control = carrier->inbox.control_next;
    ack->data = carrier->inbox.data_base;
    ack->n_ranges = fy_inbox_ranges(&carrier->inbox, ranges);
    ack->ranges = ranges;
    ack->window_bytes = FY_INBOX_WINDOW_BYTES;
    ack->window_frames = FY_INBOX_WINDOW_FRAMES;
}

void carrier_send_ack(struct fy_carrier *carrier)
{
    uint64_t ranges[2 * FY_INBOX_RANGES];
    Ferry__Peer__Ack ack = FERRY__PEER__ACK__INIT;
    struct fy_lane *lane = control_lane(carrier);
    (void)uv_timer_stop(&carrier->ack);
    if (!lane)
        return; /* it is told when a lane joins */
    carrier_fill_ack(carrier, &ack, ranges);
    carrier->owed_bytes = 0;
    carrier->owed_frames = 0;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(ack, FERRY__PEER__FRAME__KIND_ACK, &ack);
    lane_send(lane, &frame);
}

void carrier_ack_due(uv_timer_t *timer)
{
    carrier_send_ack(timer->data);
}

void carrier_owes(struct fy_carrier *carrier, size_t bytes)
{
    carrier->owed_bytes += bytes;
    carrier->owed_frames++;
    if (carrier->owed_bytes >= ACK_BYTES || carrier->owed_frames >= ACK_FRAMES)
        carrier_send_ack(carrier);
    else if (!uv_is_active((uv_handle_t *)&carrier->ack))
        (void)uv_timer_start(&carrier->ack, carrier_ack_due, ACK_DELAY_MS, 0);
}

static int check_ack(const Ferry__Peer__Ack *ack, struct fy_error *err)
{
    if (ack->n_ranges % 2 != 0 || ack->n_ranges > 2 * FY_INBOX_RANGES)
        return fy_error_set(err, FY_E_PROTOCOL, "the peer's acknowledgement has %zu numbers for its ranges",
                            ack->n_ranges);
    if (ack->window_bytes < FY_FRAME_MAX_BODY_BYTES || ack->window_frames == 0)
        return fy_error_set(err, FY_E_PROTOCOL, "the peer grants a window of %llu bytes and %u frames",
                            (unsigned long long)ack->window_bytes, ack->window_frames);
    return 0;
}

int carrier_take_ack(struct fy_carrier *carrier, const Ferry__Peer__Ack *ack, struct fy_error *err)
{
    struct fy_acknowledged control = {.next = ack->control};
    struct fy_acknowledged data = {.next = ack->data, .ranges = ack->ranges, .range_count = ack->n_ranges / 2};
    if (check_ack(ack, err) || fy_outbox_acknowledge(&carrier->control, &control, err) ||
        fy_outbox_acknowledge(&carrier->data, &data, err))
        return -1;
    carrier->data.window_bytes = ack->window_bytes;
    carrier->data.window_frames = ack->window_frames < FY_OUTBOX_FRAMES ? ack->window_frames : FY_OUTBOX_FRAMES;
    return 0;
}
