/* Links over UNIX sockets: order, limits, back-pressure, and ends of every kind. */
#include "party.h"
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MIB (1024u * 1024u)
/* What may be under way between two congested links: both queues' and both sockets' worth, and one frame beyond. */
#define UNDER_WAY_BYTES (12u * MIB)

TestSuite(local, .init = ignore_sigpipe);

struct pair {
    uv_loop_t loop;
    struct server server;
    struct party client;
};

static void pair_start(struct pair *pair)
{
    *pair = (struct pair){0};
    (void)uv_loop_init(&pair->loop);
    server_start(&pair->server, &pair->loop, 0);
}

static void pair_connect(struct pair *pair)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(
        fy_local_connect(&pair->loop, pair->server.path, &party_events, &pair->client, &pair->client.link, &err), 0,
        "%s", err.message);
    cr_assert_eq(pair->client.opened + pair->client.closed, 0, "a callback before the start call returned");
}

/* The server's end of the first connection. */
static struct party *remote(struct pair *pair)
{
    return &pair->server.parties[0];
}

static void pair_open(struct pair *pair)
{
    pair_connect(pair);
    cr_assert(run_until(&pair->loop, &pair->client.opened));
    cr_assert(run_until(&pair->loop, &pair->server.accepted));
}

static void pair_stop(struct pair *pair)
{
    if (pair->client.link)
        fy_link_close(pair->client.link);
    server_stop(&pair->server);
    cr_expect(loop_ends_clean(&pair->loop));
    cr_expect_eq(pair->client.closed, 1);
    for (unsigned i = 0; i < pair->server.accepted; i++)
        cr_expect_eq(pair->server.parties[i].closed, 1);
    server_remove_directory(&pair->server);
}

/* --- failures --------------------------------------------------------------------------------------------------- */

Test(local, nobody_listening_is_reported_through_closed)
{
    uv_loop_t loop;
    struct party client = {0};
    (void)uv_loop_init(&loop);
    cr_assert_eq(fy_local_connect(&loop, "/tmp/ferry-nobody.sock", &party_events, &client, &client.link, NULL), 0);
    cr_assert(run_until(&loop, &client.closed));
    cr_expect_eq(client.opened, 0);
    cr_expect_eq(client.error.code, FY_E_UNREACHABLE);
    cr_expect(strstr(client.error.message, "/tmp/ferry-nobody.sock"));
    cr_expect_str_not_empty(client.error.next);
    cr_expect(loop_ends_clean(&loop));
}

Test(local, a_path_that_is_too_long_fails_at_once)
{
    uv_loop_t loop;
    char path[200];
    struct party client = {0};
    struct fy_error err = FY_ERROR_INIT;
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    (void)uv_loop_init(&loop);
    cr_expect_eq(fy_local_connect(&loop, path, &party_events, &client, &client.link, &err), -1);
    cr_expect_eq(err.code, FY_E_USAGE);
    cr_expect(loop_ends_clean(&loop));
    cr_expect_eq(client.closed, 0);
}

/* Writes raw bytes to the server and closes. */
static void send_raw(const struct pair *pair, const void *bytes, size_t size, bool close_after, int *fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", pair->server.path);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(*fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(write(*fd, bytes, size), (ssize_t)size);
    if (close_after)
        (void)close(*fd);
}

Test(local, a_frame_cut_off_by_the_end_is_named)
{
    struct pair pair;
    int fd;
    pair_start(&pair);
    send_raw(&pair, "\x04\0\0\0\0\0\0\0ab", 10, true, &fd);
    cr_assert(run_until(&pair.loop, &remote(&pair)->closed));
    cr_expect_eq(remote(&pair)->error.code, FY_E_UNREACHABLE);
    cr_expect(strstr(remote(&pair)->error.message, "in the middle of a frame"), "%s", remote(&pair)->error.message);
    pair.client.closed = 1;
    pair_stop(&pair);
}

Test(local, hostile_lengths_close_the_link_and_nothing_else)
{
    struct pair pair;
    int fd;
    pair_start(&pair);
    pair.server.echo = true;
    send_raw(&pair, "\xff\xff\xff\xff\0\0\0\0", 8, false, &fd);
    cr_assert(run_until(&pair.loop, &remote(&pair)->closed));
    cr_expect_eq(remote(&pair)->error.code, FY_E_PROTOCOL);
    (void)close(fd);
    pair.client.to_send = 10;
    pair_connect(&pair);
    cr_expect(run_until_u64(&pair.loop, &pair.client.frames, 10));
    pair_stop(&pair);
}

/* --- order and ends --------------------------------------------------------------------------------------------- */

