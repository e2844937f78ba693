/* A peer that breaks the protocol in every way: each ends its session with a typed error, is told why, costs bounded
 * memory, and harms nobody else. */
#include "talk.h"
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/base/spare.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LONG_MS 60000u
#define LONG_NS UINT64_C(120000000000)
/* ThreadSanitizer keeps four bytes of its own for each of ours. */
#ifdef __SANITIZE_THREAD__
#define MEMORY_LIMIT_KIB (5 * 64 * 1024)
#else
#define MEMORY_LIMIT_KIB (64 * 1024)
#endif

struct attack {
    struct talk talk;
    struct fy_link *link;
    unsigned opened;
    unsigned heard;
    unsigned closed;
    char told[32]; /* the code of the Failure that came */
    uint8_t token[32];
    size_t token_bytes;
    long memory_kib; /* of this process at the start */
};

static long peak_kib(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void on_opened(struct fy_link *link, void *data)
{
    (void)link;
    ((struct attack *)data)->opened++;
}

static void on_frame(struct fy_link *link, const struct fy_frame *raw, void *data)
{
    (void)link;
    struct attack *attack = data;
    ProtobufCMessage *message = fy_frame_unpack_head(raw, &ferry__peer__frame__descriptor, NULL);
    cr_assert(message);
    const Ferry__Peer__Frame *frame = (const Ferry__Peer__Frame *)message;
    attack->heard++;
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_FAILURE)
        (void)snprintf(attack->told, sizeof(attack->told), "%s", frame->failure->code);
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_HELLO && frame->hello->has_token) {
        attack->token_bytes = frame->hello->token.len;
        memcpy(attack->token, frame->hello->token.data, sizeof(attack->token));
    }
    protobuf_c_message_free_unpacked(message, NULL);
}

static void on_drained(struct fy_link *link, void *data)
{
    (void)link;
    (void)data;
}

static void on_closed(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    (void)err;
    struct attack *attack = data;
    attack->link = NULL;
    attack->closed++;
}

static const struct fy_link_events attack_events = {
    .opened = on_opened, .frame = on_frame, .drained = on_drained, .closed = on_closed};

static void attack_connect(struct attack *attack)
{
    attack->opened = attack->heard = attack->closed = 0;
    attack->told[0] = '\0';
    cr_assert_eq(
        fy_local_connect(&attack->talk.loop, attack->talk.server.path, &attack_events, attack, &attack->link, NULL), 0);
    cr_assert(run_until(&attack->talk.loop, &attack->opened));
}

static void attack_start(struct attack *attack, uint64_t link_timeout_ms)
{
    *attack = (struct attack){.memory_kib = peak_kib()};
    talk_start(&attack->talk, link_timeout_ms);
    attack_connect(attack);
}

static void say(struct attack *attack, const Ferry__Peer__Frame *frame)
{
    cr_assert_eq(fy_link_send(attack->link, &frame->base, NULL, 0, NULL), 0);
}

static Ferry__Peer__Ack honest_ack(void)
{
    Ferry__Peer__Ack ack = FERRY__PEER__ACK__INIT;
    ack.control = ack.data = 1;
    ack.window_bytes = 16u << 20;
    ack.window_frames = 1024;
    return ack;
}

static void say_ack(struct attack *attack, Ferry__Peer__Ack *ack)
{
    Ferry__Peer__Frame frame = FY_PEER_FRAME(ack, FERRY__PEER__FRAME__KIND_ACK, ack);
    say(attack, &frame);
}

/* `join` NULL: a new session. */
static void say_hello(struct attack *attack, Ferry__Peer__Ack *state, Ferry__Peer__Join *join, uint32_t major)
{
    Ferry__Peer__Hello hello = FERRY__PEER__HELLO__INIT;
    hello.major = major;
    hello.name = (char *)"mallory";
    hello.version = (char *)"6.6.6";
    hello.state = state;
    hello.join = join;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(hello, FERRY__PEER__FRAME__KIND_HELLO, &hello);
    say(attack, &frame);
}

