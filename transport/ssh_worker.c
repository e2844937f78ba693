/* The life of an SSH connection, in phases that follow one another on the worker thread:
 *
 *     CONNECT -> KEYS -> HOST -> LOGIN -> CHANNEL -> (reported open) -> MOVE -> (reported ended)
 *
 * All phases before MOVE share one deadline; each can be left at any wait when the link is closed. */
#include "ssh_worker.h"
#include "ssh_cipher.h"
#include "ssh_hosts.h"
#include <stdio.h>
#include <string.h>

enum phase { PHASE_CONNECT, PHASE_KEYS, PHASE_HOST, PHASE_LOGIN, PHASE_CHANNEL, PHASE_OPEN, PHASE_MOVE, PHASE_COUNT };

static int report_open(struct fy_ssh_conn *conn, struct fy_error *err)
{
    (void)err;
    char text[FY_SSH_CIPHER_BYTES] = "";
    const char *cipher = libssh2_session_methods(conn->session, LIBSSH2_METHOD_CRYPT_CS);
    if (cipher)
        (void)snprintf(text, sizeof text, "%s%s", cipher, fy_ssh_cipher_is_ahead(cipher) ? "/ahead" : "");
    conn->deadline_ns = 0;
    fy_ssh_bridge_report_opened(conn->bridge, text);
    return 0;
}

static int (*const phase_steps[PHASE_COUNT])(struct fy_ssh_conn *, struct fy_error *) = {
    [PHASE_CONNECT] = fy_ssh_connect_socket,
    [PHASE_KEYS] = fy_ssh_exchange_keys,
    [PHASE_HOST] = fy_ssh_check_host,
    [PHASE_LOGIN] = fy_ssh_log_in,
    [PHASE_CHANNEL] = fy_ssh_open_channel,
    [PHASE_OPEN] = report_open,
    [PHASE_MOVE] = fy_ssh_pump,
};

void *fy_ssh_worker_main(void *data)
{
    const struct fy_ssh_worker *worker = data;
    struct fy_ssh_conn conn;
    struct fy_ssh_hosts hosts = {0};
    struct fy_error err = FY_ERROR_INIT;
    int result = fy_ssh_conn_init(&conn, worker->bridge, worker->target, &err);
    conn.hosts = &hosts;
    for (int phase = 0; phase < PHASE_COUNT && !result; phase++)
        result = phase_steps[phase](&conn, &err);
    fy_ssh_conn_done(&conn);
    fy_ssh_hosts_done(&hosts);
    fy_ssh_bridge_report_ended(worker->bridge, result ? &err : NULL);
    return NULL;
}
