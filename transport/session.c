/* A session's life, and what its owner may ask of it. See session_internal.h for the other files. */
#include "session_internal.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 100u
/* How long a link that is let go may still deliver the last words. */
#define FAREWELL_MS 2000u
/* What is held of data frames. For each lane: what sshd lets be under way in one, 2 MiB, and as much again that waits;
 * more would only fill the kernel's buffers, and memory here. At most enough to fill the peer's window. Senders that
 * look at congestion stay below it. */
#define LANE_HIGH_BYTES ((size_t)4 * 1024 * 1024)
#define DATA_HIGH_BYTES ((size_t)FY_INBOX_WINDOW_BYTES)
#define CONTROL_HIGH_BYTES ((size_t)8 * 1024 * 1024)
#define HIGH_FRAMES (FY_OUTBOX_FRAMES * 3 / 4)

void fy_session_init(struct fy_session *session, const struct fy_session_options *options,
                     const struct fy_session_events *events)
{
    *session = (struct fy_session){.options = *options, .events = events};
}

bool fy_session_is_open(const struct fy_session *session)
{
    return session->carrier != NULL;
}

bool fy_session_is_interrupted(const struct fy_session *session)
{
    return session->carrier && session->carrier->interrupted;
}

/* --- birth and death -------------------------------------------------------------------------------------------- */

struct fy_carrier *carrier_new(struct fy_session *session, struct fy_error *err)
{
    struct fy_carrier *carrier = calloc(1, sizeof(*carrier));
    if (!carrier) {
        (void)fy_error_set(err, FY_E_NOMEM, "no memory for a session");
        return NULL;
    }
    carrier->session = session;
    carrier->options = session->options;
    carrier->control_lane = -1;
    carrier->wanted_lanes = 1;
    fy_outbox_init(&carrier->control, 2 * CONTROL_HIGH_BYTES);
    fy_outbox_init(&carrier->data, 2 * DATA_HIGH_BYTES);
    fy_inbox_init(&carrier->inbox);
    for (uint8_t i = 0; i < FY_SESSION_MAX_LANES; i++)
        carrier->lanes[i] = (struct fy_lane){.carrier = carrier, .index = i};
    (void)uv_timer_init(carrier->options.loop, &carrier->tick);
    (void)uv_timer_init(carrier->options.loop, &carrier->ack);
    (void)uv_timer_init(carrier->options.loop, &carrier->pace);
    carrier->tick.data = carrier->ack.data = carrier->pace.data = carrier;
    carrier->open_timers = 3;
    carrier->stream.shaper = carrier->options.shaper;
    fy_bucket_set_rate(&carrier->stream.bucket, carrier->options.bytes_per_second, fy_clock_monotonic_ns());
    (void)uv_timer_start(&carrier->tick, carrier_tick, TICK_MS, TICK_MS);
    session->carrier = carrier;
    session->greeted = false;
    return carrier;
}

static void carrier_free(struct fy_carrier *carrier)
{
    fy_outbox_done(&carrier->control);
    fy_outbox_done(&carrier->data);
    for (size_t i = 0; i < carrier->peer_feature_count; i++)
        free(carrier->peer_features[i]);
    free(carrier->peer_features);
    free(carrier);
}

static void timer_closed(uv_handle_t *handle)
{
    struct fy_carrier *carrier = handle->data;
    if (--carrier->open_timers > 0)
        return;
    struct fy_session *session = carrier->session;
    struct fy_error err = carrier->error;
    carrier_free(carrier);
    if (!session)
        return;
    session->carrier = NULL;
    session->greeted = false;
    session->events->closed(session, fy_error_is_set(&err) ? &err : NULL);
}

static void let_all_go(struct fy_carrier *carrier, uint64_t farewell_ms)
{
    for (size_t i = 0; i < FY_SESSION_MAX_LANES; i++)
        lane_let_go(&carrier->lanes[i], farewell_ms);
    carrier->control_lane = -1;
}

