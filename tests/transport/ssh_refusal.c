/* Links over SSH that must not come up: each failure has its code, names what is wrong and says what to do. */
#include "ssh_fixture.h"
#include <criterion/criterion.h>
#include <ferry/base/fs.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

TestSuite(ssh_refusal, .init = ignore_sigpipe);

/* Connects and waits for the end. */
static void connect_and_wait(struct ssh_fixture *fixture)
{
    struct fy_error err = FY_ERROR_INIT;
    fixture->client = (struct party){0};
    cr_assert_eq(ssh_fixture_connect(fixture, &err), 0, "%s", err.message);
    cr_assert(run_until(&fixture->loop, &fixture->client.closed));
    cr_expect_eq(fixture->client.closed, 1);
}

static void expect_error(const struct ssh_fixture *fixture, enum fy_code code, const char *in_message,
                         const char *in_next)
{
    const struct fy_error *err = &fixture->client.error;
    cr_expect_eq(fixture->client.opened, 0);
    cr_expect_eq(err->code, code, "%s: %s", fy_code_name(err->code), err->message);
    cr_expect(strstr(err->message, in_message), "'%s' lacks '%s'", err->message, in_message);
    cr_expect(strstr(err->next, in_next), "'%s' lacks '%s'", err->next, in_next);
}

static void expect_refused(struct ssh_fixture *fixture, enum fy_code code, const char *in_message, const char *in_next)
{
    connect_and_wait(fixture);
    expect_error(fixture, code, in_message, in_next);
}

/* On a busy machine a short deadline strikes before it has come so far: a longer one then. */
static void expect_deadline_while(struct ssh_fixture *fixture, const char *doing, const char *in_next)
{
    uint64_t limit_ms = 300;
    do {
        fixture->options.connect_timeout_ms = limit_ms;
        connect_and_wait(fixture);
        limit_ms *= 2;
    } while (limit_ms < 30000 && !strstr(fixture->client.error.message, doing));
    expect_error(fixture, FY_E_TIMEOUT, doing, in_next);
}

static void close_party(struct party *party)
{
    fy_link_close(party->link);
}

static void expect_accepted(struct ssh_fixture *fixture)
{
    fixture->client = (struct party){.to_send = 1, .on_frame = close_party};
    fixture->server.echo = true;
    fixture->server.accepted = 0;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(ssh_fixture_connect(fixture, &err), 0);
    cr_assert(run_until(&fixture->loop, &fixture->client.closed));
    cr_expect_not(fixture->client.failed, "%s", fixture->client.error.message);
    cr_expect_eq(fixture->client.opened, 1);
    while (fixture->server.accepted == 0 || !fixture->server.parties[0].closed)
        (void)uv_run(&fixture->loop, UV_RUN_ONCE);
    fixture->server.parties[0] = (struct party){0};
    fixture->server.accepted = 0;
}

/* --- host keys -------------------------------------------------------------------------------------------------- */

/* The known_hosts file becomes what the shell command prints; %s is the directory of sshd's files. */
static void pin(struct ssh_fixture *fixture, const char *names, const char *key)
{
    run_command("printf '%s %%s\\n' \"$(cat %s/%s.pub)\" > %s", names, fixture->sshd.directory, key,
                fixture->sshd.known_hosts);
}

static const char *own_name(const struct ssh_fixture *fixture)
{
    static char name[40];
    (void)snprintf(name, sizeof(name), "[127.0.0.1]:%u", fixture->sshd.port);
    return name;
}

