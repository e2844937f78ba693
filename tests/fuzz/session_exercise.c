/* See session_exercise.h. */
#include "session_exercise.h"

#include "link_internal.h"
#include "require.h"
#include "session_internal.h"
#include <ferry/base/cleanup.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINKS 32u
#define LINK_TIMEOUT_MS 3000u

struct memory_link {
    struct fy_link link;
    uv_idle_t handle; /* only to be closed from the loop */
    bool alive;
};

struct exercise {
    uv_loop_t loop;
    struct fy_session session;
    struct fy_session joiners[MAX_LINKS];
    struct fy_session_registry *registry;
    struct memory_link links[MAX_LINKS];
    unsigned link_count;
    const uint8_t *at;
    const uint8_t *end;
    unsigned closed;
    bool greeted;
    uint64_t next_control;
};

static struct exercise *running;

/* --- links of memory -------------------------------------------------------------------------------------------- */

static struct memory_link *of(struct fy_link *link)
{
    return fy_container_of(link, struct memory_link, link);
}

static void do_nothing(struct fy_link *link)
{
    (void)link;
}

static void set_reading(struct fy_link *link, bool on)
{
    (void)link;
    (void)on;
}

static void handle_closed(uv_handle_t *handle)
{
    struct memory_link *memory = fy_container_of((uv_idle_t *)handle, struct memory_link, handle);
    fy_link_channel_closed(&memory->link);
}

static void memory_close(struct fy_link *link)
{
    of(link)->alive = false;
    uv_close((uv_handle_t *)&of(link)->handle, handle_closed);
}

static const struct fy_link_channel_ops memory_ops = {
    .kick = do_nothing, .set_reading = set_reading, .finish = do_nothing, .close = memory_close, .free = do_nothing};

static struct memory_link *new_link(struct exercise *exercise, const struct fy_link_events *events, void *data)
{
    if (exercise->link_count == MAX_LINKS)
        return NULL;
    struct memory_link *memory = &exercise->links[exercise->link_count++];
    *memory = (struct memory_link){.alive = true};
    fy_link_init(&memory->link, &exercise->loop, &memory_ops, events, data);
    (void)uv_idle_init(&exercise->loop, &memory->handle);
    (void)snprintf(memory->link.name, sizeof(memory->link.name), "memory");
    return memory;
}

static int dial(uv_loop_t *loop, void *data, const struct fy_link_events *events, void *events_data,
                struct fy_link **link, struct fy_error *err)
{
    (void)loop;
    struct memory_link *memory = new_link(data, events, events_data);
    if (!memory)
        return fy_error_set(err, FY_E_UNREACHABLE, "no more links");
    *link = &memory->link;
    return 0;
}

/* The newest that lives. */
static struct memory_link *current(struct exercise *exercise)
{
    for (unsigned i = exercise->link_count; i > 0; i--)
        if (exercise->links[i - 1].alive)
            return &exercise->links[i - 1];
    return NULL;
}

static void open_new_links(struct exercise *exercise)
{
    for (unsigned i = 0; i < exercise->link_count; i++)
        if (exercise->links[i].alive && exercise->links[i].link.state == FY_LINK_CONNECTING)
            fy_link_opened(&exercise->links[i].link, true);
}

static void let_leave(struct exercise *exercise)
{
    for (unsigned i = 0; i < exercise->link_count; i++) {
        struct fy_chunk *chunk;
        struct fy_sent sent = {0};
        if (!exercise->links[i].alive)
            continue;
        while ((chunk = fy_link_take(&exercise->links[i].link))) {
            sent.frames++;
            sent.wire_bytes += fy_chunk_wire_bytes(chunk);
            fy_chunk_free(chunk);
        }
        if (sent.frames > 0)
            fy_link_sent(&exercise->links[i].link, &sent);
    }
}

/* What comes while reading is off would stay with the kernel. */
static void arrive(struct memory_link *memory, const uint8_t *data, size_t size)
{
    while (size > 0 && memory->alive && memory->link.state == FY_LINK_OPEN && !memory->link.paused) {
        size_t room;
        uint8_t *space = fy_link_input_space(&memory->link, &room);
        require(space && room > 0);
        if (room > size)
            room = size;
        memcpy(space, data, room);
        fy_link_input_commit(&memory->link, room);
        data += room;
        size -= room;
    }
}

