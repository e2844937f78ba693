/* The lanes of a session: dialed, lost and dialed again (or, at the accepting side, waited for).
 *
 *     UNUSED --set_lanes--> PAUSING --pause over--> DIALING --opened--> GREETING --hello--> OPEN
 *                              ^                       |                   |                 |
 *                              +-----------------------+------- lost ------+-----------------+
 *
 * At the accepting side a lane begins in GREETING or (one that joins) in OPEN, and is UNUSED when it is lost. */
#include "session_internal.h"
#include <errno.h>
#include <ferry/base/cleanup.h>

#define TICK_MS 100u
#define FIRST_PAUSE_MS 100u
#define LONGEST_PAUSE_MS 5000u
/* A lane that fails so often in a row is tried only now and then, as long as there is another. */
#define MAX_FAILURES 3u
#define RARE_PAUSE_MS 30000u
/* Queued on a link and not on its wire: enough to keep it busy, and little to send again. */
#define LANE_QUEUE_BYTES ((size_t)4 * 1024 * 1024)
/* What has to arrive in `link_timeout_ms` for a frame that never ends to count as progress. */
#define PROGRESS_BYTES 16384u

static bool is_dialing_side(const struct fy_carrier *carrier)
{
    return carrier->dialer.dial != NULL;
}

static unsigned open_lanes(const struct fy_carrier *carrier)
{
    unsigned count = 0;
    for (size_t i = 0; i < FY_SESSION_MAX_LANES; i++)
        count += carrier->lanes[i].state == FY_LANE_OPEN;
    return count;
}

static void enter(struct fy_lane *lane, enum fy_lane_state state)
{
    lane->state = state;
    lane->state_ms = 0;
}

/* --- letting go ------------------------------------------------------------------------------------------------- */

static void ignore_frame(struct fy_link *link, const struct fy_frame *frame, void *data)
{
    (void)link;
    (void)frame;
    (void)data;
}

static void ignore_event(struct fy_link *link, void *data)
{
    (void)link;
    (void)data;
}

static void ignore_error(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    (void)err;
    (void)data;
}

static void add_to_past(struct fy_lane *lane)
{
    struct fy_session_stats *past = &lane->carrier->past;
    struct fy_link_stats stats;
    fy_link_get_stats(lane->link, &stats);
    past->bytes_sent += stats.bytes_sent;
    past->bytes_received += stats.bytes_received;
    past->frames_sent += stats.frames_sent;
    past->frames_received += stats.frames_received;
    fy_outbox_lane_lost(&lane->carrier->control, lane->index, stats.frames_sent);
    fy_outbox_lane_lost(&lane->carrier->data, lane->index, stats.frames_sent);
}

void lane_let_go(struct fy_lane *lane, uint64_t timeout_ms)
{
    static const struct fy_link_events nobody = {
        .opened = ignore_event, .frame = ignore_frame, .drained = ignore_event, .closed = ignore_error};
    struct fy_link *link = lane->link;
    if (!link)
        return;
    add_to_past(lane);
    lane->link = NULL;
    fy_link_set_events(link, &nobody, NULL);
    if (timeout_ms > 0 && lane->state >= FY_LANE_GREETING)
        fy_link_finish(link, timeout_ms);
    else
        fy_link_close(link);
}

/* --- loss ------------------------------------------------------------------------------------------------------- */

/* Dialing again would come to the same. An agent that is gone has taken its side of the session with it. */
static bool is_final(const struct fy_error *why)
{
    return why->code == FY_E_HOSTKEY || why->code == FY_E_AUTH || why->code == FY_E_USAGE ||
           (why->code == FY_E_UNREACHABLE && why->sys_errno == ECONNREFUSED);
}

static uint64_t pause_before_dialing_ms(const struct fy_lane *lane, bool others)
{
    if (others && lane->failures >= MAX_FAILURES)
        return RARE_PAUSE_MS;
    uint64_t pause_ms = (uint64_t)FIRST_PAUSE_MS << (lane->failures < 8 ? lane->failures : 8);
    return pause_ms < LONGEST_PAUSE_MS ? pause_ms : LONGEST_PAUSE_MS;
}

