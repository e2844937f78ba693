/* Closing a link over SSH in every phase and state: `closed` comes once, nothing stays in the loop. */
#include "ssh_fixture.h"
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

TestSuite(ssh_close, .init = ignore_sigpipe);

/* --- a look-up that hangs --------------------------------------------------------------------------------------- */

static atomic_bool look_up_may_end;
static atomic_uint look_ups_hanging;

/* Stands before libc's: the name "hang.test" is never found while the test wants it so. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (host && strcmp(host, "hang.test") == 0 && !(hints->ai_flags & AI_NUMERICHOST)) {
        atomic_fetch_add(&look_ups_hanging, 1);
        while (!atomic_load(&look_up_may_end))
            (void)usleep(1000);
        atomic_fetch_sub(&look_ups_hanging, 1);
        return EAI_AGAIN;
    }
    return real(host, service, hints, result);
}

static void let_look_ups_end(void)
{
    atomic_store(&look_up_may_end, true);
    while (atomic_load(&look_ups_hanging) > 0)
        (void)usleep(1000);
    (void)usleep(20000);
}

static void connect_to_hanging_name(struct ssh_fixture *fixture)
{
    fixture->options.host = "hang.test";
    cr_assert_eq(ssh_fixture_connect(fixture, NULL), 0);
    while (atomic_load(&look_ups_hanging) == 0 && !fixture->client.closed)
        (void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
}

Test(ssh_close, a_look_up_that_hangs_does_not_hold_up_closing)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    connect_to_hanging_name(&fixture);
    fy_link_close(fixture.client.link);
    cr_assert(run_until(&fixture.loop, &fixture.client.closed));
    cr_expect_not(fixture.client.failed);
    cr_expect_eq(atomic_load(&look_ups_hanging), 1, "it is still hanging");
    cr_expect(ssh_fixture_stop(&fixture));
    let_look_ups_end();
}

Test(ssh_close, a_look_up_that_hangs_runs_into_the_deadline)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    fixture.options.connect_timeout_ms = 200;
    connect_to_hanging_name(&fixture);
    cr_assert(run_until(&fixture.loop, &fixture.client.closed));
    cr_expect_eq(fixture.client.error.code, FY_E_TIMEOUT);
    cr_expect(strstr(fixture.client.error.message, "looking up"), "%s", fixture.client.error.message);
    cr_expect(ssh_fixture_stop(&fixture));
    let_look_ups_end();
}

/* --- before it is open ------------------------------------------------------------------------------------------ */

Test(ssh_close, at_once)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    cr_assert_eq(ssh_fixture_connect(&fixture, NULL), 0);
    fy_link_close(fixture.client.link);
    fy_link_close(fixture.client.link);
    cr_expect_eq(fixture.client.closed, 0, "not from within the call");
    cr_assert(run_until(&fixture.loop, &fixture.client.closed));
    cr_expect_not(fixture.client.failed);
    cr_expect_eq(fixture.client.opened, 0);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_close, while_the_server_is_silent)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "");
    int black_hole = listen_on_loopback(&fixture.options.port);
    cr_assert_eq(ssh_fixture_connect(&fixture, NULL), 0);
    int connection = accept(black_hole, NULL, NULL);
    fy_link_close(fixture.client.link);
    cr_assert(run_until(&fixture.loop, &fixture.client.closed));
    cr_expect_not(fixture.client.failed);
    (void)close(connection);
    (void)close(black_hole);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_close, while_the_ssh_agent_is_silent)
{
    struct ssh_fixture fixture;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ssh_fixture_start(&fixture, "");
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/mute", fixture.sshd.directory);
    int mute = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(mute, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(mute, 1), 0);
    (void)setenv("SSH_AUTH_SOCK", address.sun_path, 1);
    fixture.options.key_file = NULL;
    cr_assert_eq(ssh_fixture_connect(&fixture, NULL), 0);
    int connection = accept(mute, NULL, NULL);
    fy_link_close(fixture.client.link);
    cr_assert(run_until(&fixture.loop, &fixture.client.closed));
    cr_expect_not(fixture.client.failed);
    (void)close(connection);
    (void)close(mute);
    cr_expect(ssh_fixture_stop(&fixture));
}

/* Anywhere between the first connect and frames going both ways, a little later each time. */
static void close_after(struct ssh_fixture *fixture, unsigned delay_us, bool by_finish)
{
    struct party *client = &fixture->client;
    *client = (struct party){.to_send = 200, .body_size = 50000};
    cr_assert_eq(ssh_fixture_connect(fixture, NULL), 0);
    for (unsigned waited = 0; waited < delay_us && !client->closed; waited += 500) {
        (void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
        (void)usleep(500);
    }
    cr_assert_not(client->closed, "%s", client->error.message);
    if (by_finish)
        fy_link_finish(client->link, 60000);
    else
        fy_link_close(client->link);
    cr_assert(run_until(&fixture->loop, &client->closed));
    cr_expect_not(client->failed, "after %u us: %s", delay_us, client->error.message);
    cr_expect_eq(client->closed, 1);
}

Test(ssh_close, at_any_moment)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "MaxStartups 1000");
    for (unsigned i = 0; i < 40; i++)
        close_after(&fixture, i * 5000, false);
    cr_expect(ssh_fixture_stop(&fixture));
}

Test(ssh_close, finishing_at_any_moment)
{
    struct ssh_fixture fixture;
    ssh_fixture_start(&fixture, "MaxStartups 1000");
    for (unsigned i = 0; i < 20; i++)
        close_after(&fixture, i * 10000, true);
    cr_expect(ssh_fixture_stop(&fixture));
}