/* --- the owner -------------------------------------------------------------------------------------------------- */

static void on_greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    (void)hello;
    if (session == &running->session)
        require(!running->greeted);
    running->greeted = running->greeted || session == &running->session;
}

static void on_frame(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                     size_t body_bytes)
{
    (void)body;
    (void)body_bytes;
    if (session != &running->session || frame->kind_case == FERRY__PEER__FRAME__KIND_PONG)
        return;
    /* In order, each once. */
    require(running->greeted && frame->control_number == ++running->next_control);
}

static void on_data(struct fy_session *session, uint64_t number, const Ferry__Peer__Frame *frame,
                    const struct fy_frame *raw)
{
    (void)raw;
    require(frame->data_number == number);
    require(session->carrier->inbox.waiting_bytes <=
            FY_INBOX_WINDOW_BYTES + FY_FRAME_MAX_BODY_BYTES + FY_FRAME_MAX_HEAD_BYTES);
}

static void on_event(struct fy_session *session)
{
    (void)session;
}

static void on_closed(struct fy_session *session, const struct fy_error *err)
{
    require(!err || (err->code != FY_OK && err->message[0]));
    if (session == &running->session)
        running->closed++;
}

static const struct fy_session_events events = {
    .greeted = on_greeted, .frame = on_frame, .data = on_data, .drained = on_event, .closed = on_closed};

static void owner_sends(struct exercise *exercise, bool data, size_t body_bytes)
{
    Ferry__Peer__Received received = FERRY__PEER__RECEIVED__INIT;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(received, FERRY__PEER__FRAME__KIND_RECEIVED, &received);
    uint8_t *body = body_bytes ? calloc(1, body_bytes) : NULL;
    if (data)
        (void)fy_session_send_data(&exercise->session, &frame, body, body_bytes, NULL);
    else
        (void)fy_session_send(&exercise->session, &frame, body, body_bytes, NULL);
}

/* --- the script ------------------------------------------------------------------------------------------------- */

static uint8_t next_byte(struct exercise *exercise)
{
    return exercise->at < exercise->end ? *exercise->at++ : 0;
}

static void frame_arrives(struct exercise *exercise)
{
    size_t head_bytes = next_byte(exercise);
    head_bytes |= (size_t)next_byte(exercise) << 8;
    size_t left = (size_t)(exercise->end - exercise->at);
    if (head_bytes > left)
        head_bytes = left;
    const uint8_t *head = exercise->at;
    exercise->at += head_bytes;
    size_t body_bytes = (size_t)next_byte(exercise) * 4096;
    struct memory_link *memory = current(exercise);
    uint8_t *frame = calloc(1, FY_FRAME_PREFIX_BYTES + head_bytes + body_bytes);
    if (memory && frame) {
        for (unsigned i = 0; i < 4; i++) {
            frame[i] = (uint8_t)(head_bytes >> (8 * i));
            frame[4 + i] = (uint8_t)(body_bytes >> (8 * i));
        }
        if (head_bytes > 0)
            memcpy(frame + FY_FRAME_PREFIX_BYTES, head, head_bytes);
        arrive(memory, frame, FY_FRAME_PREFIX_BYTES + head_bytes + body_bytes);
    }
    free(frame);
}

static void lose_link(struct exercise *exercise)
{
    struct memory_link *memory = current(exercise);
    if (memory)
        fy_link_ended(&memory->link, NULL);
}

static void pass_time(struct exercise *exercise)
{
    for (unsigned ticks = next_byte(exercise); ticks > 0; ticks--) {
        struct fy_carrier *carrier = exercise->session.carrier;
        if (!carrier || carrier->ending)
            return;
        carrier_tick(&carrier->tick);
        open_new_links(exercise);
    }
}

static void accept_link(struct exercise *exercise, struct fy_session *session)
{
    struct memory_link *memory = new_link(exercise, NULL, NULL);
    struct fy_session_options options = {
        .loop = &exercise->loop, .own_name = "us", .registry = exercise->registry, .link_timeout_ms = LINK_TIMEOUT_MS};
    fy_session_init(session, &options, &events);
    require(memory && fy_session_accept(session, &memory->link, NULL) == 0);
    fy_link_opened(&memory->link, false);
}