Test(local, frames_come_back_in_order_and_unchanged)
{
    static const size_t sizes[] = {0, 1, 100, 65536, MIB};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct pair pair;
        pair_start(&pair);
        pair.server.echo = true;
        pair.client.to_send = sizes[i] > 1000 ? 100 : 20000;
        pair.client.body_size = sizes[i];
        pair_connect(&pair);
        cr_expect(run_until_u64(&pair.loop, &pair.client.frames, pair.client.to_send));
        cr_expect_not(pair.client.out_of_order);
        cr_expect_eq(pair.client.body_hash, pair.client.sent_hash);
        struct fy_link_stats stats;
        fy_link_get_stats(pair.client.link, &stats);
        cr_expect_eq(stats.frames_sent, pair.client.to_send);
        cr_expect_eq(stats.bytes_sent, stats.bytes_received);
        pair_stop(&pair);
    }
}

Test(local, the_other_sides_close_is_reported_once)
{
    struct pair pair;
    pair_start(&pair);
    pair_open(&pair);
    fy_link_close(remote(&pair)->link);
    cr_assert(run_until(&pair.loop, &pair.client.closed));
    cr_expect_eq(pair.client.error.code, FY_E_UNREACHABLE);
    cr_expect(strstr(pair.client.error.message, "closed by the other side"));
    cr_expect_not(remote(&pair)->failed);
    pair_stop(&pair);
}

/* Closes after `turns` turns of the loop, with traffic in both directions. */
static void close_after_turns(unsigned turns, bool by_finish)
{
    struct pair pair;
    pair_start(&pair);
    pair.server.echo = true;
    pair.client.to_send = 500;
    pair.client.body_size = 70000;
    pair_connect(&pair);
    for (unsigned i = 0; i < turns; i++)
        (void)uv_run(&pair.loop, UV_RUN_NOWAIT);
    if (pair.client.link && by_finish)
        fy_link_finish(pair.client.link, 60000);
    else if (pair.client.link)
        fy_link_close(pair.client.link);
    cr_assert(run_until(&pair.loop, &pair.client.closed));
    cr_expect_not(pair.client.failed, "turn %u: %s", turns, pair.client.error.message);
    pair_stop(&pair);
}

Test(local, a_link_can_be_closed_in_any_turn)
{
    for (unsigned turns = 0; turns < 60; turns++)
        close_after_turns(turns, false);
}

Test(local, a_link_can_be_finished_in_any_turn)
{
    for (unsigned turns = 0; turns < 60; turns++)
        close_after_turns(turns, true);
}

static void close_in_frame(struct party *party)
{
    fy_link_close(party->link);
    fy_link_close(party->link);
}

Test(local, nothing_is_delivered_after_a_close_in_a_callback)
{
    struct pair pair;
    pair_start(&pair);
    pair_open(&pair);
    remote(&pair)->on_frame = close_in_frame;
    pair.client.to_send = 1000;
    party_pour(&pair.client);
    cr_assert(run_until(&pair.loop, &remote(&pair)->closed));
    cr_assert(run_until(&pair.loop, &pair.client.closed));
    cr_expect_eq(remote(&pair)->frames, 1);
    cr_expect_not(remote(&pair)->failed);
    pair_stop(&pair);
}

static void send_last_words(struct party *party)
{
    if (party->frames > 1)
        return;
    (void)party_send(party, 1, 100, NULL);
    fy_link_finish(party->link, 10000);
}

Test(local, last_words_are_heard_though_writing_fails)
{
    struct pair pair;
    pair_start(&pair);
    pair_open(&pair);
    remote(&pair)->on_frame = send_last_words;
    remote(&pair)->seed = 1;
    pair.client.to_send = 1000;
    pair.client.body_size = MIB;
    party_pour(&pair.client);
    cr_assert(run_until(&pair.loop, &pair.client.closed));
    cr_expect_eq(pair.client.frames, 1, "the server's last frame");
    cr_expect_eq(pair.client.error.code, FY_E_UNREACHABLE);
    pair_stop(&pair);
}

Test(local, nothing_can_be_sent_after_the_end)
{
    struct pair pair;
    struct fy_error err = FY_ERROR_INIT;
    pair_start(&pair);
    pair_open(&pair);
    fy_link_close(pair.client.link);
    cr_expect_eq(party_send(&pair.client, 1, 1000, &err), -1);
    cr_expect_eq(err.code, FY_E_UNREACHABLE);
    pair_stop(&pair);
}

/* --- back-pressure ---------------------------------------------------------------------------------------------- */

