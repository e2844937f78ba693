/* Much data over SSH: intact through many key exchanges, bounded when nobody reads, and broken off in the middle. */
#include "proxy.h"
#include "ssh_fixture.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#define MIB (1024u * 1024u)

TestSuite(ssh_transfer, .init = ignore_sigpipe);

/* Connects and waits until both ends are there. */
static struct party *open_both(struct ssh_fixture *fixture)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(ssh_fixture_connect(fixture, &err), 0, "%s", err.message);
    cr_assert(run_until(&fixture->loop, &fixture->client.opened));
    cr_assert(run_until(&fixture->loop, &fixture->server.accepted));
    return &fixture->server.parties[0];
}

static void start_pouring(struct party *party, uint64_t seed, uint64_t frames, size_t body_size)
{
    party->seed = seed;
    party->to_send = frames;
    party->body_size = body_size;
    party_pour(party);
}

static void expect_intact(const struct party *receiver, const struct party *sender)
{
    cr_expect_eq(receiver->frames, sender->to_send);
    cr_expect_not(receiver->out_of_order);
    cr_expect_eq(receiver->body_hash, sender->sent_hash);
}

Test(ssh_transfer, a_quarter_gib_each_way_survives_rekeying)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "RekeyLimit 16M");
    struct party *server = open_both(&fixture);
    start_pouring(&fixture.client, 1, 256, MIB);
    start_pouring(server, 2, 256, MIB);
    while (fixture.client.frames < 256 || server->frames < 256) {
        (void)uv_run(&fixture.loop, UV_RUN_ONCE);
        cr_assert_not(fixture.client.closed, "%s", fixture.client.error.message);
    }
    expect_intact(server, &fixture.client);
    expect_intact(&fixture.client, server);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_transfer, frames_of_every_size_arrive_intact)
{
    static const size_t sizes[] = {0, 1, 8, 32668, 32692, 32700, 32701, 65400, 262144, 1000003};
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "RekeyLimit 1M");
    fixture.server.echo = true;
    struct party *server = open_both(&fixture);
    fixture.client.seed = 1;
    fixture.client.sent_hash = HASH_START;
    for (uint64_t i = 0; i < 300; i++) {
        cr_assert_eq(party_send(&fixture.client, i + 1, sizes[i % (sizeof(sizes) / sizeof(sizes[0]))], NULL), 0);
        while (fy_link_congested(fixture.client.link))
            (void)uv_run(&fixture.loop, UV_RUN_ONCE);
    }
    cr_expect(run_until_u64(&fixture.loop, &fixture.client.frames, 300));
    cr_expect_not(fixture.client.out_of_order);
    cr_expect_eq(fixture.client.body_hash, fixture.client.sent_hash);
    cr_expect_eq(server->body_hash, fixture.client.sent_hash);
    cr_expect(ssh_fixture_stop(&fixture));
}

static atomic_bool writes_are_short;

/* Stands before libc's: a socket that takes little, and every third time nothing. */
ssize_t send(int fd, const void *data, size_t size, int flags)
{
    static atomic_uint dice;
    if (atomic_load(&writes_are_short)) {
        unsigned roll = atomic_fetch_add(&dice, 1) * 2654435761u >> 8;
        if (roll % 3 == 0) {
            errno = EAGAIN;
            return -1;
        }
        size = size > 5000 ? 1 + roll % 5000 : size;
    }
    return sendto(fd, data, size, flags, NULL, 0);
}

Test(ssh_transfer, rekeying_between_short_writes_does_not_stall)
{
    struct ssh_fixture fixture;
    atomic_store(&writes_are_short, true);
    ssh_fixture_start(&fixture, "RekeyLimit 1M");
    struct party *server = open_both(&fixture);
    start_pouring(&fixture.client, 1, 160, 200000);
    start_pouring(server, 2, 160, 200000);
    cr_expect(run_until_u64(&fixture.loop, &fixture.client.frames, 160));
    cr_expect(run_until_u64(&fixture.loop, &server->frames, 160));
    expect_intact(server, &fixture.client);
    expect_intact(&fixture.client, server);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_transfer, rekeying_on_a_bad_network_does_not_stall)
{
    struct ssh_fixture fixture;
    struct proxy proxy;
    ssh_fixture_start(&fixture, "RekeyLimit 1M");
    proxy_start(&proxy, fixture.sshd.port);
    run_command("sed -i 's/]:[0-9]*/]:%u/' %s", proxy.port, fixture.sshd.known_hosts);
    fixture.options.port = proxy.port;
    struct party *server = open_both(&fixture);
    start_pouring(&fixture.client, 1, 160, 200000);
    start_pouring(server, 2, 160, 200000);
    cr_expect(run_until_u64(&fixture.loop, &fixture.client.frames, 160));
    cr_expect(run_until_u64(&fixture.loop, &server->frames, 160));
    expect_intact(server, &fixture.client);
    expect_intact(&fixture.client, server);
    fy_link_close(fixture.client.link);
    proxy_stop(&proxy);
    cr_expect(ssh_fixture_stop(&fixture));
}

/* --- back-pressure ---------------------------------------------------------------------------------------------- */