Test(ssh_refusal, an_unknown_host_key_is_shown_and_refused)
{
    struct ssh_fixture fixture;
    char fingerprint[128];
    char hint[200];
    ssh_fixture_start(&fixture, "");
    run_command("ssh-keygen -lf %s/host_ed25519.pub | cut -d' ' -f2 | tr -d '\\n' > %s/fingerprint",
                fixture.sshd.directory, fixture.sshd.directory);
    char *text = NULL;
    (void)snprintf(hint, sizeof(hint), "%s/fingerprint", fixture.sshd.directory);
    cr_assert_eq(fy_fs_read_file(hint, 100, &text, NULL, NULL), 0);
    (void)snprintf(fingerprint, sizeof(fingerprint), "%s", text);
    free(text);
    (void)snprintf(hint, sizeof(hint), "ssh-keyscan -p %u 127.0.0.1 >> %s", fixture.sshd.port,
                   fixture.sshd.known_hosts);
    cr_assert_eq(unlink(fixture.sshd.known_hosts), 0);
    expect_refused(&fixture, FY_E_HOSTKEY, fingerprint, hint);
    pin(&fixture, "otherhost,[127.0.0.1]:1", "host_ed25519");
    expect_refused(&fixture, FY_E_HOSTKEY, "unknown host key", hint);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_refusal, a_key_pinned_for_the_host_without_the_port_is_not_enough)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    pin(&fixture, "127.0.0.1", "host_ed25519");
    expect_refused(&fixture, FY_E_HOSTKEY, "unknown host key", "ssh-keyscan");
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_refusal, a_changed_host_key_is_refused_loudly_with_its_line)
{
    struct ssh_fixture fixture;
    char place[128];
    ssh_fixture_start(&fixture, "");
    run_command("ssh-keygen -q -t ed25519 -N '' -f %s/other", fixture.sshd.directory);
    pin(&fixture, own_name(&fixture), "other");
    run_command("sed -i '1i # a comment' %s", fixture.sshd.known_hosts);
    (void)snprintf(place, sizeof(place), "%s:2", fixture.sshd.known_hosts);
    expect_refused(&fixture, FY_E_HOSTKEY, "THE HOST KEY HAS CHANGED", "ssh-keygen -R");
    cr_expect(strstr(fixture.client.error.message, place), "%s", fixture.client.error.message);
    run_command("ssh-keygen -q -H -f %s >/dev/null 2>&1", fixture.sshd.known_hosts);
    expect_refused(&fixture, FY_E_HOSTKEY, "THE HOST KEY HAS CHANGED", "ssh-keygen -R");
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_refusal, a_revoked_host_key_is_refused_though_it_is_pinned_too)
{
    struct ssh_fixture fixture;
    char names[64];
    ssh_fixture_start(&fixture, "");
    (void)snprintf(names, sizeof(names), "@revoked %s", own_name(&fixture));
    pin(&fixture, names, "host_ed25519");
    run_command("sed -n 's/^@revoked //p' %s > %s.more && cat %s.more >> %s", fixture.sshd.known_hosts,
                fixture.sshd.known_hosts, fixture.sshd.known_hosts, fixture.sshd.known_hosts);
    expect_refused(&fixture, FY_E_HOSTKEY, "revoked", "new key");
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_refusal, a_negated_name_does_not_vouch)
{
    struct ssh_fixture fixture;
    char names[64];
    ssh_fixture_start(&fixture, "");
    (void)snprintf(names, sizeof(names), "*,!%s", own_name(&fixture));
    pin(&fixture, names, "host_ed25519");
    expect_refused(&fixture, FY_E_HOSTKEY, "unknown host key", "ssh-keyscan");
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_refusal, a_pinned_type_that_the_host_does_not_have_is_refused)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    run_command("ssh-keygen -q -t rsa -b 2048 -N '' -f %s/other", fixture.sshd.directory);
    pin(&fixture, own_name(&fixture), "other");
    expect_refused(&fixture, FY_E_HOSTKEY, "ssh-rsa", "ssh-keyscan");
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_refusal, every_honest_way_of_pinning_is_accepted)
{
    struct ssh_fixture fixture;
    char names[128];
    ssh_fixture_start(&fixture, "");
    pin(&fixture, own_name(&fixture), "host_ed25519");
    expect_accepted(&fixture);
    pin(&fixture, own_name(&fixture), "host_ecdsa");
    expect_accepted(&fixture);
    (void)snprintf(names, sizeof(names), "a.example,%s,b.example", own_name(&fixture));
    pin(&fixture, names, "host_ed25519");
    expect_accepted(&fixture);
    pin(&fixture, "[127.0.*]:*", "host_ed25519");
    expect_accepted(&fixture);
    pin(&fixture, own_name(&fixture), "host_ed25519");
    run_command("ssh-keygen -q -H -f %s >/dev/null 2>&1", fixture.sshd.known_hosts);
    run_command("grep -q '^|1|' %s", fixture.sshd.known_hosts);
    expect_accepted(&fixture);
    run_command("ssh-keyscan -p %u 127.0.0.1 > %s 2>/dev/null", fixture.sshd.port, fixture.sshd.known_hosts);
    expect_accepted(&fixture);
    cr_expect(ssh_fixture_stop(&fixture));
}

/* --- keys of ours ----------------------------------------------------------------------------------------------- */

