/* A server on a UNIX socket, an sshd in front of it, and a party that reaches it through both. */
#ifndef TESTS_TRANSPORT_SSH_FIXTURE_H
#define TESTS_TRANSPORT_SSH_FIXTURE_H

#include "party.h"
#include "sshd.h"

struct ssh_fixture {
    uv_loop_t loop;
    struct server server;
    struct sshd sshd;
    struct fy_ssh_options options;
    struct party client;
};

/* Everything up, nothing connected. `config`: further lines of sshd_config, or "". */
static inline void ssh_fixture_start(struct ssh_fixture *fixture, const char *config)
{
    char command[512];
    *fixture = (struct ssh_fixture){0};
    (void)fy_ssh_global_init(NULL);
    (void)uv_loop_init(&fixture->loop);
    server_start(&fixture->server, &fixture->loop, 0);
    (void)snprintf(command, sizeof(command), "%s %s", DIAL_HELPER, fixture->server.path);
    sshd_start(&fixture->sshd, command, config);
    fixture->options = sshd_options(&fixture->sshd);
}

static inline int ssh_fixture_connect(struct ssh_fixture *fixture, struct fy_error *err)
{
    return fy_ssh_connect(&fixture->loop, &fixture->options, &party_events, &fixture->client, &fixture->client.link,
                          err);
}

/* Closes what is open; false when something stays in the loop. */
static inline bool ssh_fixture_stop(struct ssh_fixture *fixture)
{
    if (fixture->client.link)
        fy_link_close(fixture->client.link);
    if (fixture->server.listener)
        server_stop(&fixture->server);
    bool clean = loop_ends_clean(&fixture->loop);
    sshd_stop(&fixture->sshd);
    server_remove_directory(&fixture->server);
    fy_ssh_global_done();
    return clean;
}

#endif
