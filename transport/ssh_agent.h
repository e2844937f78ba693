/* A client of the SSH agent (draft-miller-ssh-agent), as far as logging in needs it.
 *
 * libssh2 has one, but it waits for the agent without a deadline. */
#ifndef FERRY_TRANSPORT_SSH_AGENT_H
#define FERRY_TRANSPORT_SSH_AGENT_H

#include "ssh_conn.h"

struct fy_ssh_identity {
    uint8_t *blob; /* public key */
    size_t blob_bytes;
};

struct fy_ssh_agent {
    struct fy_ssh_conn *conn;
    int fd;
    uint8_t *answer; /* the last message from the agent */
    size_t answer_bytes;
    struct fy_ssh_identity *identities;
    size_t identity_count;
    const struct fy_ssh_identity *current; /* signs next */
    struct fy_error error;                 /* why signing failed */
};

/* Connects and asks for the identities. FY_E_AUTH when there is no agent or it has none. To be given back with
 * fy_ssh_agent_done() in either case. */
int fy_ssh_agent_open(struct fy_ssh_agent *agent, struct fy_ssh_conn *conn, struct fy_error *err);
void fy_ssh_agent_done(struct fy_ssh_agent *agent);
/* For libssh2_userauth_publickey(); *abstract is the agent, agent->current the identity. */
LIBSSH2_USERAUTH_PUBLICKEY_SIGN_FUNC(fy_ssh_agent_sign);

#endif