Test(ssh_transfer, a_paused_receiver_stops_the_sender_and_loses_nothing)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    struct party *server = open_both(&fixture);
    fy_link_pause(fixture.client.link);
    fy_link_pause(server->link);
    start_pouring(&fixture.client, 1, 96, MIB);
    start_pouring(server, 2, 96, MIB);
    run_for(&fixture.loop, 1500);
    cr_expect_eq(fixture.client.frames + server->frames, 0);
    cr_expect_lt(fixture.client.sent, 48);
    cr_expect_lt(server->sent, 48);
    cr_expect(fy_link_congested(fixture.client.link));
    fy_link_resume(fixture.client.link);
    fy_link_resume(server->link);
    cr_expect(run_until_u64(&fixture.loop, &fixture.client.frames, 96));
    cr_expect(run_until_u64(&fixture.loop, &server->frames, 96));
    expect_intact(server, &fixture.client);
    expect_intact(&fixture.client, server);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_transfer, a_pause_longer_than_dead_after_is_not_death)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    fixture.options.keepalive_interval_ms = 400;
    fixture.options.dead_after_ms = 4000;
    struct party *server = open_both(&fixture);
    fy_link_pause(fixture.client.link);
    fy_link_pause(server->link);
    start_pouring(&fixture.client, 1, 64, MIB);
    start_pouring(server, 2, 64, MIB);
    run_for(&fixture.loop, 6000);
    cr_assert_not(fixture.client.closed, "%s", fixture.client.error.message);
    cr_assert_not(server->closed, "%s", server->error.message);
    fy_link_resume(fixture.client.link);
    fy_link_resume(server->link);
    cr_expect(run_until_u64(&fixture.loop, &fixture.client.frames, 64));
    cr_expect(run_until_u64(&fixture.loop, &server->frames, 64));
    cr_expect(ssh_fixture_stop(&fixture));
}

/* --- broken off ------------------------------------------------------------------------------------------------- */

Test(ssh_transfer, a_server_that_dies_in_the_middle_ends_the_link)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    struct party *server = open_both(&fixture);
    start_pouring(&fixture.client, 1, 4096, MIB);
    cr_assert(run_until_u64(&fixture.loop, &server->frames, 20));
    cr_assert_gt(sshd_signal_sessions(&fixture.sshd, SIGKILL), 0);
    cr_assert(run_until(&fixture.loop, &fixture.client.closed));
    cr_expect_eq(fixture.client.error.code, FY_E_UNREACHABLE, "%s", fixture.client.error.message);
    cr_expect(run_until(&fixture.loop, &server->closed));
    cr_expect(server->failed);
    cr_expect(ssh_fixture_stop(&fixture));
}

/* The server's processes are stopped, so that the connection stands and nothing answers. */
static void expect_found_dead(bool while_sending)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    fixture.options.keepalive_interval_ms = 500;
    fixture.options.dead_after_ms = 4000;
    struct party *server = open_both(&fixture);
    if (while_sending) {
        start_pouring(&fixture.client, 1, 4096, MIB);
        cr_assert(run_until_u64(&fixture.loop, &server->frames, 5));
    }
    unsigned stopped = sshd_signal_sessions(&fixture.sshd, SIGSTOP);
    (void)run_until(&fixture.loop, &fixture.client.closed);
    /* Before anything is asserted: a stopped process would stay for ever. */
    (void)sshd_signal_sessions(&fixture.sshd, SIGKILL);
    cr_assert_gt(stopped, 0);
    cr_assert(fixture.client.closed);
    cr_expect_eq(fixture.client.error.code, FY_E_TIMEOUT, "%s", fixture.client.error.message);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_transfer, a_silent_connection_is_found_dead)
{
    expect_found_dead(false);
}

Test(ssh_transfer, a_connection_that_takes_nothing_is_found_dead)
{
    expect_found_dead(true);
}

Test(ssh_transfer, closing_in_the_middle_drops_what_is_queued)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    struct party *server = open_both(&fixture);
    start_pouring(&fixture.client, 1, 4096, MIB);
    start_pouring(server, 2, 4096, MIB);
    cr_assert(run_until_u64(&fixture.loop, &server->frames, 10));
    fy_link_close(fixture.client.link);
    cr_assert(run_until(&fixture.loop, &fixture.client.closed));
    cr_expect_not(fixture.client.failed);
    cr_assert(run_until(&fixture.loop, &server->closed));
    cr_expect_eq(server->error.code, FY_E_UNREACHABLE);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_transfer, finishing_delivers_everything_first)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    struct party *server = open_both(&fixture);
    start_pouring(&fixture.client, 1, 8, MIB);
    fy_link_finish(fixture.client.link, 60000);
    cr_assert(run_until(&fixture.loop, &fixture.client.closed));
    cr_expect_not(fixture.client.failed, "%s", fixture.client.error.message);
    cr_assert(run_until(&fixture.loop, &server->closed));
    expect_intact(server, &fixture.client);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_transfer, the_peer_finishing_delivers_everything_first)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    struct party *server = open_both(&fixture);
    start_pouring(server, 1, 8, MIB);
    fy_link_finish(server->link, 60000);
    cr_assert(run_until(&fixture.loop, &fixture.client.closed));
    cr_expect(strstr(fixture.client.error.message, "closed by the other side"), "%s", fixture.client.error.message);
    expect_intact(&fixture.client, server);
    cr_expect(ssh_fixture_stop(&fixture));
}