static void end(struct fy_carrier *carrier, const struct fy_error *err, uint64_t farewell_ms)
{
    carrier->ending = true;
    if (err)
        fy_error_propagate(&carrier->error, err);
    registry_remove(carrier);
    fy_stream_done(&carrier->stream);
    let_all_go(carrier, farewell_ms);
    if (carrier->dialer.done)
        carrier->dialer.done(carrier->dialer.data);
    carrier->dialer = (struct fy_dialer){0};
    uv_close((uv_handle_t *)&carrier->tick, timer_closed);
    uv_close((uv_handle_t *)&carrier->ack, timer_closed);
    uv_close((uv_handle_t *)&carrier->pace, timer_closed);
}

void carrier_end_silently(struct fy_carrier *carrier, const struct fy_error *err)
{
    if (!carrier->ending)
        end(carrier, err, 0);
}

/* The lane that the last words go over: any on which the other side would hear them. */
static struct fy_lane *speaking_lane(struct fy_carrier *carrier)
{
    if (carrier->control_lane >= 0)
        return &carrier->lanes[carrier->control_lane];
    struct fy_lane *first = &carrier->lanes[0];
    return first->state == FY_LANE_GREETING ? first : NULL;
}

void carrier_end(struct fy_carrier *carrier, const struct fy_error *err)
{
    if (carrier->ending)
        return;
    Ferry__Peer__Failure failure = FERRY__PEER__FAILURE__INIT;
    Ferry__Peer__Bye bye = FERRY__PEER__BYE__INIT;
    Ferry__Peer__Frame failed = FY_PEER_FRAME(failure, FERRY__PEER__FRAME__KIND_FAILURE, &failure);
    Ferry__Peer__Frame ordered = FY_PEER_FRAME(bye, FERRY__PEER__FRAME__KIND_BYE, &bye);
    struct fy_lane *lane = speaking_lane(carrier);
    if (err)
        fy_session_fill_failure(&failure, err);
    if (lane && (err || carrier->greeted)) {
        if (carrier->greeted && carrier->owed_frames > 0)
            carrier_send_ack(carrier);
        lane_send(lane, err ? &failed : &ordered);
    }
    end(carrier, err, FAREWELL_MS);
}

int fy_session_connect(struct fy_session *session, const struct fy_dialer *dialer, struct fy_error *err)
{
    struct fy_carrier *carrier = carrier_new(session, err);
    if (!carrier) {
        if (dialer->done)
            dialer->done(dialer->data);
        return -1;
    }
    carrier->dialer = *dialer;
    if (!lane_dial(&carrier->lanes[0], err))
        return 0;
    carrier->session = NULL; /* nobody hears of it */
    session->carrier = NULL;
    carrier_end_silently(carrier, NULL);
    return -1;
}

int fy_session_accept(struct fy_session *session, struct fy_link *link, struct fy_error *err)
{
    struct fy_carrier *carrier = carrier_new(session, err);
    if (!carrier) {
        fy_link_close(link);
        return -1;
    }
    lane_attach(&carrier->lanes[0], link, FY_LANE_GREETING);
    return 0;
}

void fy_session_adopt(struct fy_session *session, struct fy_session *from)
{
    if (session->carrier) {
        session->carrier->session = NULL;
        carrier_end_silently(session->carrier, NULL);
    }
    session->carrier = fy_take(from->carrier);
    session->greeted = from->greeted;
    from->greeted = false;
    if (session->carrier)
        session->carrier->session = session;
}

void fy_session_fail(struct fy_session *session, const struct fy_error *err)
{
    if (session->carrier)
        carrier_end(session->carrier, err);
}

void fy_session_close(struct fy_session *session)
{
    if (session->carrier)
        carrier_end(session->carrier, NULL);
}

static void end_if_finished(struct fy_carrier *carrier)
{
    bool empty = fy_outbox_is_empty(&carrier->control) && fy_outbox_is_empty(&carrier->data);
    if (carrier->finishing && empty)
        carrier_end(carrier, NULL);
}

