/* A migration's life at the destination: start, cancel, the dispatch of what the source says, deadlines. */
#include "migrate_destination.h"

#include <ferry/agent/checkpoint_copy.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/text.h>

#define TICK_MS 100u
#define TICKS_PER_ACKNOWLEDGEMENT 10u
#define DAY_MS (24u * 3600u * 1000u)

static const struct {
    enum fy_migration_state state;
    const char *shown; /* NULL: goes on under the one before */
    const char *where; /* NULL: unchanged */
} faces[FY_DESTINATION_PHASES] = {
    [FY_DESTINATION_GREET] = {FY_MIGRATION_SETUP, NULL, "runs at the source"},
    [FY_DESTINATION_ASK] = {FY_MIGRATION_SETUP, "preflight", NULL},
    [FY_DESTINATION_RECEIVE] = {FY_MIGRATION_ACTIVE, "receive", "at the source"},
    [FY_DESTINATION_CHECK] = {FY_MIGRATION_ACTIVE, "check", NULL},
    [FY_DESTINATION_WAIT] = {FY_MIGRATION_ACTIVE, NULL, NULL},
    [FY_DESTINATION_RESTORE] = {FY_MIGRATION_PRE_SWITCHOVER, "restore", NULL},
    [FY_DESTINATION_RECORD] = {FY_MIGRATION_PRE_SWITCHOVER, NULL, NULL},
    [FY_DESTINATION_PREPARED] = {FY_MIGRATION_PRE_SWITCHOVER, "prepared", "held frozen here; the source decides"},
    [FY_DESTINATION_AGAIN] = {FY_MIGRATION_PRE_SWITCHOVER, "restore again", "safe in its image set here"},
    [FY_DESTINATION_STRANDED] = {FY_MIGRATION_PRE_SWITCHOVER, "stranded", "safe in its image set here"},
    [FY_DESTINATION_RUN] = {FY_MIGRATION_DEVICE, "switchover", "starting here"},
    [FY_DESTINATION_FINISH] = {FY_MIGRATION_DEVICE, NULL, "runs here"},
    [FY_DESTINATION_LOOK] = {FY_MIGRATION_PRE_SWITCHOVER, "recover", "looked for here"},
    [FY_DESTINATION_DISCARD] = {FY_MIGRATION_ACTIVE, "rollback", "at the source"},
    [FY_DESTINATION_END] = {FY_MIGRATION_ACTIVE, NULL, NULL},
};

void fy_receiver_changed(struct fy_receiver *receiver)
{
    if (!receiver->has_job)
        return;
    fy_report_touch(&receiver->report, &receiver->clock);
    receiver->events->changed(receiver, &receiver->report, receiver->data);
}

static void entered(void *ctx, enum fy_destination_phase phase)
{
    struct fy_receiver *receiver = ctx;
    if (phase == FY_DESTINATION_DISCARD && receiver->restarted_from != FY_STAGE_NONE)
        fy_error_set(&receiver->report.error, FY_E_INTERRUPTED, "ferryd was restarted, and the source did not commit");
    if (phase == FY_DESTINATION_CHECK || phase == FY_DESTINATION_RESTORE || phase == FY_DESTINATION_AGAIN ||
        phase == FY_DESTINATION_RUN)
        receiver->phase_start_ns = fy_clock_monotonic_ns();
    if (phase == FY_DESTINATION_DISCARD || phase == FY_DESTINATION_END)
        fy_hook_point_stop(&receiver->hooks);
    receiver->report.switchover = fy_destination_phase_row(phase);
    if (faces[phase].shown)
        fy_report_phase(&receiver->report, &receiver->clock, faces[phase].shown);
    if (phase != FY_DESTINATION_END)
        receiver->report.state = faces[phase].state;
    if (faces[phase].where)
        receiver->report.workload_state = faces[phase].where;
    fy_receiver_changed(receiver);
}

static void blame(void *ctx, const struct fy_error *why)
{
    struct fy_receiver *receiver = ctx;
    fy_error_propagate(&receiver->report.error, why);
}

