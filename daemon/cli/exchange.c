/* Connect, send the request, take replies until the last. */
#include "exchange.h"
#include "scrub.h"

#include <ferry/base/cleanup.h>
#include <ferry/transport/local.h>

#define CONTROL_VERSION 1

struct exchange {
    struct fy_link *link;
    struct exchange_events events;
    void *data;
    const char *socket;
    bool keep_raw; /* JSON output escapes for itself */
    bool answered; /* at least one reply has come */
    enum session_end end;
    struct fy_error err;
};

static void take_failure(struct exchange *exchange, const Ferry__Control__Failure *failure)
{
    exchange->end = SESSION_FAILED;
    fy_error_set(&exchange->err, fy_code_from_name(failure->code), "%s", failure->message);
    if (failure->next)
        fy_error_next(&exchange->err, "%s", failure->next);
}

static void on_frame(struct fy_link *link, const struct fy_frame *frame, void *data)
{
    struct exchange *exchange = data;
    ProtobufCMessage *message = fy_frame_unpack_head(frame, &ferry__control__reply__descriptor, &exchange->err);
    if (!message) {
        fy_link_close(link);
        return;
    }
    Ferry__Control__Reply *reply = (Ferry__Control__Reply *)message;
    exchange->answered = true;
    if (!exchange->keep_raw)
        scrub_message(message);
    if (reply->kind_case == FERRY__CONTROL__REPLY__KIND_FAILURE) {
        take_failure(exchange, reply->failure);
        fy_link_close(link);
    } else {
        if (reply->kind_case != FERRY__CONTROL__REPLY__KIND__NOT_SET && exchange->events.reply)
            exchange->events.reply(reply, frame, exchange->data);
        if (reply->has_last && reply->last && exchange->end == SESSION_UNREACHABLE) {
            exchange->end = SESSION_DONE;
            fy_link_close(link);
        }
    }
    protobuf_c_message_free_unpacked(message, NULL);
}

/* Why there is no connection, in words for who sits before the terminal. */
static void explain(struct exchange *exchange, const struct fy_error *cause)
{
    struct fy_error *err = &exchange->err;
    if (fy_error_is_set(err)) {
        fy_error_wrap(err, "ferryd at %s", exchange->socket);
    } else if (exchange->answered) {
        fy_error_set(err, FY_E_UNREACHABLE, "the connection to ferryd at %s was lost", exchange->socket);
        fy_error_next(err, "see whether it runs: ferry status; what became of the job: ferry job list");
    } else if (cause && cause->code == FY_E_DENIED) {
        fy_error_set(err, FY_E_DENIED, "the agent cannot be reached: %s: permission denied", exchange->socket);
        fy_error_next(err, "become root, or be listed under control.users or control.groups in ferryd's configuration");
    } else {
        fy_error_set(err, FY_E_UNREACHABLE, "the agent cannot be reached: %s",
                     cause ? cause->message : exchange->socket);
        fy_error_next(err, "start ferryd (systemctl start ferryd, or: ferryd --config /etc/ferry/ferryd.yaml), or name "
                           "its control socket with --socket");
    }
}

static void on_closed(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    struct exchange *exchange = data;
    if (exchange->end == SESSION_UNREACHABLE)
        explain(exchange, err);
    exchange->events.ended(exchange->end, fy_error_is_set(&exchange->err) ? &exchange->err : NULL, exchange->data);
    free(exchange);
}

static const struct fy_link_events link_events = {.frame = on_frame, .closed = on_closed};

int exchange_start(uv_loop_t *loop, const struct cli *cli, Ferry__Control__Request *request,
                   const struct exchange_events *events, void *data, struct exchange **exchange, struct fy_error *err)
{
    struct exchange *made = calloc(1, sizeof(*made));
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a connection");
    made->events = *events;
    made->data = data;
    made->socket = cli->socket ? cli->socket : CLI_DEFAULT_SOCKET;
    made->keep_raw = cli->json;
    made->end = SESSION_UNREACHABLE; /* until something better is known */
    if (fy_local_connect(loop, made->socket, &link_events, made, &made->link, err) < 0) {
        free(made);
        return -1;
    }
    request->version = CONTROL_VERSION;
    if (fy_link_send(made->link, &request->base, NULL, 0, &made->err) < 0)
        fy_link_close(made->link);
    *exchange = made;
    return 0;
}

void exchange_stop(struct exchange *exchange)
{
    if (exchange->end == SESSION_UNREACHABLE)
        exchange->end = SESSION_STOPPED;
    fy_link_close(exchange->link);
}
