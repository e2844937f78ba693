/* A migration's life at the destination: start, cancel, the dispatch of what the source says, deadlines. */
#include "migrate_destination.h"

#include <assert.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#define TICK_MS 100u
#define TICKS_PER_ACKNOWLEDGEMENT 10u
#define BIT(phase) (1u << (phase))

static const unsigned successors[] = {
    [FY_DESTINATION_GREET] = BIT(FY_DESTINATION_ASK) | BIT(FY_DESTINATION_END),
    [FY_DESTINATION_ASK] = BIT(FY_DESTINATION_RECEIVE) | BIT(FY_DESTINATION_DISCARD) | BIT(FY_DESTINATION_END),
    [FY_DESTINATION_RECEIVE] = BIT(FY_DESTINATION_CHECK) | BIT(FY_DESTINATION_DISCARD),
    [FY_DESTINATION_CHECK] = BIT(FY_DESTINATION_READY) | BIT(FY_DESTINATION_DISCARD),
    [FY_DESTINATION_READY] = BIT(FY_DESTINATION_RESTORE) | BIT(FY_DESTINATION_DISCARD),
    [FY_DESTINATION_RESTORE] = BIT(FY_DESTINATION_PREPARED) | BIT(FY_DESTINATION_DISCARD),
    [FY_DESTINATION_PREPARED] = BIT(FY_DESTINATION_RUN) | BIT(FY_DESTINATION_DISCARD),
    [FY_DESTINATION_RUN] = BIT(FY_DESTINATION_END) | BIT(FY_DESTINATION_DISCARD),
    [FY_DESTINATION_DISCARD] = BIT(FY_DESTINATION_END),
    [FY_DESTINATION_END] = 0,
};

static const struct {
    enum fy_migration_state state;
    const char *shown; /* NULL: goes on under the one before */
    const char *where; /* NULL: unchanged */
} faces[] = {
    [FY_DESTINATION_GREET] = {FY_MIGRATION_SETUP, NULL, "runs at the source"},
    [FY_DESTINATION_ASK] = {FY_MIGRATION_SETUP, "preflight", NULL},
    [FY_DESTINATION_RECEIVE] = {FY_MIGRATION_ACTIVE, "receive", "at the source"},
    [FY_DESTINATION_CHECK] = {FY_MIGRATION_ACTIVE, "check", NULL},
    [FY_DESTINATION_READY] = {FY_MIGRATION_ACTIVE, NULL, NULL},
    [FY_DESTINATION_RESTORE] = {FY_MIGRATION_PRE_SWITCHOVER, "restore", NULL},
    [FY_DESTINATION_PREPARED] = {FY_MIGRATION_PRE_SWITCHOVER, "prepared", "held frozen here; the source decides"},
    [FY_DESTINATION_RUN] = {FY_MIGRATION_DEVICE, "switchover", "starting here"},
    [FY_DESTINATION_DISCARD] = {FY_MIGRATION_ACTIVE, "rollback", "at the source"},
    [FY_DESTINATION_END] = {FY_MIGRATION_ACTIVE, NULL, NULL},
};

void fy_destination_changed(struct fy_receiver *receiver)
{
    if (!receiver->has_job)
        return;
    fy_report_touch(&receiver->report, &receiver->clock);
    receiver->events->changed(receiver, &receiver->report, receiver->data);
}

void fy_destination_enter(struct fy_receiver *receiver, enum fy_destination_phase phase)
{
    assert(successors[receiver->phase] & BIT(phase));
    receiver->phase = phase;
    if (faces[phase].shown)
        fy_report_phase(&receiver->report, &receiver->clock, faces[phase].shown);
    if (phase != FY_DESTINATION_END)
        receiver->report.state = faces[phase].state;
    if (faces[phase].where)
        receiver->report.workload_state = faces[phase].where;
    fy_destination_expect(receiver, NULL, 0);
    fy_destination_changed(receiver);
}

static void deadline_passed(uv_timer_t *timer)
{
    struct fy_receiver *receiver = fy_container_of(timer, struct fy_receiver, deadline);
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_TIMEOUT, "waited %llu ms for %s, in vain", (unsigned long long)uv_timer_get_repeat(timer),
                 (const char *)timer->data);
    fy_destination_fail(receiver, &err);
}

void fy_destination_expect(struct fy_receiver *receiver, const char *what, uint64_t timeout_ms)
{
    (void)uv_timer_stop(&receiver->deadline);
    if (timeout_ms == 0)
        return;
    receiver->deadline.data = (void *)what;
    (void)uv_timer_start(&receiver->deadline, deadline_passed, timeout_ms, timeout_ms);
}

static void ticked(uv_timer_t *timer)
{
    struct fy_receiver *receiver = fy_container_of(timer, struct fy_receiver, tick);
    fy_report_sample(&receiver->report, &receiver->clock);
    if (++receiver->ticks % TICKS_PER_ACKNOWLEDGEMENT == 0 && receiver->phase == FY_DESTINATION_RECEIVE)
        fy_destination_acknowledge(receiver);
    fy_destination_changed(receiver);
}

/* ---- what the source says ---- */

static void greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    struct fy_receiver *receiver = fy_container_of(session, struct fy_receiver, session);
    fy_text_copy_printable(receiver->report.peer, sizeof receiver->report.peer, hello->name);
    fy_destination_expect(receiver, "the source's first request", receiver->host->settings->timeouts.link_ms);
}

static bool in_images(const Ferry__Peer__Frame *frame)
{
    return frame->kind_case == FERRY__PEER__FRAME__KIND_CHUNK ||
           frame->kind_case == FERRY__PEER__FRAME__KIND_FILE_END ||
           frame->kind_case == FERRY__PEER__FRAME__KIND_SET_END;
}