Test(local, a_paused_receiver_stops_the_sender_and_loses_nothing)
{
    struct pair pair;
    pair_start(&pair);
    pair_open(&pair);
    fy_link_pause(remote(&pair)->link);
    pair.client.to_send = 64;
    pair.client.body_size = MIB;
    party_pour(&pair.client);
    run_for(&pair.loop, 200);
    cr_expect_eq(remote(&pair)->frames, 0);
    cr_expect(fy_link_congested(pair.client.link));
    cr_expect_leq(pair.client.sent * MIB, UNDER_WAY_BYTES);
    fy_link_resume(remote(&pair)->link);
    cr_expect(run_until_u64(&pair.loop, &remote(&pair)->frames, 64));
    cr_expect_gt(pair.client.drained, 0);
    cr_expect_not(remote(&pair)->out_of_order);
    cr_expect_eq(remote(&pair)->body_hash, pair.client.sent_hash);
    pair_stop(&pair);
}

static void pause_each(struct party *party)
{
    fy_link_pause(party->link);
}

Test(local, pausing_in_a_callback_delivers_one_frame_at_a_time)
{
    struct pair pair;
    pair_start(&pair);
    pair_open(&pair);
    struct party *party = remote(&pair);
    party->on_frame = pause_each;
    pair.client.to_send = 300;
    pair.client.body_size = 10;
    party_pour(&pair.client);
    for (uint64_t i = 1; i <= 300; i++) {
        cr_assert(run_until_u64(&pair.loop, &party->frames, i));
        (void)uv_run(&pair.loop, UV_RUN_NOWAIT);
        (void)uv_run(&pair.loop, UV_RUN_NOWAIT);
        cr_assert_eq(party->frames, i);
        fy_link_resume(party->link);
    }
    cr_expect_not(party->out_of_order);
    pair_stop(&pair);
}

Test(local, the_hard_limit_refuses_a_sender_that_does_not_stop)
{
    struct pair pair;
    struct fy_error err = FY_ERROR_INIT;
    pair_start(&pair);
    pair_open(&pair);
    fy_link_pause(remote(&pair)->link);
    pair.client.seed = 1;
    uint64_t taken = 0;
    while (taken < 100 && !party_send(&pair.client, taken + 1, MIB, &err))
        taken++;
    cr_expect_eq(err.code, FY_E_LIMIT);
    cr_expect_eq(taken, 15, "16 MiB with the frames' own cost");
    fy_link_resume(remote(&pair)->link);
    cr_expect(run_until_u64(&pair.loop, &remote(&pair)->frames, taken));
    pair_stop(&pair);
}

Test(local, empty_frames_are_bounded_too)
{
    struct pair pair;
    pair_start(&pair);
    pair_open(&pair);
    fy_link_pause(remote(&pair)->link);
    pair.client.to_send = 10 * MIB;
    party_pour(&pair.client);
    cr_expect(fy_link_congested(pair.client.link));
    cr_expect_lt(pair.client.sent, MIB);
    pair_stop(&pair);
}

/* --- finishing -------------------------------------------------------------------------------------------------- */

Test(local, finishing_sends_all_that_is_queued)
{
    struct pair pair;
    pair_start(&pair);
    pair_open(&pair);
    pair.client.to_send = 8;
    pair.client.body_size = MIB;
    party_pour(&pair.client);
    fy_link_finish(pair.client.link, 60000);
    cr_assert(run_until(&pair.loop, &pair.client.closed));
    cr_expect_not(pair.client.failed, "%s", pair.client.error.message);
    cr_assert(run_until(&pair.loop, &remote(&pair)->closed));
    cr_expect_eq(remote(&pair)->frames, 8);
    cr_expect_eq(remote(&pair)->body_hash, pair.client.sent_hash);
    pair_stop(&pair);
}

Test(local, finishing_before_it_is_open_sends_what_was_queued)
{
    struct pair pair;
    pair_start(&pair);
    pair_connect(&pair);
    pair.client.to_send = 3;
    party_pour(&pair.client);
    fy_link_finish(pair.client.link, 60000);
    cr_assert(run_until(&pair.loop, &pair.client.closed));
    cr_expect_not(pair.client.failed);
    cr_expect_eq(pair.client.opened, 0);
    cr_assert(run_until(&pair.loop, &pair.server.accepted));
    cr_assert(run_until(&pair.loop, &remote(&pair)->closed));
    cr_expect_eq(remote(&pair)->frames, 3);
    pair_stop(&pair);
}

Test(local, finishing_gives_up_when_the_other_side_takes_nothing)
{
    struct pair pair;
    pair_start(&pair);
    pair_open(&pair);
    fy_link_pause(remote(&pair)->link);
    pair.client.to_send = 8;
    pair.client.body_size = MIB;
    party_pour(&pair.client);
    fy_link_finish(pair.client.link, 100);
    cr_assert(run_until(&pair.loop, &pair.client.closed));
    cr_expect_eq(pair.client.error.code, FY_E_TIMEOUT);
    pair_stop(&pair);
}