void fy_session_finish(struct fy_session *session, uint64_t timeout_ms)
{
    struct fy_carrier *carrier = session->carrier;
    if (!carrier || carrier->ending)
        return;
    carrier->finishing = true;
    carrier->finish_ms = timeout_ms;
    fy_session_resume(session); /* acknowledgements are still to come */
    end_if_finished(carrier);
}

/* --- sending ---------------------------------------------------------------------------------------------------- */

static bool is_full(const struct fy_outbox *outbox, size_t high_bytes, unsigned numerator)
{
    return outbox->held_bytes >= high_bytes / 4 * numerator ||
           outbox->next - outbox->base >= HIGH_FRAMES / 4 * numerator;
}

bool fy_session_congested(const struct fy_session *session)
{
    return session->carrier && session->carrier->congested;
}

/* A lane that is to be opened again counts. */
static size_t data_high_bytes(const struct fy_carrier *carrier)
{
    size_t lanes = 0;
    for (size_t i = 0; i < FY_SESSION_MAX_LANES; i++)
        lanes += carrier->lanes[i].state != FY_LANE_UNUSED;
    size_t bytes = (lanes > 0 ? lanes : 1) * LANE_HIGH_BYTES;
    return bytes < DATA_HIGH_BYTES ? bytes : DATA_HIGH_BYTES;
}

static bool holds_enough(const struct fy_carrier *carrier, unsigned numerator)
{
    return is_full(&carrier->data, data_high_bytes(carrier), numerator) ||
           is_full(&carrier->control, CONTROL_HIGH_BYTES, numerator);
}

static int keep_and_send(struct fy_carrier *carrier, struct fy_outbox *outbox, const Ferry__Peer__Frame *frame,
                         uint8_t *body, size_t body_bytes, struct fy_error *err)
{
    struct fy_packet *packet = fy_packet_new(&frame->base, body, body_bytes, err);
    if (!packet || fy_outbox_append(outbox, packet, err))
        return -1;
    carrier->congested = carrier->congested || holds_enough(carrier, 4);
    carrier_pump(carrier);
    return 0;
}

static struct fy_carrier *sendable(struct fy_session *session, uint8_t *body, struct fy_error *err)
{
    if (session->carrier && !session->carrier->ending && !session->carrier->finishing)
        return session->carrier;
    free(body);
    (void)fy_error_set(err, FY_E_UNREACHABLE, "the session with the peer is over");
    return NULL;
}

int fy_session_send(struct fy_session *session, const Ferry__Peer__Frame *frame, uint8_t *body, size_t body_bytes,
                    struct fy_error *err)
{
    struct fy_carrier *carrier = sendable(session, body, err);
    if (!carrier)
        return -1;
    Ferry__Peer__Frame numbered = *frame;
    numbered.has_control_number = true;
    numbered.control_number = carrier->control.next;
    return keep_and_send(carrier, &carrier->control, &numbered, body, body_bytes, err);
}

int fy_session_send_data(struct fy_session *session, const Ferry__Peer__Frame *frame, uint8_t *body, size_t body_bytes,
                         struct fy_error *err)
{
    struct fy_carrier *carrier = sendable(session, body, err);
    if (!carrier)
        return -1;
    Ferry__Peer__Frame numbered = *frame;
    numbered.has_data_number = true;
    numbered.data_number = carrier->data.next;
    return keep_and_send(carrier, &carrier->data, &numbered, body, body_bytes, err);
}

int fy_session_ping(struct fy_session *session, uint64_t token, struct fy_error *err)
{
    struct fy_carrier *carrier = session->carrier;
    if (!carrier || carrier->control_lane < 0)
        return fy_error_set(err, FY_E_UNREACHABLE, "no link to the peer is open");
    Ferry__Peer__Ping ping = FERRY__PEER__PING__INIT;
    ping.token = token;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(ping, FERRY__PEER__FRAME__KIND_PING, &ping);
    lane_send(&carrier->lanes[carrier->control_lane], &frame);
    return 0;
}