/* ---- deadlines ---- */

static void deadline_passed(uv_timer_t *timer)
{
    struct fy_receiver *receiver = fy_container_of(timer, struct fy_receiver, deadline);
    struct fy_error err = FY_ERROR_INIT;
    if (fy_session_is_interrupted(&receiver->session))
        return; /* how long that may last is the session's to say */
    (void)uv_timer_stop(timer);
    fy_error_set(&err, FY_E_TIMEOUT, "waited %llu ms for %s, in vain", (unsigned long long)uv_timer_get_repeat(timer),
                 (const char *)timer->data);
    fy_destination_late(&receiver->core, &err);
}

void fy_receiver_expect(struct fy_receiver *receiver, const char *what, uint64_t timeout_ms)
{
    (void)uv_timer_stop(&receiver->deadline);
    if (timeout_ms == 0)
        return;
    receiver->deadline.data = (void *)what;
    (void)uv_timer_start(&receiver->deadline, deadline_passed, timeout_ms, timeout_ms);
}

/* The source dumps before it sends; how long it may stay frozen is its own limit. */
static uint64_t hold_ms(const struct fy_receiver *receiver)
{
    uint64_t wanted = receiver->offer ? receiver->offer->hold_ms : 0;
    return wanted < DAY_MS ? wanted : DAY_MS;
}

static void expect(void *ctx, enum fy_destination_wait wait)
{
    struct fy_receiver *receiver = ctx;
    uint64_t link_ms = receiver->host->settings->timeouts.link_ms;
    const struct {
        const char *what;
        uint64_t ms;
    } waits[] = {
        [FY_DESTINATION_WAIT_NOTHING] = {NULL, 0},
        [FY_DESTINATION_WAIT_HELLO] = {"the source's hello", link_ms},
        [FY_DESTINATION_WAIT_REQUEST] = {"the source's first request", link_ms},
        [FY_DESTINATION_WAIT_SET] = {"the first byte of the image set", hold_ms(receiver) + link_ms},
        [FY_DESTINATION_WAIT_PREPARE] = {"PREPARE", hold_ms(receiver) + link_ms},
    };
    fy_receiver_expect(receiver, waits[wait].what, waits[wait].ms);
}

static void ticked(uv_timer_t *timer)
{
    struct fy_receiver *receiver = fy_container_of(timer, struct fy_receiver, tick);
    fy_report_sample(&receiver->report, &receiver->clock);
    if (++receiver->ticks % TICKS_PER_ACKNOWLEDGEMENT == 0 && receiver->core.phase == FY_DESTINATION_RECEIVE)
        fy_receiver_acknowledge(receiver);
    fy_receiver_changed(receiver);
}

/* ---- what the source says ---- */

static void greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    struct fy_receiver *receiver = fy_container_of(session, struct fy_receiver, session);
    fy_text_copy_printable(receiver->report.peer, sizeof receiver->report.peer, hello->name);
    fy_destination_greeted(&receiver->core);
}

static bool in_images(const Ferry__Peer__Frame *frame)
{
    return frame->kind_case == FERRY__PEER__FRAME__KIND_FILE_END ||
           frame->kind_case == FERRY__PEER__FRAME__KIND_SET_END;
}

static void out_of_order(struct fy_receiver *receiver, const Ferry__Peer__Frame *frame)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_PROTOCOL, "the source sent a frame of kind %d out of order", (int)frame->kind_case);
    fy_session_fail(&receiver->session, &err);
}

/* Of the decision; FY_HEARD_WRONG for anything else. */
static enum fy_heard hear(struct fy_receiver *receiver, const Ferry__Peer__Frame *frame)
{
    struct fy_destination *core = &receiver->core;
    struct fy_error why = FY_ERROR_INIT;
    switch (frame->kind_case) {
    case FERRY__PEER__FRAME__KIND_PREPARE:
        return fy_destination_heard(core, FY_SAY_PREPARE, frame->prepare->epoch, NULL);
    case FERRY__PEER__FRAME__KIND_COMMIT:
        return fy_destination_heard(core, FY_SAY_COMMIT, frame->commit->epoch, NULL);
    case FERRY__PEER__FRAME__KIND_ABORT:
        fy_session_failure_to_error(frame->abort->reason, "the source gave up", &why);
        receiver->was_cancelled = why.code == FY_E_CANCELLED;
        return fy_destination_heard(core, FY_SAY_ABORT, frame->abort->epoch, &why);
    default:
        return FY_HEARD_WRONG;
    }
}