Test(ssh_refusal, a_key_that_is_not_authorized_is_told_how_to_be)
{
    struct ssh_fixture fixture;
    char key_file[128];
    ssh_fixture_start(&fixture, "");
    (void)snprintf(key_file, sizeof(key_file), "%s/stranger", fixture.sshd.directory);
    sshd_make_key(key_file);
    fixture.options.key_file = key_file;
    expect_refused(&fixture, FY_E_AUTH, key_file, "restrict,command=\"ferry dial\" ssh-ed25519 AAAA");
    run_command("rm %s.pub", key_file);
    expect_refused(&fixture, FY_E_AUTH, key_file, "$(ssh-keygen -y -f ");
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_refusal, a_key_file_that_cannot_be_used_is_named)
{
    struct ssh_fixture fixture;
    char key_file[128];
    ssh_fixture_start(&fixture, "");
    (void)snprintf(key_file, sizeof(key_file), "%s/missing", fixture.sshd.directory);
    fixture.options.key_file = key_file;
    expect_refused(&fixture, FY_E_AUTH, "No such file", "ssh-keygen -t ed25519");
    run_command("ssh-keygen -q -t ed25519 -N secret -f %s", key_file);
    expect_refused(&fixture, FY_E_AUTH, "passphrase", "ssh-keygen -t ed25519");
    run_command("echo nonsense > %s", key_file);
    expect_refused(&fixture, FY_E_AUTH, key_file, "ssh-keygen -t ed25519");
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_refusal, an_agent_that_is_missing_or_empty_is_named)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    fixture.options.key_file = NULL;
    (void)unsetenv("SSH_AUTH_SOCK");
    expect_refused(&fixture, FY_E_AUTH, "SSH_AUTH_SOCK is not set", "ssh-add");
    (void)setenv("SSH_AUTH_SOCK", "/tmp/ferry-no-ssh-agent", 1);
    expect_refused(&fixture, FY_E_AUTH, "/tmp/ferry-no-ssh-agent", "ssh-add");
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_refusal, an_agent_that_never_answers_runs_into_the_deadline)
{
    struct ssh_fixture fixture;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ssh_fixture_start(&fixture, "");
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/mute", fixture.sshd.directory);
    int mute = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(mute, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(mute, 16), 0);
    fixture.options.key_file = NULL;
    (void)setenv("SSH_AUTH_SOCK", address.sun_path, 1);
    expect_deadline_while(&fixture, "asking the SSH agent", "");
    (void)close(mute);
    cr_expect(ssh_fixture_stop(&fixture));
}

/* --- nobody there ----------------------------------------------------------------------------------------------- */

Test(ssh_refusal, nobody_listening_is_unreachable)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    int held = hold_port_on_loopback(&fixture.options.port);
    expect_refused(&fixture, FY_E_UNREACHABLE, "Connection refused", "sshd listens");
    (void)close(held);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_refusal, a_name_that_does_not_exist_is_unreachable)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    fixture.options.host = "no-such-host.invalid";
    fixture.options.connect_timeout_ms = 200000;
    expect_refused(&fixture, FY_E_UNREACHABLE, "no-such-host.invalid", "getent hosts");
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_refusal, a_server_that_stays_silent_runs_into_the_deadline)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    int black_hole = listen_on_loopback(&fixture.options.port);
    expect_deadline_while(&fixture, "exchanging keys", "packet filter");
    (void)close(black_hole);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_refusal, a_server_that_does_not_speak_ssh_is_refused)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    int listening = listen_on_loopback(&fixture.options.port);
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(ssh_fixture_connect(&fixture, &err), 0);
    int connection = accept(listening, NULL, NULL);
    cr_assert_gt(write(connection, "SSH-2.0-nonsense\r\n\xff\xff\xff\xff\xff\xff\xff\xff", 26), 0);
    cr_assert(run_until(&fixture.loop, &fixture.client.closed));
    cr_expect_eq(fixture.client.error.code, FY_E_PROTOCOL, "%s", fixture.client.error.message);
    (void)close(connection);
    (void)close(listening);
    cr_expect(ssh_fixture_stop(&fixture));
}

/* --- the other side of sshd ------------------------------------------------------------------------------------- */

static void expect_remote_text(const char *command, const char *status, const char *text)
{
    struct ssh_fixture fixture = {0};
    struct party *client = &fixture.client;
    (void)fy_ssh_global_init(NULL);
    (void)uv_loop_init(&fixture.loop);
    sshd_start(&fixture.sshd, command, "");
    fixture.options = sshd_options(&fixture.sshd);
    cr_assert_eq(ssh_fixture_connect(&fixture, NULL), 0);
    cr_assert(run_until(&fixture.loop, &client->closed));
    cr_expect_eq(client->error.code, FY_E_UNREACHABLE);
    cr_expect(strstr(client->error.message, status), "%s", client->error.message);
    cr_expect(strstr(client->error.message, text), "%s", client->error.message);
    cr_expect(strstr(client->error.next, "authorized_keys"));
    cr_expect(loop_ends_clean(&fixture.loop));
    sshd_stop(&fixture.sshd);
    fy_ssh_global_done();
}

Test(ssh_refusal, a_remote_command_that_is_missing_is_quoted)
{
    expect_remote_text("/no/such/ferry dial", "status 127", "/no/such/ferry");
}

Test(ssh_refusal, a_remote_agent_that_is_down_is_quoted)
{
    expect_remote_text(DIAL_HELPER " /tmp/ferry-no-agent.sock", "status 1", "/tmp/ferry-no-agent.sock");
}

Test(ssh_refusal, a_remote_command_that_never_stops_complaining_is_cut_short)
{
    expect_remote_text("yes complaint | head -c 9000000 >&2; exit 3", "status 3", "complaint complaint");
}