/* As the peer with the token would; the rest of the hello is what comes next in the script. */
static void join(struct exercise *exercise)
{
    struct fy_carrier *carrier = exercise->session.carrier;
    if (exercise->link_count == MAX_LINKS || !carrier || carrier->ending || !exercise->registry)
        return;
    Ferry__Peer__Hello hello = FERRY__PEER__HELLO__INIT;
    Ferry__Peer__Join joining = FERRY__PEER__JOIN__INIT;
    Ferry__Peer__Ack state = FERRY__PEER__ACK__INIT;
    hello.major = FY_PROTOCOL_MAJOR;
    hello.name = hello.version = (char *)"them";
    hello.join = &joining;
    hello.state = &state;
    joining.lane = next_byte(exercise);
    joining.token = (ProtobufCBinaryData){.len = FY_SESSION_TOKEN_BYTES, .data = carrier->token};
    state.control = next_byte(exercise);
    state.data = next_byte(exercise);
    state.window_bytes = 16u << 20;
    state.window_frames = 1024;
    accept_link(exercise, &exercise->joiners[exercise->link_count]);
    Ferry__Peer__Frame frame = FY_PEER_FRAME(hello, FERRY__PEER__FRAME__KIND_HELLO, &hello);
    struct fy_packet *packet = fy_packet_new(&frame.base, NULL, 0, NULL);
    require(packet != NULL);
    arrive(&exercise->links[exercise->link_count - 1], packet->head.data, packet->head.size);
    fy_packet_unref(packet);
}

static void step(struct exercise *exercise)
{
    struct fy_session *session = &exercise->session;
    switch (next_byte(exercise) % 11) {
    case 0:
        frame_arrives(exercise);
        break;
    case 1:
        owner_sends(exercise, false, 0);
        break;
    case 2:
        owner_sends(exercise, true, (size_t)next_byte(exercise) * 4096);
        break;
    case 3:
        fy_session_data_kept(session, next_byte(exercise));
        break;
    case 4:
        lose_link(exercise);
        break;
    case 5:
        pass_time(exercise);
        break;
    case 6:
        let_leave(exercise);
        break;
    case 7:
        join(exercise);
        break;
    case 8:
        (session->carrier && session->carrier->paused ? fy_session_resume : fy_session_pause)(session);
        break;
    case 9:
        fy_session_finish(session, 1000);
        break;
    default:
        fy_session_set_lanes(session, next_byte(exercise));
    }
    (void)uv_run(&exercise->loop, UV_RUN_NOWAIT);
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

static void start(struct exercise *exercise, bool dialing)
{
    require(uv_loop_init(&exercise->loop) == 0);
    if (!dialing) {
        exercise->registry = fy_session_registry_new(NULL);
        accept_link(exercise, &exercise->session);
        return;
    }
    struct fy_session_options options = {.loop = &exercise->loop, .own_name = "us", .link_timeout_ms = LINK_TIMEOUT_MS};
    struct fy_dialer dialer = {.dial = dial, .data = exercise};
    fy_session_init(&exercise->session, &options, &events);
    require(fy_session_connect(&exercise->session, &dialer, NULL) == 0);
    open_new_links(exercise);
}

static void end(struct exercise *exercise)
{
    fy_session_close(&exercise->session);
    for (unsigned i = 0; i < MAX_LINKS; i++)
        fy_session_close(&exercise->joiners[i]);
    for (unsigned i = 0; i < exercise->link_count; i++)
        if (exercise->links[i].alive)
            fy_link_close(&exercise->links[i].link);
    (void)uv_run(&exercise->loop, UV_RUN_DEFAULT);
    require(exercise->closed == 1 && !exercise->session.carrier);
    require(uv_loop_close(&exercise->loop) == 0);
    fy_session_registry_free(exercise->registry);
}

void session_exercise(bool dialing, const uint8_t *data, size_t size)
{
    struct exercise *exercise = calloc(1, sizeof(*exercise));
    require(exercise != NULL);
    running = exercise;
    exercise->at = data;
    exercise->end = data + size;
    start(exercise, dialing);
    while (exercise->at < exercise->end)
        step(exercise);
    end(exercise);
    running = NULL;
    free(exercise);
}