static void out_of_order(struct fy_receiver *receiver, const Ferry__Peer__Frame *frame)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_PROTOCOL, "the source sent a frame of kind %d out of order", (int)frame->kind_case);
    fy_session_fail(&receiver->session, &err);
}

static void source_aborts(struct fy_receiver *receiver, const Ferry__Peer__Abort *message)
{
    struct fy_error reason = FY_ERROR_INIT;
    fy_session_failure_to_error(message->reason, "the source gave up", &reason);
    fy_destination_abort(receiver, &reason);
}

static void source_prepares(struct fy_receiver *receiver)
{
    receiver->prepare_wanted = true;
    if (receiver->phase == FY_DESTINATION_READY)
        fy_destination_prepare(receiver);
}

static void frame_arrived(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                          size_t body_bytes)
{
    struct fy_receiver *receiver = fy_container_of(session, struct fy_receiver, session);
    enum fy_destination_phase phase = receiver->phase;
    if (phase >= FY_DESTINATION_DISCARD)
        return; /* what was on its way when it was given up */
    bool after_offer = phase > FY_DESTINATION_GREET;
    bool before_restore = phase >= FY_DESTINATION_RECEIVE && phase <= FY_DESTINATION_READY;
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_OFFER && !after_offer)
        fy_destination_offered(receiver, frame->offer);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_RESOLVE && !after_offer)
        fy_destination_resolve(receiver, frame->resolve);
    else if (in_images(frame) && phase == FY_DESTINATION_RECEIVE && receiver->receive) {
        fy_destination_expect(receiver, "more of the image set", receiver->host->settings->timeouts.link_ms);
        fy_receive_set_frame(receiver->receive, frame, body, body_bytes);
    } else if (frame->kind_case == FERRY__PEER__FRAME__KIND_PREPARE && before_restore && !receiver->prepare_wanted)
        source_prepares(receiver);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_COMMIT && phase == FY_DESTINATION_PREPARED)
        fy_destination_commit(receiver);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_ABORT && after_offer && phase < FY_DESTINATION_RUN)
        source_aborts(receiver, frame->abort);
    else
        out_of_order(receiver, frame);
}

static void drained(struct fy_session *session)
{
    (void)session; /* a destination sends so little that it never waits */
}

static void link_lost(struct fy_session *session, const struct fy_error *err)
{
    struct fy_receiver *receiver = fy_container_of(session, struct fy_receiver, session);
    struct fy_error lost = FY_ERROR_INIT;
    if (receiver->phase == FY_DESTINATION_PREPARED || receiver->phase == FY_DESTINATION_RUN)
        return; /* the source comes back with its decision */
    if (fy_destination_is_over(receiver))
        return;
    fy_error_propagate(&lost, err);
    fy_error_set(&lost, FY_E_UNREACHABLE, "the link to the source was closed");
    fy_destination_fail(receiver, &lost);
}

static const struct fy_session_events session_events = {
    .greeted = greeted,
    .frame = frame_arrived,
    .drained = drained,
    .closed = link_lost,
};

/* ---- start and cancel ---- */

int fy_receiver_start(const struct fy_host *host, struct fy_link *link, const struct fy_receiver_events *events,
                      void *data, struct fy_receiver **receiver, struct fy_error *err)
{
    struct fy_receiver *new = calloc(1, sizeof *new);
    if (!new) {
        fy_link_close(link);
        return fy_error_set(err, FY_E_NOMEM, "no memory for an incoming migration");
    }
    new->host = host;
    new->events = events;
    new->data = data;
    new->report.workload_state = faces[FY_DESTINATION_GREET].where;
    (void)uv_timer_init(host->loop, &new->deadline);
    (void)uv_timer_init(host->loop, &new->tick);
    new->open_timers = 2;
    (void)uv_timer_start(&new->tick, ticked, TICK_MS, TICK_MS);
    fy_report_start(&new->report, &new->clock);
    fy_session_init(&new->session, host->settings->name, &session_events);
    fy_link_set_events(link, &fy_session_link_events, &new->session);
    fy_destination_expect(new, "the source's hello", host->settings->timeouts.link_ms);
    *receiver = new;
    fy_session_attach(&new->session, link, true);
    return 0;
}

int fy_receiver_cancel(struct fy_receiver *receiver, const char *why, struct fy_error *err)
{
    if (receiver->phase >= FY_DESTINATION_DISCARD)
        return 0;
    if (receiver->phase >= FY_DESTINATION_PREPARED) {
        fy_error_set(err, FY_E_BUSY, "the workload is prepared here, and only its source can decide now");
        return fy_error_next(err, "cancel the job on %s", receiver->report.peer);
    }
    struct fy_error cancelled = FY_ERROR_INIT;
    fy_error_set(&cancelled, FY_E_CANCELLED, "%s", why);
    receiver->was_cancelled = true;
    fy_destination_fail(receiver, &cancelled);
    return 0;
}

void fy_destination_fail(struct fy_receiver *receiver, const struct fy_error *err)
{
    if (receiver->phase >= FY_DESTINATION_DISCARD)
        return;
    fy_error_propagate(&receiver->report.error, err);
    if (receiver->phase == FY_DESTINATION_GREET) {
        if (receiver->session.link)
            fy_session_fail(&receiver->session, err);
        fy_destination_end(receiver);
    } else
        fy_destination_discard(receiver);
}

bool fy_destination_is_over(struct fy_receiver *receiver)
{
    if (receiver->phase < FY_DESTINATION_DISCARD)
        return false;
    fy_destination_try_end(receiver);
    return true;
}
