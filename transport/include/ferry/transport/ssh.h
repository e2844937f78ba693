/* Links to a peer agent through its ordinary sshd: libssh2 on a worker thread of its own, so that neither name look-ups
 * nor key exchange nor encryption ever hold up the loop.
 *
 * The host key must be in the known_hosts file (hashed entries too) for this host and port; only host key types known
 * for it are offered. The key comes from a file (PEM or OpenSSH format, without passphrase) or from the SSH agent. The
 * server runs its forced command `ferry dial`, which joins the channel to the peer agent's socket. */
#ifndef FERRY_TRANSPORT_SSH_H
#define FERRY_TRANSPORT_SSH_H

#include <ferry/transport/link.h>

struct fy_ssh_options {
    const char *host;
    uint16_t port;
    const char *user;
    const char *key_file;           /* NULL: SSH agent ($SSH_AUTH_SOCK) */
    const char *known_hosts;        /* file */
    uint64_t connect_timeout_ms;    /* from the start to the opened channel */
    uint64_t keepalive_interval_ms; /* of silence, before a sign of life is asked for; every 2 s at most; 0: never */
    uint64_t dead_after_ms; /* a socket that takes or gives nothing for so long though bytes are due has failed */
};

/* Starts connecting; all strings are copied. As fy_local_connect(). Errors that `closed` may carry: FY_E_UNREACHABLE
 * (no route, refused, name unknown), FY_E_HOSTKEY, FY_E_AUTH, FY_E_TIMEOUT, FY_E_PROTOCOL; each message names host and
 * port and `next` says what to do (the ssh-keyscan/ssh-keygen line to compare and pin a key, the authorized_keys line
 * to add, …). FY_E_UNREACHABLE with sys_errno ECONNREFUSED: sshd answers, and no agent. What the remote side wrote on
 * standard error before the channel closed (at most 1 KiB) is part of the message. */
int fy_ssh_connect(uv_loop_t *loop, const struct fy_ssh_options *options, const struct fy_link_events *events,
                   void *data, struct fy_link **link, struct fy_error *err);

/* Process-wide set-up and tear-down of libssh2; call once around everything else. A program that ends while a link is
 * not `closed` yet must leave by _exit(): exit() takes libcrypto down under the link's thread. */
int fy_ssh_global_init(struct fy_error *err);
void fy_ssh_global_done(void);

#endif