/* Between the first page and the last small image CRIU may take its time; a lost link is the session's to notice. */
static void expect_more(struct fy_receiver *receiver)
{
    fy_receiver_expect(receiver, "more of the image set",
                       hold_ms(receiver) + receiver->host->settings->timeouts.link_ms);
}

/* It is no migration: the session is handed on, and this receiver ends. */
static void serve_checkpoint(struct fy_receiver *receiver, const Ferry__Peer__Frame *frame, const uint8_t *body,
                             size_t body_bytes)
{
    struct fy_error err = FY_ERROR_INIT;
    if (fy_checkpoint_serve(receiver->host, &receiver->session, receiver->report.peer, frame, body, body_bytes, &err) <
        0)
        fy_session_fail(&receiver->session, &err);
    else
        fy_destination_link_lost(&receiver->core, NULL);
}

static void frame_arrived(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                          size_t body_bytes)
{
    (void)body; /* only data has one */
    (void)body_bytes;
    struct fy_receiver *receiver = fy_container_of(session, struct fy_receiver, session);
    enum fy_destination_phase phase = receiver->core.phase;
    if (phase >= FY_DESTINATION_DISCARD)
        return; /* what was on its way when it was given up */
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_OFFER && phase == FY_DESTINATION_GREET)
        fy_receiver_offered(receiver, frame->offer);
    else if (fy_checkpoint_is_served(frame) && phase == FY_DESTINATION_GREET)
        serve_checkpoint(receiver, frame, body, body_bytes);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_RESOLVE && phase == FY_DESTINATION_GREET)
        fy_receiver_resolve(receiver, frame->resolve);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_QUERY && phase == FY_DESTINATION_GREET)
        fy_receiver_query(receiver, frame->query);
    else if (in_images(frame) && phase == FY_DESTINATION_RECEIVE && receiver->receive) {
        expect_more(receiver);
        fy_receive_set_frame(receiver->receive, frame);
    } else if (hear(receiver, frame) == FY_HEARD_WRONG)
        out_of_order(receiver, frame);
}

static void data_arrived(struct fy_session *session, uint64_t number, const Ferry__Peer__Frame *frame,
                         const struct fy_frame *raw)
{
    struct fy_receiver *receiver = fy_container_of(session, struct fy_receiver, session);
    enum fy_destination_phase phase = receiver->core.phase;
    if (phase >= FY_DESTINATION_DISCARD)
        fy_session_data_kept(session, number); /* what was on its way when it was given up */
    else if (phase == FY_DESTINATION_RECEIVE && receiver->receive) {
        expect_more(receiver);
        fy_receive_set_data(receiver->receive, number, frame, raw);
    } else
        out_of_order(receiver, frame);
}

static void drained(struct fy_session *session)
{
    (void)session; /* a destination sends so little that it never waits */
}

/* The source gets the whole time again for what it owes. */
static void interrupted(struct fy_session *session, const struct fy_error *why)
{
    struct fy_receiver *receiver = fy_container_of(session, struct fy_receiver, session);
    if (!why && uv_is_active((uv_handle_t *)&receiver->deadline))
        (void)uv_timer_again(&receiver->deadline);
}

static void link_lost(struct fy_session *session, const struct fy_error *err)
{
    struct fy_receiver *receiver = fy_container_of(session, struct fy_receiver, session);
    struct fy_error lost = FY_ERROR_INIT;
    fy_error_propagate(&lost, err);
    fy_error_set(&lost, FY_E_UNREACHABLE, "the link to the source was closed");
    fy_destination_link_lost(&receiver->core, &lost);
}