void carrier_acknowledged(struct fy_carrier *carrier)
{
    struct fy_session *session = carrier->session;
    carrier_pump(carrier);
    if (session && session->events->acknowledged && !carrier->finishing)
        session->events->acknowledged(session);
    if (carrier->ending)
        return;
    if (carrier->congested && !holds_enough(carrier, 3)) {
        carrier->congested = false;
        if (session && !carrier->finishing)
            session->events->drained(session);
    }
    if (!carrier->ending)
        end_if_finished(carrier);
}

/* --- receiving -------------------------------------------------------------------------------------------------- */

void fy_session_data_kept(struct fy_session *session, uint64_t number)
{
    struct fy_carrier *carrier = session->carrier;
    if (!carrier || carrier->ending)
        return;
    size_t bytes = fy_inbox_keep(&carrier->inbox, number);
    if (bytes > 0)
        carrier_owes(carrier, bytes);
}

static void pause_all(struct fy_session *session, bool paused)
{
    struct fy_carrier *carrier = session->carrier;
    if (!carrier || carrier->paused == paused)
        return;
    carrier->paused = paused;
    for (size_t i = 0; i < FY_SESSION_MAX_LANES; i++) {
        struct fy_link *link = carrier->lanes[i].link;
        if (link && paused)
            fy_link_pause(link);
        else if (link)
            fy_link_resume(link);
    }
}

void fy_session_pause(struct fy_session *session)
{
    pause_all(session, true);
}

void fy_session_resume(struct fy_session *session)
{
    pause_all(session, false);
}

/* --- lanes and looks -------------------------------------------------------------------------------------------- */

void fy_session_set_lanes(struct fy_session *session, unsigned lanes)
{
    struct fy_carrier *carrier = session->carrier;
    if (!carrier || carrier->ending || !carrier->dialer.dial)
        return;
    carrier->wanted_lanes = lanes < 1 ? 1 : lanes > FY_SESSION_MAX_LANES ? FY_SESSION_MAX_LANES : lanes;
    if (carrier->greeted)
        carrier_open_lanes(carrier);
}

void fy_session_set_rate(struct fy_session *session, uint64_t bytes_per_second)
{
    session->options.bytes_per_second = bytes_per_second;
    if (!session->carrier || session->carrier->ending)
        return;
    fy_bucket_set_rate(&session->carrier->stream.bucket, bytes_per_second, fy_clock_monotonic_ns());
    carrier_pump(session->carrier);
}

bool fy_session_has_feature(const struct fy_session *session, const char *feature)
{
    const struct fy_carrier *carrier = session->carrier;
    if (!carrier || !carrier->greeted || !session_has_own_feature(carrier, feature))
        return false;
    for (size_t i = 0; i < carrier->peer_feature_count; i++)
        if (strcmp(carrier->peer_features[i], feature) == 0)
            return true;
    return false;
}

void fy_session_get_stats(const struct fy_session *session, struct fy_session_stats *stats)
{
    const struct fy_carrier *carrier = session->carrier;
    *stats = (struct fy_session_stats){0};
    if (!carrier)
        return;
    *stats = carrier->past;
    for (size_t i = 0; i < FY_SESSION_MAX_LANES; i++) {
        const struct fy_lane *lane = &carrier->lanes[i];
        if (!lane->link)
            continue;
        struct fy_link_stats link;
        fy_link_get_stats(lane->link, &link);
        stats->bytes_sent += link.bytes_sent;
        stats->bytes_received += link.bytes_received;
        stats->frames_sent += link.frames_sent;
        stats->frames_received += link.frames_received;
        stats->lanes += lane->state == FY_LANE_OPEN;
    }
    stats->bytes_sent_again = carrier->control.again_bytes + carrier->data.again_bytes;
    stats->bytes_received_again = carrier->received_again_bytes;
    stats->bytes_held = carrier->control.held_bytes + carrier->data.held_bytes;
}

const char *fy_session_describe(const struct fy_session *session)
{
    const struct fy_carrier *carrier = session->carrier;
    if (!carrier || carrier->control_lane < 0)
        return "";
    return fy_link_describe(carrier->lanes[carrier->control_lane].link);
}