static void greet(struct attack *attack)
{
    Ferry__Peer__Ack state = honest_ack();
    say_hello(attack, &state, NULL, FY_PROTOCOL_MAJOR);
    cr_assert(run_until(&attack->talk.loop, &attack->heard));
    cr_assert_eq(attack->talk.acceptor.greeted, 1);
    cr_assert_eq(attack->token_bytes, sizeof(attack->token));
}

static Ferry__Peer__Frame control_frame(Ferry__Peer__Received *received, uint64_t number)
{
    *received = (Ferry__Peer__Received)FERRY__PEER__RECEIVED__INIT;
    received->bytes = number;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(received, FERRY__PEER__FRAME__KIND_RECEIVED, received);
    frame.has_control_number = true;
    frame.control_number = number;
    return frame;
}

static int say_data(struct attack *attack, uint64_t number, size_t body_bytes)
{
    Ferry__Peer__Chunk chunk = FERRY__PEER__CHUNK__INIT;
    chunk.offset = number;
    chunk.name = (char *)"pages-1.img";
    Ferry__Peer__Frame frame = FY_PEER_FRAME(chunk, FERRY__PEER__FRAME__KIND_CHUNK, &chunk);
    frame.has_data_number = true;
    frame.data_number = number;
    /* Memory that is used again and again, as that of real senders: all that grows is the victim's. */
    uint8_t *body = fy_spare_take(body_bytes);
    memset(body, 0, body_bytes);
    return fy_link_send(attack->link, &frame.base, body, body_bytes, NULL);
}

/* Somebody else is served as if nothing had happened. */
static void expect_lives_on(struct attack *attack)
{
    attack->talk.link_timeout_ms = LONG_MS;
    talk_connect(&attack->talk);
    cr_expect_eq(attack->talk.dialer.greeted, 1);
    cr_expect_lt(peak_kib() - attack->memory_kib, MEMORY_LIMIT_KIB);
    cr_expect(talk_end(&attack->talk));
}

/* The victim ends the session with this error and tells it. */
static void expect_refused(struct attack *attack, enum fy_code code, const char *words)
{
    const struct talker *victim = &attack->talk.acceptor;
    cr_expect(run_until(&attack->talk.loop, &victim->closed));
    cr_expect_eq(victim->error.code, code, "%s", victim->error.message);
    cr_expect(strstr(victim->error.message, words), "%s", victim->error.message);
    cr_expect(run_until(&attack->talk.loop, &attack->closed));
    cr_expect_str_eq(attack->told, fy_code_name(code));
    expect_lives_on(attack);
}

/* --- before the hello ------------------------------------------------------------------------------------------- */

static int raw_connection(const struct attack *attack)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", attack->talk.server.path);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void expect_raw_refused(const uint8_t *bytes, size_t size, enum fy_code code, const char *words)
{
    struct attack attack = {.memory_kib = peak_kib()};
    talk_start(&attack.talk, code == FY_E_TIMEOUT ? 1000 : LONG_MS);
    int fd = raw_connection(&attack);
    cr_assert_eq(fy_fs_write_all(fd, bytes, size, NULL), 0);
    const struct talker *victim = &attack.talk.acceptor;
    cr_expect(run_until(&attack.talk.loop, &victim->closed));
    cr_expect_eq(victim->error.code, code, "%s", victim->error.message);
    cr_expect(strstr(victim->error.message, words), "%s", victim->error.message);
    (void)close(fd);
    expect_lives_on(&attack);
}

Test(hostile, a_head_that_is_too_long)
{
    static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
    expect_raw_refused(bytes, sizeof(bytes), FY_E_PROTOCOL, "a head of 4294967295 bytes");
}

Test(hostile, a_body_that_is_too_long)
{
    static const uint8_t bytes[] = {2, 0, 0, 0, 1, 0, 0x10, 0, 1, 2};
    expect_raw_refused(bytes, sizeof(bytes), FY_E_PROTOCOL, "a body of 1048577 bytes");
}

