/* The known_hosts file, as far as it concerns one host. */
#ifndef FERRY_TRANSPORT_SSH_HOSTS_H
#define FERRY_TRANSPORT_SSH_HOSTS_H

#include "ssh_conn.h"

struct fy_ssh_known_key {
    char *type; /* "ssh-ed25519" */
    char *key;  /* base64 */
    unsigned line;
    bool revoked;
};

struct fy_ssh_hosts {
    struct fy_ssh_known_key *keys;
    size_t count;
};

/* Reads the keys pinned for the target's host and port: plain names, [host]:port, wildcards, negations, hashed names,
 * @revoked. @cert-authority lines are passed over: libssh2 has no host certificates. A file that is not there knows
 * nobody. */
int fy_ssh_hosts_load(struct fy_ssh_conn *conn, struct fy_ssh_hosts *hosts, struct fy_error *err);
void fy_ssh_hosts_done(struct fy_ssh_hosts *hosts);
/* The host key algorithms to offer, comma-separated: those of the pinned keys, or all when none is pinned. */
#define FY_SSH_METHODS_BYTES 256
void fy_ssh_hosts_methods(const struct fy_ssh_hosts *hosts, char methods[FY_SSH_METHODS_BYTES]);
bool fy_ssh_hosts_any_pinned(const struct fy_ssh_hosts *hosts);

#endif
