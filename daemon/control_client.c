/* One connection of a client: its frames become requests, one at a time; its end ends nothing else. */
#include "control.h"

#include <ferry/base/cleanup.h>

#define REFUSE_MS 1000 /* time to take the reason before the link is closed */

/* ---- sending ---- */

uint64_t client_unsent_frames(const struct client *client)
{
    struct fy_link_stats stats;
    fy_link_get_stats(client->link, &stats);
    return client->frames_queued - stats.frames_sent;
}

void client_reply(struct client *client, Ferry__Control__Reply *reply, bool last, uint8_t *body, size_t body_bytes)
{
    if (!client->link) {
        free(body);
        return;
    }
    struct fy_error err = FY_ERROR_INIT;
    reply->has_last = last;
    reply->last = last;
    if (last)
        client->busy = false;
    client->frames_queued++;
    if (fy_link_send(client->link, &reply->base, body, body_bytes, &err) < 0)
        fy_link_close(client->link);
}

void client_reply_job(struct client *client, Ferry__Control__Job *job, bool last)
{
    Ferry__Control__Reply reply = FERRY__CONTROL__REPLY__INIT;
    reply.kind_case = FERRY__CONTROL__REPLY__KIND_JOB;
    reply.job = job;
    client_reply(client, &reply, last, NULL, 0);
}

void client_reply_failure(struct client *client, const struct fy_error *err)
{
    Ferry__Control__Reply reply = FERRY__CONTROL__REPLY__INIT;
    Ferry__Control__Failure failure = FERRY__CONTROL__FAILURE__INIT;
    failure.code = (char *)fy_code_name(err->code);
    failure.message = (char *)err->message;
    failure.next = err->next[0] ? (char *)err->next : NULL;
    reply.kind_case = FERRY__CONTROL__REPLY__KIND_FAILURE;
    reply.failure = &failure;
    client_reply(client, &reply, true, NULL, 0);
}

/* ---- receiving ---- */

/* Says why and hangs up: what follows on this connection cannot be trusted to mean anything. */
static void refuse(struct client *client, const struct fy_error *err)
{
    fy_log_write(client->server->options.log, FY_LOG_WARNING, NULL, "%s: %s", fy_link_describe(client->link),
                 err->message);
    client_reply_failure(client, err);
    fy_link_finish(client->link, REFUSE_MS);
}

static void on_frame(struct fy_link *link, const struct fy_frame *frame, void *data)
{
    (void)link;
    struct client *client = data;
    struct fy_error err = FY_ERROR_INIT;
    if (client->busy)
        fy_error_set(&err, FY_E_PROTOCOL, "a second request came before the first one was answered");
    else if (frame->body_bytes > 0)
        fy_error_set(&err, FY_E_PROTOCOL, "a request with a body of %zu bytes", frame->body_bytes);
    if (fy_error_is_set(&err)) {
        refuse(client, &err);
        return;
    }
    ProtobufCMessage *message = fy_frame_unpack_head(frame, &ferry__control__request__descriptor, &err);
    if (!message) {
        fy_error_wrap(&err, "a request that cannot be read");
        refuse(client, &err);
        return;
    }
    client->busy = true;
    request_handle(client, (const Ferry__Control__Request *)message);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void on_garbled(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    refuse(data, err);
}

static void on_drained(struct fy_link *link, void *data)
{
    struct client *client = data;
    (void)link;
    if (client->lists)
        list_pump(client);
    else if (client->prune)
        prune_pump(client);
    else
        watch_pump(client);
}

/* ---- its end ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    struct client *client = fy_container_of((uv_timer_t *)handle, struct client, pump);
    struct fy_control_server *server = client->server;
    free(client);
    server_release(server);
}

static void on_closed(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    struct client *client = data;
    struct client **at = &client->server->clients;
    (void)err;
    client->link = NULL;
    while (*at != client)
        at = &(*at)->next;
    *at = client->next;
    watch_drop_all(client);
    log_stream_forget(client);
    peer_check_forget(client);
    pinning_forget(client);
    prune_forget(client);
    uv_close((uv_handle_t *)&client->pump, on_timer_closed);
}

static const struct fy_link_events client_events = {
    .frame = on_frame,
    .garbled = on_garbled,
    .drained = on_drained,
    .closed = on_closed,
};

void fy_control_server_serve(struct fy_control_server *server, struct fy_link *link, uid_t uid)
{
    struct client *client = server->closing ? NULL : calloc(1, sizeof(*client));
    if (!client) {
        fy_link_close(link);
        return;
    }
    (void)uv_timer_init(server->options.loop, &client->pump);
    client->server = server;
    client->link = link;
    client->uid = uid;
    client->next = server->clients;
    server->clients = client;
    server->outstanding++;
    fy_link_set_events(link, &client_events, client);
}
