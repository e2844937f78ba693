/* See party.h. */
#include "party.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 240000u

/* FNV-1a in words of eight bytes: fast enough for hundreds of MiB under a sanitizer. */
uint64_t hash_bytes(uint64_t hash, const uint8_t *data, size_t size)
{
    while (size >= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        hash = (hash ^ word) * 0x100000001b3u;
        data += 8;
        size -= 8;
    }
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 0x100000001b3u;
    return hash;
}

void fill_random(uint64_t *seed, uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        memcpy(data + i, seed, size - i < 8 ? size - i : 8);
    }
}

void ignore_sigpipe(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
}

/* --- parties ---------------------------------------------------------------------------------------------------- */

int party_send(struct party *party, uint64_t number, size_t body_size, struct fy_error *err)
{
    Test__Head head = TEST__HEAD__INIT;
    head.has_number = 1;
    head.number = number;
    uint8_t *body = NULL;
    if (body_size > 0) {
        body = malloc(body_size);
        fill_random(&party->seed, body, body_size);
        party->sent_hash = hash_bytes(party->sent_hash, body, body_size);
    }
    return fy_link_send(party->link, &head.base, body, body_size, err);
}

void party_pour(struct party *party)
{
    if (party->seed == 0)
        party->seed = 88172645463325252u;
    if (party->sent_hash == 0)
        party->sent_hash = HASH_START;
    while (party->sent < party->to_send && !fy_link_congested(party->link)) {
        if (party_send(party, party->sent + 1, party->body_size, NULL))
            return;
        party->sent++;
    }
}

static void on_opened(struct fy_link *link, void *data)
{
    (void)link;
    struct party *party = data;
    party->opened++;
    party_pour(party);
}

static void echo_back(struct party *party, const Test__Head *head, const struct fy_frame *frame)
{
    uint8_t *body = NULL;
    if (frame->body_bytes > 0) {
        body = malloc(frame->body_bytes);
        memcpy(body, frame->body, frame->body_bytes);
    }
    if (!fy_link_send(party->link, &head->base, body, frame->body_bytes, NULL) && fy_link_congested(party->link))
        fy_link_pause(party->link);
}

static void on_frame(struct fy_link *link, const struct fy_frame *frame, void *data)
{
    (void)link;
    struct party *party = data;
    ProtobufCMessage *message = fy_frame_unpack_head(frame, &test__head__descriptor, NULL);
    if (!message) {
        party->out_of_order = true;
        return;
    }
    const Test__Head *head = (const Test__Head *)message;
    if (party->frames == 0)
        party->body_hash = HASH_START;
    party->out_of_order = party->out_of_order || party->closed || head->number != party->last_number + 1;
    party->last_number = head->number;
    party->frames++;
    party->body_bytes += frame->body_bytes;
    party->body_hash = hash_bytes(party->body_hash, frame->body, frame->body_bytes);
    if (party->echo)
        echo_back(party, head, frame);
    protobuf_c_message_free_unpacked(message, NULL);
    if (party->on_frame)
        party->on_frame(party);
}

static void on_drained(struct fy_link *link, void *data)
{
    struct party *party = data;
    party->drained++;
    if (party->echo)
        fy_link_resume(link);
    party_pour(party);
}

static void on_closed(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    struct party *party = data;
    party->closed++;
    party->link = NULL;
    if (err) {
        party->failed = true;
        party->error = *err;
    }
}

const struct fy_link_events party_events = {
    .opened = on_opened,
    .frame = on_frame,
    .drained = on_drained,
    .closed = on_closed,
};

/* --- servers ---------------------------------------------------------------------------------------------------- */

static void on_accepted(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    (void)uid;
    (void)pid;
    struct server *server = data;
    if (server->accepted == FY_ARRAY_SIZE(server->parties))
        return;
    struct party *party = &server->parties[server->accepted++];
    party->link = link;
    party->echo = server->echo;
    fy_link_set_events(link, &party_events, party);
    if (server->on_accept)
        server->on_accept(server, party);
}