Test(hostile, a_head_that_is_no_message)
{
    static const uint8_t bytes[] = {4, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    expect_raw_refused(bytes, sizeof(bytes), FY_E_PROTOCOL, "is not a");
}

Test(hostile, silence_instead_of_a_hello)
{
    expect_raw_refused((const uint8_t *)"", 0, FY_E_TIMEOUT, "no hello within");
}

Test(hostile, half_a_hello_and_then_nothing)
{
    static const uint8_t bytes[] = {100, 0, 0, 0, 0, 0, 0, 0, 10, 98};
    expect_raw_refused(bytes, sizeof(bytes), FY_E_TIMEOUT, "no hello within");
}

Test(hostile, something_else_before_the_hello)
{
    struct attack attack;
    Ferry__Peer__Received received;
    attack_start(&attack, LONG_MS);
    Ferry__Peer__Frame frame = control_frame(&received, 1);
    say(&attack, &frame);
    expect_refused(&attack, FY_E_PROTOCOL, "first frame is not a hello");
}

Test(hostile, another_major_version)
{
    struct attack attack;
    Ferry__Peer__Ack state = honest_ack();
    attack_start(&attack, LONG_MS);
    say_hello(&attack, &state, NULL, FY_PROTOCOL_MAJOR + 1);
    expect_refused(&attack, FY_E_PROTOCOL, "peer 'mallory' (ferry 6.6.6) speaks protocol");
}

Test(hostile, a_hello_without_credits)
{
    struct attack attack;
    attack_start(&attack, LONG_MS);
    say_hello(&attack, NULL, NULL, FY_PROTOCOL_MAJOR);
    expect_refused(&attack, FY_E_PROTOCOL, "gives no credits");
}

/* --- tokens ----------------------------------------------------------------------------------------------------- */

/* There is a session to break into; a lane with this token and number must not. */
static void expect_lane_refused(int flip_bit, size_t token_bytes, uint32_t lane, enum fy_code code)
{
    struct attack attack;
    uint8_t token[32];
    attack_start(&attack, LONG_MS);
    greet(&attack);
    struct fy_link *good = attack.link;
    memcpy(token, attack.token, sizeof(token));
    token[31] ^= (uint8_t)flip_bit;
    attack_connect(&attack);
    Ferry__Peer__Ack state = honest_ack();
    Ferry__Peer__Join join = FERRY__PEER__JOIN__INIT;
    join.lane = lane;
    join.token = (ProtobufCBinaryData){.len = token_bytes, .data = token};
    say_hello(&attack, &state, &join, FY_PROTOCOL_MAJOR);
    cr_expect(run_until(&attack.talk.loop, &attack.closed));
    cr_expect_str_eq(attack.told, fy_code_name(code));
    cr_expect_eq(attack.talk.acceptor.closed, 0);
    cr_expect_eq(attack.talk.acceptor.interrupted, 0);
    fy_link_close(good);
    expect_lives_on(&attack);
}

Test(hostile, a_lane_with_a_wrong_token)
{
    expect_lane_refused(1, 32, 0, FY_E_NOT_FOUND);
}

Test(hostile, a_lane_with_a_short_token)
{
    expect_lane_refused(0, 31, 0, FY_E_NOT_FOUND);
}

Test(hostile, a_lane_with_an_empty_token)
{
    expect_lane_refused(0, 0, 0, FY_E_NOT_FOUND);
}

Test(hostile, a_lane_with_a_number_beyond_the_last)
{
    expect_lane_refused(0, 32, 8, FY_E_PROTOCOL);
}

/* The one who has the token gets in, but what it says of the past is checked. */
Test(hostile, a_lane_that_lies_about_what_has_arrived)
{
    struct attack attack;
    attack_start(&attack, LONG_MS);
    greet(&attack);
    struct fy_link *good = attack.link;
    attack_connect(&attack);
    Ferry__Peer__Ack state = honest_ack();
    Ferry__Peer__Join join = FERRY__PEER__JOIN__INIT;
    join.token = (ProtobufCBinaryData){.len = 32, .data = attack.token};
    state.data = 99;
    say_hello(&attack, &state, &join, FY_PROTOCOL_MAJOR);
    cr_expect(run_until(&attack.talk.loop, &attack.talk.acceptor.closed));
    cr_expect_eq(attack.talk.acceptor.error.code, FY_E_PROTOCOL);
    (void)good; /* replaced by the new one, and closed */
    run_for(&attack.talk.loop, 50);
    expect_lives_on(&attack);
}

/* --- numbers ---------------------------------------------------------------------------------------------------- */

static void expect_frame_refused(const Ferry__Peer__Frame *frame, const char *words)
{
    struct attack attack;
    attack_start(&attack, LONG_MS);
    greet(&attack);
    say(&attack, frame);
    expect_refused(&attack, FY_E_PROTOCOL, words);
}

Test(hostile, a_second_hello)
{
    struct attack attack;
    Ferry__Peer__Ack state = honest_ack();
    attack_start(&attack, LONG_MS);
    greet(&attack);
    say_hello(&attack, &state, NULL, FY_PROTOCOL_MAJOR);
    expect_refused(&attack, FY_E_PROTOCOL, "hello twice");
}

Test(hostile, a_frame_without_a_number)
{
    Ferry__Peer__Received received;
    Ferry__Peer__Frame frame = control_frame(&received, 1);
    frame.has_control_number = false;
    expect_frame_refused(&frame, "with no number");
}

Test(hostile, a_frame_with_two_numbers)
{
    Ferry__Peer__Received received;
    Ferry__Peer__Frame frame = control_frame(&received, 1);
    frame.has_data_number = true;
    frame.data_number = 1;
    expect_frame_refused(&frame, "with two numbers");
}

Test(hostile, a_gap_in_the_control_frames)
{
    Ferry__Peer__Received received;
    Ferry__Peer__Frame frame = control_frame(&received, 2);
    expect_frame_refused(&frame, "control frame 2 arrived where 1 was due");
}

Test(hostile, a_control_frame_of_number_zero)
{
    Ferry__Peer__Received received;
    Ferry__Peer__Frame frame = control_frame(&received, 0);
    expect_frame_refused(&frame, "control frame 0");
}

Test(hostile, a_frame_of_no_kind)
{
    Ferry__Peer__Frame frame = FERRY__PEER__FRAME__INIT;
    frame.has_control_number = true;
    frame.control_number = 1;
    expect_frame_refused(&frame, "kind this version does not know");
}

static void expect_data_refused(uint64_t number, const char *words)
{
    struct attack attack;
    attack_start(&attack, LONG_MS);
    greet(&attack);
    cr_assert_eq(say_data(&attack, number, 10), 0);
    expect_refused(&attack, FY_E_PROTOCOL, words);
}

Test(hostile, data_of_number_zero)
{
    expect_data_refused(0, "data frame 0");
}

Test(hostile, data_far_ahead)
{
    expect_data_refused(1025, "beyond the 1024 frames");
}

Test(hostile, data_with_the_largest_number)
{
    expect_data_refused(UINT64_MAX, "beyond the 1024 frames");
}

Test(hostile, more_data_than_the_credits)
{
    struct attack attack;
    attack_start(&attack, LONG_MS);
    attack.talk.acceptor.keeps = false;
    greet(&attack);
    for (uint64_t number = 1; number <= 15; number++)
        cr_assert_eq(say_data(&attack, number, 1u << 20), 0);
    cr_assert(run_until_u64(&attack.talk.loop, &attack.talk.acceptor.data, 15));
    cr_assert_eq(attack.talk.acceptor.closed, 0);
    cr_assert_eq(say_data(&attack, 16, 1u << 20), 0);
    expect_refused(&attack, FY_E_PROTOCOL, "exceeds the 16777216 bytes");
}

/* --- acknowledgements ------------------------------------------------------------------------------------------- */

static void expect_ack_refused(Ferry__Peer__Ack *ack, const char *words)
{
    struct attack attack;
    attack_start(&attack, LONG_MS);
    greet(&attack);
    attack.talk.acceptor.to_send = 5;
    attack.talk.acceptor.body_bytes = 100;
    talker_pour(&attack.talk.acceptor);
    say_ack(&attack, ack);
    expect_refused(&attack, FY_E_PROTOCOL, words);
}

Test(hostile, an_acknowledgement_of_what_was_never_sent)
{
    Ferry__Peer__Ack ack = honest_ack();
    ack.data = 7;
    expect_ack_refused(&ack, "never sent");
}

Test(hostile, an_acknowledgement_of_control_that_was_never_sent)
{
    Ferry__Peer__Ack ack = honest_ack();
    ack.control = 2;
    expect_ack_refused(&ack, "never sent");
}

static void expect_ranges_refused(uint64_t *ranges, size_t count, const char *words)
{
    Ferry__Peer__Ack ack = honest_ack();
    ack.n_ranges = count;
    ack.ranges = ranges;
    expect_ack_refused(&ack, words);
}

Test(hostile, acknowledged_ranges_that_descend)
{
    expect_ranges_refused((uint64_t[]){4, 1, 2, 1}, 4, "out of order");
}

Test(hostile, acknowledged_ranges_that_wrap_around)
{
    expect_ranges_refused((uint64_t[]){2, UINT64_MAX}, 2, "out of order");
}

Test(hostile, acknowledged_ranges_that_are_empty)
{
    expect_ranges_refused((uint64_t[]){2, 0}, 2, "out of order");
}

Test(hostile, half_an_acknowledged_range)
{
    expect_ranges_refused((uint64_t[]){2, 1, 4}, 3, "3 numbers");
}

Test(hostile, too_many_acknowledged_ranges)
{
    uint64_t ranges[2 * 65];
    for (size_t i = 0; i < 65; i++) {
        ranges[2 * i] = 2 + 2 * i;
        ranges[2 * i + 1] = 1;
    }
    expect_ranges_refused(ranges, FY_ARRAY_SIZE(ranges), "130 numbers");
}

Test(hostile, credits_that_are_too_small_to_go_on)
{
    Ferry__Peer__Ack ack = honest_ack();
    ack.window_bytes = 0;
    expect_ack_refused(&ack, "a window of 0 bytes");
}

Test(hostile, credits_without_end_do_not_make_us_hold_more)
{
    struct attack attack;
    Ferry__Peer__Ack ack = honest_ack();
    attack_start(&attack, LONG_MS);
    greet(&attack);
    fy_link_pause(attack.link);
    ack.window_bytes = UINT64_MAX;
    ack.window_frames = UINT32_MAX;
    say_ack(&attack, &ack);
    run_for(&attack.talk.loop, 50);
    struct talker *victim = &attack.talk.acceptor;
    victim->to_send = 4096;
    victim->body_bytes = 1u << 20;
    talker_pour(victim);
    cr_expect_leq(victim->sent, 5);
    cr_expect(fy_session_congested(&victim->session));
    fy_link_close(attack.link);
    expect_lives_on(&attack);
}

/* --- floods ----------------------------------------------------------------------------------------------------- */

Test(hostile, pings_without_reading_the_answers)
{
    struct attack attack;
    attack_start(&attack, LONG_MS);
    greet(&attack);
    fy_link_pause(attack.link);
    Ferry__Peer__Ping ping = FERRY__PEER__PING__INIT;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(ping, FERRY__PEER__FRAME__KIND_PING, &ping);
    const struct talker *victim = &attack.talk.acceptor;
    for (unsigned i = 0; i < 2000 && !victim->closed; i++) {
        for (unsigned j = 0; j < 1000 && attack.link && !fy_link_congested(attack.link); j++)
            (void)fy_link_send(attack.link, &frame.base, NULL, 0, NULL);
        (void)uv_run(&attack.talk.loop, UV_RUN_NOWAIT);
    }
    if (attack.link)
        fy_link_resume(attack.link);
    cr_expect(run_until(&attack.talk.loop, &victim->closed));
    cr_expect_eq(victim->error.code, FY_E_LIMIT, "%s", victim->error.message);
    cr_expect(run_until(&attack.talk.loop, &attack.closed));
    expect_lives_on(&attack);
}

/* Allowed, and it costs the sender more than us: the others are served meanwhile. */
Test(hostile, a_flood_of_small_frames_does_not_hold_up_the_others)
{
    struct attack attack;
    Ferry__Peer__Received received;
    attack_start(&attack, LONG_MS);
    greet(&attack);
    uint64_t number = 0;
    talk_dial(&attack.talk);
    /* It goes on until the other one is served, however long that takes the two's processes. */
    for (uint64_t until_ns = uv_hrtime() + LONG_NS; !attack.talk.dialer.greeted && uv_hrtime() < until_ns;) {
        for (; !fy_link_congested(attack.link); number++) {
            Ferry__Peer__Frame frame = control_frame(&received, number + 1);
            say(&attack, &frame);
        }
        (void)uv_run(&attack.talk.loop, UV_RUN_NOWAIT);
    }
    cr_expect_eq(attack.talk.dialer.greeted, 1);
    cr_expect_gt(number, attack.talk.acceptor.control, "the flood goes on still");
    cr_expect(run_until_u64(&attack.talk.loop, &attack.talk.acceptor.control, number));
    cr_expect_not(attack.talk.acceptor.out_of_order);
    cr_expect_lt(peak_kib() - attack.memory_kib, MEMORY_LIMIT_KIB);
    fy_link_close(attack.link);
    cr_expect(talk_end(&attack.talk));
}

Test(hostile, the_same_data_again_and_again_is_taken_once)
{
    struct attack attack;
    attack_start(&attack, LONG_MS);
    attack.talk.acceptor.keeps = false;
    greet(&attack);
    for (unsigned i = 0; i < 500; i++) {
        while (fy_link_congested(attack.link))
            (void)uv_run(&attack.talk.loop, UV_RUN_ONCE);
        cr_assert_eq(say_data(&attack, 3, 100000), 0);
    }
    struct fy_session_stats stats = {0};
    while (stats.bytes_received_again < 499 * 100000u && !attack.talk.acceptor.closed) {
        (void)uv_run(&attack.talk.loop, UV_RUN_ONCE);
        fy_session_get_stats(&attack.talk.acceptor.session, &stats);
    }
    cr_expect_eq(attack.talk.acceptor.data, 1);
    fy_link_close(attack.link);
    expect_lives_on(&attack);
}

/* Bytes come, though never a frame: the lane is given up, and with it, in the end, the session. */
Test(hostile, a_frame_that_never_ends)
{
    struct attack attack;
    Ferry__Peer__Ack state = honest_ack();
    attack_start(&attack, 1000);
    fy_link_close(attack.link);
    cr_assert(run_until(&attack.talk.loop, &attack.closed));
    cr_assert(run_until(&attack.talk.loop, &attack.talk.acceptor.closed));
    attack.talk.acceptor.closed = 0;
    int fd = raw_connection(&attack);
    Ferry__Peer__Hello hello = FERRY__PEER__HELLO__INIT;
    hello.major = FY_PROTOCOL_MAJOR;
    hello.name = (char *)"mallory";
    hello.version = (char *)"6.6.6";
    hello.state = &state;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(hello, FERRY__PEER__FRAME__KIND_HELLO, &hello);
    struct fy_packet *packet = fy_packet_new(&frame.base, NULL, 0, NULL);
    cr_assert_eq(fy_fs_write_all(fd, packet->head.data, packet->head.size, NULL), 0);
    fy_packet_unref(packet);
    cr_assert(run_until(&attack.talk.loop, &attack.talk.acceptor.greeted));
    static const uint8_t prefix[] = {100, 0, 0, 0, 0, 0, 0x10, 0};
    cr_assert_eq(fy_fs_write_all(fd, prefix, sizeof(prefix), NULL), 0);
    for (unsigned i = 0; i < 600 && !attack.talk.acceptor.closed; i++) {
        (void)send(fd, "x", 1, MSG_NOSIGNAL);
        run_for(&attack.talk.loop, 50);
    }
    cr_expect_eq(attack.talk.acceptor.closed, 1);
    cr_expect_eq(attack.talk.acceptor.error.code, FY_E_TIMEOUT);
    cr_expect(strstr(attack.talk.acceptor.error.message, "a frame was not whole"), "%s",
              attack.talk.acceptor.error.message);
    (void)close(fd);
    expect_lives_on(&attack);
}

Test(hostile, links_that_come_and_go_leave_nothing)
{
    struct attack attack = {.memory_kib = peak_kib()};
    talk_start(&attack.talk, LONG_MS);
    for (unsigned i = 0; i < 40; i++) {
        int fd = raw_connection(&attack);
        run_for(&attack.talk.loop, 5);
        (void)close(fd);
        run_for(&attack.talk.loop, 5);
    }
    expect_lives_on(&attack);
}