static void dial_later(struct fy_lane *lane, bool others)
{
    struct fy_carrier *carrier = lane->carrier;
    if (!is_dialing_side(carrier) || lane->index >= carrier->wanted_lanes) {
        enter(lane, FY_LANE_UNUSED);
        return;
    }
    lane->pause_ms = pause_before_dialing_ms(lane, others);
    lane->failures++;
    enter(lane, FY_LANE_PAUSING);
}

static bool is_first_try(const struct fy_lane *lane)
{
    return lane->state != FY_LANE_UNUSED && lane->state != FY_LANE_OPEN && lane->failures == 0;
}

bool fy_session_lanes_are_due(const struct fy_session *session)
{
    const struct fy_carrier *carrier = session->carrier;
    for (size_t i = 0; carrier && i < FY_SESSION_MAX_LANES; i++)
        if (is_first_try(&carrier->lanes[i]))
            return true;
    return false;
}

/* Of a further lane it is known what it has come to. */
static void lane_known(struct fy_carrier *carrier)
{
    struct fy_session *session = carrier->session;
    if (session && session->events->lanes_known && !carrier->finishing && !fy_session_lanes_are_due(session))
        session->events->lanes_known(session);
}

/* Whatever waits for a better time must be tried now. */
static void hurry(struct fy_carrier *carrier)
{
    for (size_t i = 0; i < FY_SESSION_MAX_LANES; i++)
        if (carrier->lanes[i].state == FY_LANE_PAUSING && carrier->lanes[i].pause_ms > LONGEST_PAUSE_MS)
            carrier->lanes[i].pause_ms = LONGEST_PAUSE_MS;
}

static void interrupt(struct fy_carrier *carrier, uint64_t silent_ms, const struct fy_error *why)
{
    struct fy_session *session = carrier->session;
    hurry(carrier);
    carrier->interrupted = true;
    carrier->silence_ms = silent_ms;
    if (session && session->events->interrupted && !carrier->finishing)
        session->events->interrupted(session, why);
}

/* Control frames stay on one lane as long as it lives: changing over would let them overtake each other. */
static void choose_control_lane(struct fy_carrier *carrier)
{
    if (carrier->control_lane >= 0 && carrier->lanes[carrier->control_lane].state == FY_LANE_OPEN)
        return;
    carrier->control_lane = -1;
    for (int i = (int)FY_SESSION_MAX_LANES - 1; i >= 0; i--)
        if (carrier->lanes[i].state == FY_LANE_OPEN)
            carrier->control_lane = i;
}

static void note_loss(struct fy_lane *lane)
{
    lane->carrier->past.lanes_lost += lane->state == FY_LANE_OPEN;
    lane->state = FY_LANE_UNUSED;
    choose_control_lane(lane->carrier);
}

/* The lane has no link any more. */
static void lost(struct fy_lane *lane, const struct fy_error *why)
{
    struct fy_carrier *carrier = lane->carrier;
    if (!carrier->greeted) {
        carrier_end_silently(carrier, why);
        return;
    }
    note_loss(lane);
    fy_error_clear(&carrier->lane_error);
    fy_error_propagate(&carrier->lane_error, why);
    bool others = open_lanes(carrier) > 0;
    if (!others && is_final(why)) {
        carrier_end_silently(carrier, why);
        return;
    }
    dial_later(lane, others);
    if (!others && !carrier->interrupted)
        interrupt(carrier, lane->silent_ms, why);
    else if (others)
        carrier_pump(carrier);
    if (!carrier->ending && others)
        lane_known(carrier);
}

void lane_replace(struct fy_lane *lane)
{
    lane_let_go(lane, 0);
    note_loss(lane);
}

void lane_lose(struct fy_lane *lane, const struct fy_error *why)
{
    lane_let_go(lane, 0);
    lost(lane, why);
}

/* --- what a link says ------------------------------------------------------------------------------------------- */