static void on_refused(const struct fy_error *err, void *data)
{
    struct server *server = data;
    server->refused++;
    server->refusal = *err;
}

void server_listen(struct server *server, uv_loop_t *loop, const struct fy_listener_options *options)
{
    struct fy_listener_options with_refusals = *options;
    struct fy_error err = FY_ERROR_INIT;
    with_refusals.refused = on_refused;
    if (fy_listener_start(loop, &with_refusals, on_accepted, server, &server->listener, &err)) {
        (void)fprintf(stderr, "listener: %s\n", err.message);
        abort();
    }
}

void server_start(struct server *server, uv_loop_t *loop, uint32_t max_links)
{
    server_make_directory(server);
    struct fy_listener_options options = {
        .path = server->path,
        .mode = 0600,
        .owner_uid = (uid_t)-1,
        .owner_gid = (gid_t)-1,
        .max_links = max_links ? max_links : FY_ARRAY_SIZE(server->parties),
    };
    server_listen(server, loop, &options);
}

void server_make_directory(struct server *server)
{
    (void)snprintf(server->directory, sizeof(server->directory), "/tmp/ferry-transport-XXXXXX");
    if (!mkdtemp(server->directory))
        abort();
    (void)snprintf(server->path, sizeof(server->path), "%s/peer.sock", server->directory);
}

void server_stop(struct server *server)
{
    fy_listener_close(server->listener, NULL, NULL);
    server->listener = NULL;
    for (unsigned i = 0; i < server->accepted; i++)
        if (server->parties[i].link)
            fy_link_close(server->parties[i].link);
}

void server_remove_directory(struct server *server)
{
    (void)fy_fs_remove_tree(server->directory, NULL);
}

/* --- the loop --------------------------------------------------------------------------------------------------- */

static void on_time(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void on_patience_over(uv_timer_t *timer)
{
    on_time(timer);
    uv_stop(timer->loop);
}

static void finish_timer(uv_loop_t *loop, uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
    (void)uv_run(loop, UV_RUN_NOWAIT);
}

bool run_until_u64(uv_loop_t *loop, const uint64_t *value, uint64_t at_least)
{
    uv_timer_t timer;
    bool late = false;
    (void)uv_timer_init(loop, &timer);
    timer.data = &late;
    (void)uv_timer_start(&timer, on_time, PATIENCE_MS, 0);
    while (*value < at_least && !late)
        (void)uv_run(loop, UV_RUN_ONCE);
    finish_timer(loop, &timer);
    return *value >= at_least;
}

bool run_until(uv_loop_t *loop, const unsigned *flag)
{
    uv_timer_t timer;
    bool late = false;
    (void)uv_timer_init(loop, &timer);
    timer.data = &late;
    (void)uv_timer_start(&timer, on_time, PATIENCE_MS, 0);
    while (!*flag && !late)
        (void)uv_run(loop, UV_RUN_ONCE);
    finish_timer(loop, &timer);
    return *flag != 0;
}

void run_for(uv_loop_t *loop, uint64_t duration_ms)
{
    uv_timer_t timer;
    bool late = false;
    (void)uv_timer_init(loop, &timer);
    timer.data = &late;
    (void)uv_timer_start(&timer, on_time, duration_ms, 0);
    while (!late)
        (void)uv_run(loop, UV_RUN_ONCE);
    finish_timer(loop, &timer);
}

bool loop_ends_clean(uv_loop_t *loop)
{
    uv_timer_t timer;
    bool late = false;
    (void)uv_timer_init(loop, &timer);
    timer.data = &late;
    (void)uv_timer_start(&timer, on_patience_over, PATIENCE_MS, 0);
    uv_unref((uv_handle_t *)&timer);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(loop, UV_RUN_NOWAIT);
    return !late && uv_loop_close(loop) == 0;
}
