/* Links over SSH that work: open, frames both ways, ends in order, keys from a file and from an agent. */
#include "ssh_fixture.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* libssh2 forgets OpenSSL's numbers when a session is given up in the middle of a key exchange; its own memory is ours
 * to free, theirs is not. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:CRYPTO_zalloc\nleak:CRYPTO_malloc\n";
}

TestSuite(ssh, .init = ignore_sigpipe);

static void finish_at_last(struct party *party)
{
    if (party->frames == party->to_send)
        fy_link_finish(party->link, 10000);
}

/* A hundred frames go to the echoing peer and come back; then the link is finished. */
static void assert_echo_works(struct ssh_fixture *fixture)
{
    struct fy_error err = FY_ERROR_INIT;
    struct party *client = &fixture->client;
    fixture->server.echo = true;
    client->to_send = 100;
    client->body_size = 10000;
    client->on_frame = finish_at_last;
    cr_assert_eq(ssh_fixture_connect(fixture, &err), 0, "%s", err.message);
    cr_assert_eq(client->opened + client->closed, 0, "a callback before the start call returned");
    cr_assert(run_until(&fixture->loop, &client->closed));
    cr_expect_not(client->failed, "%s", client->error.message);
    cr_expect_eq(client->opened, 1);
    cr_expect_eq(client->closed, 1);
    cr_expect_eq(client->frames, 100);
    cr_expect_not(client->out_of_order);
    cr_expect_eq(client->body_hash, client->sent_hash);
}

Test(ssh, frames_travel_both_ways_and_the_link_ends_in_order)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    assert_echo_works(&fixture);
    cr_expect(run_until(&fixture.loop, &fixture.server.parties[0].closed));
    cr_expect_eq(fixture.server.parties[0].frames, 100);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh, a_real_ssh_agent_logs_in)
{
    struct ssh_fixture fixture;
    char socket_path[128];
    ssh_fixture_start(&fixture, "");
    (void)snprintf(socket_path, sizeof(socket_path), "%s/agent", fixture.sshd.directory);
    run_command("ssh-agent -a %s > %s/agent.env", socket_path, fixture.sshd.directory);
    (void)setenv("SSH_AUTH_SOCK", socket_path, 1);
    /* Two strangers first: each identity is tried. */
    run_command("ssh-keygen -q -t ed25519 -N '' -f %s/s1 && ssh-add -q %s/s1", fixture.sshd.directory,
                fixture.sshd.directory);
    run_command("ssh-keygen -q -t ecdsa -N '' -f %s/s2 && ssh-add -q %s/s2", fixture.sshd.directory,
                fixture.sshd.directory);
    run_command("ssh-add -q %s", fixture.sshd.key_file);
    fixture.options.key_file = NULL;
    assert_echo_works(&fixture);
    run_command(". %s/agent.env >/dev/null; kill $SSH_AGENT_PID", fixture.sshd.directory);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh, a_file_of_every_kind_of_key_logs_in)
{
    static const char *const kinds[] = {"-t ed25519", "-t ecdsa -b 256", "-t ecdsa -b 521 -m PEM"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct ssh_fixture fixture;
        char key_file[128];
        ssh_fixture_start(&fixture, "");
        (void)snprintf(key_file, sizeof(key_file), "%s/another", fixture.sshd.directory);
        run_command("ssh-keygen -q %s -N '' -f %s", kinds[i], key_file);
        run_command("cd %s && sed -i \"s#ssh-ed25519 .*#$(cat another.pub)#\" authorized_keys", fixture.sshd.directory);
        fixture.options.key_file = key_file;
        assert_echo_works(&fixture);
        cr_expect(ssh_fixture_stop(&fixture));
    }
}

static void expect_description(struct ssh_fixture *fixture)
{
    const char *text = fy_link_describe(fixture->client.link);
    cr_expect(strstr(text, "@127.0.0.1:"), "%s", text);
    cr_expect(strstr(text, " aes128-"), "%s", text);
}

Test(ssh, an_open_link_names_its_cipher)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    cr_assert_eq(ssh_fixture_connect(&fixture, NULL), 0);
    cr_assert(run_until(&fixture.loop, &fixture.client.opened));
    expect_description(&fixture);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh, several_links_at_once_share_nothing)
{
    struct ssh_fixture fixture;
    struct party others[3] = {0};
    ssh_fixture_start(&fixture, "");
    fixture.server.echo = true;
    for (int i = 0; i < 3; i++) {
        others[i] = (struct party){.to_send = 50, .body_size = 100000, .seed = 5 + (uint64_t)i};
        cr_assert_eq(fy_ssh_connect(&fixture.loop, &fixture.options, &party_events, &others[i], &others[i].link, NULL),
                     0);
    }
    for (int i = 0; i < 3; i++) {
        cr_expect(run_until_u64(&fixture.loop, &others[i].frames, 50));
        cr_expect_eq(others[i].body_hash, others[i].sent_hash);
        fy_link_close(others[i].link);
    }
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh, options_that_make_no_sense_fail_at_once)
{
    struct ssh_fixture fixture;
    struct fy_error err = FY_ERROR_INIT;
    ssh_fixture_start(&fixture, "");
    fixture.options.port = 0;
    cr_expect_eq(ssh_fixture_connect(&fixture, &err), -1);
    cr_expect_eq(err.code, FY_E_USAGE);
    cr_expect(ssh_fixture_stop(&fixture));
    cr_expect_eq(fixture.client.closed, 0);
}
