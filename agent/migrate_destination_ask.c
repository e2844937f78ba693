/* A prepared destination that has lost its source asks it, on a link of its own, if the source is one of its peers.
 *
 *     pause ─> SSH, hello ─> Query ─> Decision ─> closed ─> the machine hears the answer, and asks again if it must */
#include "migrate_destination.h"

#include <ferry/base/cleanup.h>
#include <string.h>

#define FIRST_PAUSE_MS 500u
#define LONGEST_PAUSE_MS 15000u
#define FAREWELL_MS 1000u

static void greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    (void)hello;
    struct fy_receiver *receiver = fy_container_of(session, struct fy_receiver, inquiry);
    struct fy_error err = FY_ERROR_INIT;
    Ferry__Peer__Query query = FERRY__PEER__QUERY__INIT;
    query.job = receiver->options.job_id;
    query.epoch = receiver->core.epoch;
    query.store = receiver->offer->store ? receiver->offer->store : (char *)"";
    Ferry__Peer__Frame frame = FY_PEER_FRAME(query, FERRY__PEER__FRAME__KIND_QUERY, &query);
    if (fy_session_send(session, &frame, NULL, 0, &err) < 0)
        fy_session_fail(session, &err);
}

static void frame_arrived(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                          size_t body_bytes)
{
    (void)body;
    (void)body_bytes;
    struct fy_receiver *receiver = fy_container_of(session, struct fy_receiver, inquiry);
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_DECISION) {
        const Ferry__Peer__Decision *decision = frame->decision;
        if (decision->verdict == FERRY__PEER__VERDICT__COMMITTED)
            receiver->answer = FY_SAY_DECIDED_COMMIT;
        else if (decision->verdict == FERRY__PEER__VERDICT__ABORTED_)
            receiver->answer = FY_SAY_DECIDED_ABORT;
        receiver->answer_epoch = decision->epoch;
    }
    fy_session_finish(session, FAREWELL_MS);
}

static void drained(struct fy_session *session)
{
    (void)session;
}

static void closed(struct fy_session *session, const struct fy_error *err)
{
    (void)err; /* asked again until somebody answers */
    struct fy_receiver *receiver = fy_container_of(session, struct fy_receiver, inquiry);
    (void)uv_timer_stop(&receiver->inquiry_timer);
    fy_destination_asked(&receiver->core, receiver->answer, receiver->answer_epoch);
}

static const struct fy_session_events inquiry_events = {
    .greeted = greeted,
    .frame = frame_arrived,
    .drained = drained,
    .closed = closed,
};

static void took_too_long(uv_timer_t *timer)
{
    struct fy_receiver *receiver = fy_container_of(timer, struct fy_receiver, inquiry_timer);
    fy_session_close(&receiver->inquiry);
}

static void dial(uv_timer_t *timer)
{
    struct fy_receiver *receiver = fy_container_of(timer, struct fy_receiver, inquiry_timer);
    const struct fy_timeouts *timeouts = &receiver->host->settings->timeouts;
    const struct fy_peer_settings *peer = fy_settings_peer(receiver->host->settings, receiver->report.peer);
    if (!peer) /* only the source can come to us */
        return;
    fy_migrate_session_init(receiver->host, &receiver->inquiry, &inquiry_events);
    if (fy_migrate_connect(receiver->host, peer, &receiver->inquiry, NULL) < 0)
        fy_destination_asked(&receiver->core, FY_SAY_UNDECIDED, 0);
    else
        (void)uv_timer_start(timer, took_too_long, timeouts->connect_ms + timeouts->link_ms, 0);
}

void fy_receiver_ask(void *ctx, unsigned attempt)
{
    struct fy_receiver *receiver = ctx;
    uint64_t pause_ms = FIRST_PAUSE_MS << (attempt < 8 ? attempt : 8);
    if (pause_ms > LONGEST_PAUSE_MS)
        pause_ms = LONGEST_PAUSE_MS;
    receiver->answer = FY_SAY_UNDECIDED;
    (void)uv_timer_start(&receiver->inquiry_timer, dial, pause_ms, 0);
}

static void stopped(uv_timer_t *timer)
{
    struct fy_receiver *receiver = fy_container_of(timer, struct fy_receiver, inquiry_timer);
    fy_destination_asked(&receiver->core, FY_SAY_UNDECIDED, 0);
}

void fy_receiver_ask_stop(void *ctx)
{
    struct fy_receiver *receiver = ctx;
    receiver->answer = FY_SAY_UNDECIDED;
    if (fy_session_is_open(&receiver->inquiry))
        fy_session_close(&receiver->inquiry);
    else
        (void)uv_timer_start(&receiver->inquiry_timer, stopped, 0, 0);
}

/* ---- the other side: somebody asks us about a job of ours ---- */

void fy_receiver_query(struct fy_receiver *receiver, const Ferry__Peer__Query *query)
{
    Ferry__Peer__Decision decision = FERRY__PEER__DECISION__INIT;
    enum fy_saying saying = FY_SAY_UNDECIDED;
    if (fy_job_id_is_valid(query->job))
        saying = receiver->events->decision(query->job, query->store, receiver->data);
    decision.job = query->job;
    decision.epoch = query->epoch;
    decision.verdict = FERRY__PEER__VERDICT__UNDECIDED;
    if (saying == FY_SAY_DECIDED_COMMIT)
        decision.verdict = FERRY__PEER__VERDICT__COMMITTED;
    else if (saying == FY_SAY_DECIDED_ABORT)
        decision.verdict = FERRY__PEER__VERDICT__ABORTED_;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(decision, FERRY__PEER__FRAME__KIND_DECISION, &decision);
    (void)fy_session_send(&receiver->session, &frame, NULL, 0, NULL);
    fy_destination_end(&receiver->core);
}