static void link_opened(struct fy_link *link, void *data)
{
    (void)link;
    struct fy_lane *lane = data;
    enter(lane, FY_LANE_GREETING);
    lane_say_hello(lane, lane->carrier->greeted);
}

static void link_garbled(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    struct fy_lane *lane = data;
    carrier_end(lane->carrier, err);
}

static void link_drained(struct fy_link *link, void *data)
{
    (void)link;
    struct fy_lane *lane = data;
    carrier_pump(lane->carrier);
}

static void link_closed(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    struct fy_lane *lane = data;
    struct fy_error why = FY_ERROR_INIT;
    fy_error_propagate(&why, err);
    add_to_past(lane);
    lane->link = NULL;
    lost(lane, &why);
}

const struct fy_link_events fy_lane_events = {
    .opened = link_opened,
    .frame = lane_frame,
    .garbled = link_garbled,
    .drained = link_drained,
    .closed = link_closed,
};

/* --- gain ------------------------------------------------------------------------------------------------------- */

static void begin(struct fy_lane *lane, struct fy_link *link, enum fy_lane_state state)
{
    lane->link = link;
    lane->packets = 0;
    lane->heard_bytes = lane->progress_bytes = 0;
    lane->heard_frames = 0;
    lane->silent_ms = lane->slow_ms = 0;
    lane->asked = false;
    fy_link_limit_queue(link, LANE_QUEUE_BYTES);
    enter(lane, state);
}

void lane_attach(struct fy_lane *lane, struct fy_link *link, enum fy_lane_state state)
{
    struct fy_link_stats stats;
    begin(lane, link, state);
    fy_link_get_stats(link, &stats);
    /* Positions are counted as the link counts them. */
    lane->packets = stats.frames_sent;
    fy_link_set_events(link, &fy_lane_events, lane);
}

int lane_dial(struct fy_lane *lane, struct fy_error *err)
{
    struct fy_carrier *carrier = lane->carrier;
    struct fy_link *link = NULL;
    if (carrier->dialer.dial(carrier->options.loop, carrier->dialer.data, &fy_lane_events, lane, &link, err) < 0)
        return -1;
    begin(lane, link, FY_LANE_DIALING);
    return 0;
}

void lane_open(struct fy_lane *lane)
{
    struct fy_carrier *carrier = lane->carrier;
    struct fy_session *session = carrier->session;
    bool was_interrupted = carrier->interrupted;
    enter(lane, FY_LANE_OPEN);
    choose_control_lane(carrier);
    lane->failures = 0;
    carrier->interrupted = false;
    if (carrier->paused)
        fy_link_pause(lane->link);
    if (was_interrupted && session->events->interrupted && !carrier->finishing)
        session->events->interrupted(session, NULL);
    carrier_pump(carrier);
    if (!carrier->ending && lane->index > 0)
        lane_known(carrier);
}

/* --- time ------------------------------------------------------------------------------------------------------- */

/* Half of the time limit goes to finding out, the other half to opening a new lane. */
static uint64_t silence_limit_ms(const struct fy_carrier *carrier)
{
    uint64_t half = carrier->options.link_timeout_ms / 2;
    return half < 1000 ? 1000 : half;
}

static void ask_for_life(struct fy_lane *lane)
{
    Ferry__Peer__Ping ping = FERRY__PEER__PING__INIT;
    ping.token = FY_SESSION_ALIVE_TOKEN;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(ping, FERRY__PEER__FRAME__KIND_PING, &ping);
    lane->asked = true;
    lane_send(lane, &frame);
}

/* What arrived since the last look: anything at all, and anything that counts. */
static void note_arrivals(struct fy_lane *lane)
{
    struct fy_link_stats stats;
    fy_link_get_stats(lane->link, &stats);
    lane->silent_ms += TICK_MS;
    lane->slow_ms += TICK_MS;
    if (stats.bytes_received != lane->heard_bytes || lane->carrier->paused) {
        lane->silent_ms = 0;
        lane->asked = false;
    }
    lane->heard_bytes = stats.bytes_received;
    if (stats.frames_received != lane->heard_frames || stats.bytes_received - lane->progress_bytes >= PROGRESS_BYTES ||
        lane->carrier->paused) {
        lane->slow_ms = 0;
        lane->heard_frames = stats.frames_received;
        lane->progress_bytes = stats.bytes_received;
    }
}

