/* A request from beginning to end on a loop of its own, with Ctrl-C and a clock for who wants them. */
#include "session.h"
#include "exchange.h"

#include <ferry/base/cleanup.h>
#include <signal.h>

#define TICK_MS 100

struct session {
    uv_loop_t loop;
    uv_signal_t interrupt;
    uv_timer_t ticker;
    const struct cli *cli;
    const struct session_call *call;
    struct exchange *exchange; /* NULL once it has ended */
    enum session_end end;
    struct fy_error *err;
};

/* A request to cancel, beside the main exchange. */
struct cancelling {
    void (*failed)(const struct fy_error *err, void *data);
    void *data;
};

static void on_reply(const Ferry__Control__Reply *reply, const struct fy_frame *frame, void *data)
{
    struct session *session = data;
    if (session->call->reply)
        session->call->reply(session, reply, frame, session->call->data);
}

static void on_ended(enum session_end end, const struct fy_error *err, void *data)
{
    struct session *session = data;
    session->exchange = NULL;
    session->end = end;
    if (err)
        fy_error_propagate(session->err, err);
    uv_close((uv_handle_t *)&session->interrupt, NULL);
    uv_close((uv_handle_t *)&session->ticker, NULL);
}

static void on_interrupt(uv_signal_t *handle, int number)
{
    (void)number;
    struct session *session = fy_container_of(handle, struct session, interrupt);
    session->call->interrupted(session, session->call->data);
}

static void on_tick(uv_timer_t *timer)
{
    struct session *session = fy_container_of(timer, struct session, ticker);
    session->call->tick(session->call->data);
}

void session_stop(struct session *session)
{
    if (session->exchange)
        exchange_stop(session->exchange);
}

static void on_cancel_ended(enum session_end end, const struct fy_error *err, void *data)
{
    struct cancelling *cancelling = data;
    if (end != SESSION_DONE && err && cancelling->failed)
        cancelling->failed(err, cancelling->data);
    free(cancelling);
}

int session_cancel_job(struct session *session, const char *job, void (*failed)(const struct fy_error *err, void *data),
                       void *data, struct fy_error *err)
{
    static const struct exchange_events events = {.ended = on_cancel_ended};
    struct cancelling *cancelling = calloc(1, sizeof(*cancelling));
    if (!cancelling)
        return fy_error_set(err, FY_E_NOMEM, "no memory for cancelling");
    cancelling->failed = failed;
    cancelling->data = data;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__JobRef ref = FERRY__CONTROL__JOB_REF__INIT;
    struct exchange *exchange;
    ref.job = (char *)job;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_JOB_CANCEL;
    request.job_cancel = &ref;
    int result = exchange_start(&session->loop, session->cli, &request, &events, cancelling, &exchange, err);
    if (result < 0)
        free(cancelling);
    return result;
}

static void start_helpers(struct session *session)
{
    (void)uv_signal_init(&session->loop, &session->interrupt);
    (void)uv_timer_init(&session->loop, &session->ticker);
    if (session->call->interrupted)
        (void)uv_signal_start(&session->interrupt, on_interrupt, SIGINT);
    if (session->call->tick)
        (void)uv_timer_start(&session->ticker, on_tick, TICK_MS, TICK_MS);
}

enum session_end session_run(const struct cli *cli, const struct session_call *call, struct fy_error *err)
{
    static const struct exchange_events events = {.reply = on_reply, .ended = on_ended};
    struct session session = {.cli = cli, .call = call, .end = SESSION_UNREACHABLE, .err = err};
    int status = uv_loop_init(&session.loop);
    if (status < 0) {
        fy_error_set(err, FY_E_IO, "an event loop cannot be made: %s", uv_strerror(status));
        return SESSION_FAILED;
    }
    start_helpers(&session);
    if (exchange_start(&session.loop, cli, call->request, &events, &session, &session.exchange, err) < 0) {
        session.err = NULL;
        on_ended(SESSION_FAILED, NULL, &session);
    }
    (void)uv_run(&session.loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&session.loop);
    return session.end;
}

enum cli_exit session_simple(const struct cli *cli, const struct session_call *call)
{
    struct fy_error err = FY_ERROR_INIT;
    enum session_end end = session_run(cli, call, &err);
    if (end == SESSION_DONE || end == SESSION_STOPPED)
        return CLI_DONE;
    cli_report(cli, &err);
    return end == SESSION_UNREACHABLE ? CLI_NO_AGENT : CLI_FAILED;
}

enum cli_exit session_about_job(const struct cli *cli, Ferry__Control__Request__KindCase kind, char *job,
                                session_reply_cb *reply, void *data)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__JobRef ref = FERRY__CONTROL__JOB_REF__INIT;
    ref.job = job;
    request.kind_case = kind;
    request.job_show = &ref; /* of all these kinds the message stands at the same place */
    const struct session_call call = {.request = &request, .reply = reply, .data = data};
    return session_simple(cli, &call);
}