static const struct fy_session_events session_events = {
    .greeted = greeted,
    .frame = frame_arrived,
    .data = data_arrived,
    .drained = drained,
    .interrupted = interrupted,
    .closed = link_lost,
};

/* ---- start and cancel ---- */

static const struct fy_destination_ops ops = {
    .entered = entered,
    .blame = blame,
    .expect = expect,
    .retry_later = fy_receiver_retry_later,
    .hang_up = fy_receiver_hang_up,
    .farewell = fy_receiver_farewell,
    .say = fy_receiver_say,
    .ask = fy_receiver_ask,
    .ask_stop = fy_receiver_ask_stop,
    .preflight = fy_receiver_preflight,
    .receive = fy_receiver_receive,
    .receive_stop = fy_receiver_receive_stop,
    .check = fy_receiver_check,
    .restore = fy_receiver_restore,
    .run = fy_receiver_run,
    .drop = fy_receiver_drop,
    .unstage = fy_receiver_unstage,
    .has_set = fy_receiver_has_set,
    .settle = fy_receiver_settle,
    .journal = fy_receiver_journal,
    .finish = fy_receiver_finish,
};

struct fy_receiver *fy_receiver_new(const struct fy_host *host, const struct fy_receiver_events *events, void *data,
                                    struct fy_error *err)
{
    struct fy_receiver *receiver = calloc(1, sizeof *receiver);
    if (!receiver) {
        fy_error_set(err, FY_E_NOMEM, "no memory for an incoming migration");
        return NULL;
    }
    receiver->host = host;
    receiver->events = events;
    receiver->data = data;
    receiver->report.workload_state = faces[FY_DESTINATION_GREET].where;
    fy_migrate_session_init(host, &receiver->session, &session_events);
    return receiver;
}

void fy_receiver_open(struct fy_receiver *receiver)
{
    uv_timer_t *timers[] = {&receiver->deadline, &receiver->tick, &receiver->pause, &receiver->inquiry_timer};
    for (size_t i = 0; i < FY_ARRAY_SIZE(timers); i++)
        (void)uv_timer_init(receiver->host->loop, timers[i]);
    receiver->open_timers = FY_ARRAY_SIZE(timers);
    (void)uv_timer_start(&receiver->tick, ticked, TICK_MS, TICK_MS);
    fy_report_start(&receiver->report, &receiver->clock);
}

int fy_receiver_start(const struct fy_host *host, struct fy_link *link, const struct fy_receiver_events *events,
                      void *data, struct fy_receiver **receiver, struct fy_error *err)
{
    struct fy_receiver *new = fy_receiver_new(host, events, data, err);
    if (!new) {
        fy_link_close(link);
        return -1;
    }
    if (fy_session_accept(&new->session, link, err) < 0) {
        fy_receiver_free(new);
        return -1;
    }
    fy_receiver_open(new);
    fy_destination_init(&new->core, &ops, new);
    *receiver = new;
    return 0;
}

void fy_receiver_restart(struct fy_receiver *receiver, uint64_t epoch, enum fy_stage stage)
{
    fy_destination_restart(&receiver->core, &ops, receiver, epoch, stage);
}

int fy_receiver_cancel(struct fy_receiver *receiver, const char *why, struct fy_error *err)
{
    struct fy_error cancelled = FY_ERROR_INIT;
    if (fy_destination_is_bound(&receiver->core)) {
        fy_error_set(err, FY_E_BUSY, "the workload is prepared here, and only its source can decide now");
        return fy_error_next(err, "cancel the job on %s", receiver->report.peer);
    }
    fy_error_set(&cancelled, FY_E_CANCELLED, "%s", why);
    if (receiver->core.phase < FY_DESTINATION_DISCARD)
        receiver->was_cancelled = true;
    (void)fy_destination_fail(&receiver->core, &cancelled);
    return 0;
}

int fy_receiver_decide(struct fy_receiver *receiver, bool commit, struct fy_error *err)
{
    return fy_destination_resolve(&receiver->core, commit, err);
}