static void watch_open_lane(struct fy_lane *lane)
{
    struct fy_error err = FY_ERROR_INIT;
    uint64_t limit = silence_limit_ms(lane->carrier);
    note_arrivals(lane);
    if (lane->silent_ms >= limit)
        (void)fy_error_set(&err, FY_E_TIMEOUT, "%s: no sign of life for %llu ms", fy_link_describe(lane->link),
                           (unsigned long long)lane->silent_ms);
    else if (lane->slow_ms >= lane->carrier->options.link_timeout_ms)
        (void)fy_error_set(&err, FY_E_TIMEOUT, "%s: a frame was not whole after %llu ms", fy_link_describe(lane->link),
                           (unsigned long long)lane->slow_ms);
    if (fy_error_is_set(&err))
        lane_lose(lane, &err);
    else if (lane->silent_ms >= limit / 2 && !lane->asked)
        ask_for_life(lane);
}

static void watch_greeting(struct fy_lane *lane)
{
    struct fy_error err = FY_ERROR_INIT;
    if (lane->state_ms < lane->carrier->options.link_timeout_ms)
        return;
    (void)fy_error_set(&err, FY_E_TIMEOUT, "%s: no hello within %llu ms", fy_link_describe(lane->link),
                       (unsigned long long)lane->state_ms);
    if (lane->carrier->greeted)
        lane_lose(lane, &err);
    else
        carrier_end(lane->carrier, &err);
}

static void redial(struct fy_lane *lane)
{
    struct fy_error err = FY_ERROR_INIT;
    if (lane->state_ms >= lane->pause_ms && lane_dial(lane, &err) < 0)
        lost(lane, &err);
}

/* At once: who wants more lanes has something to send. */
void carrier_open_lanes(struct fy_carrier *carrier)
{
    if (!fy_session_has_feature(carrier->session, FY_FEATURE_LANES))
        return;
    for (unsigned i = 1; i < carrier->wanted_lanes && !carrier->ending; i++) {
        struct fy_lane *lane = &carrier->lanes[i];
        if (lane->state != FY_LANE_UNUSED)
            continue;
        lane->pause_ms = 0;
        lane->failures = 0;
        enter(lane, FY_LANE_PAUSING);
        redial(lane);
    }
}

static void lane_tick(struct fy_lane *lane)
{
    lane->state_ms += TICK_MS;
    if (lane->state == FY_LANE_OPEN)
        watch_open_lane(lane);
    else if (lane->state == FY_LANE_GREETING)
        watch_greeting(lane);
    else if (lane->state == FY_LANE_PAUSING)
        redial(lane);
}

static void give_up(struct fy_carrier *carrier)
{
    struct fy_error err = carrier->lane_error;
    (void)fy_error_wrap(&err, "the link was lost, and there was no new one within %llu ms",
                        (unsigned long long)carrier->options.link_timeout_ms);
    carrier_end_silently(carrier, &err);
}

void carrier_tick(uv_timer_t *timer)
{
    struct fy_carrier *carrier = timer->data;
    for (size_t i = 0; i < FY_SESSION_MAX_LANES && !carrier->ending; i++)
        lane_tick(&carrier->lanes[i]);
    if (carrier->ending)
        return;
    if (carrier->finishing && carrier->finish_ms <= TICK_MS) {
        carrier_end(carrier, NULL);
        return;
    }
    carrier->finish_ms -= carrier->finishing ? TICK_MS : 0;
    if (!carrier->interrupted)
        return;
    carrier->silence_ms += TICK_MS;
    if (carrier->silence_ms >= carrier->options.link_timeout_ms)
        give_up(carrier);
}
