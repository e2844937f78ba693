/* One SSH connection as its worker thread sees it. Only that thread touches it.
 *
 * libssh2 runs in non-blocking mode on top of two buffers of ours. The sending one always takes everything: libssh2
 * stalls for ever when a key re-exchange meets a packet that went out only in part, so it must never see one. The
 * price is a bound that the callers keep: fy_ssh_conn_unsent() before writing more. */
#ifndef FERRY_TRANSPORT_SSH_CONN_H
#define FERRY_TRANSPORT_SSH_CONN_H

#include "ssh_bridge.h"
#include "ssh_memory.h"
#include <libssh2.h>

#define FY_SSH_REMOTE_TEXT_BYTES 1024

/* Strings are owned by the link and outlive the thread. */
struct fy_ssh_target {
    char *host;
    uint16_t port;
    char *user;
    char *key_file;     /* NULL: SSH agent */
    char *agent_socket; /* NULL: there is none */
    char *known_hosts;
    uint64_t connect_timeout_ms;
    uint64_t keepalive_interval_ms;
    uint64_t dead_after_ms;
    char name[FY_LINK_NAME_BYTES]; /* "ssh:ferry@10.1.1.2:22" */
};

struct fy_ssh_conn {
    struct fy_ssh_bridge *bridge;
    const struct fy_ssh_target *target;
    const char *doing;    /* for errors: "exchanging keys" */
    uint64_t deadline_ns; /* of the phase; 0: none */

    int fd;
    LIBSSH2_SESSION *session;
    LIBSSH2_CHANNEL *channel;
    struct fy_ssh_hosts *hosts;
    struct fy_ssh_memory memory; /* of the session */

    uint8_t *out; /* encrypted bytes out[out_start..out_end) on their way to the socket */
    size_t out_start;
    size_t out_end;
    size_t out_capacity;
    uint8_t *in; /* in[in_start..in_end) from the socket, not yet read by libssh2 */
    size_t in_start;
    size_t in_end;
    uint64_t received_bytes; /* that libssh2 has read */

    uint64_t heard_ns;         /* when bytes last came */
    uint64_t taken_ns;         /* when the socket last took bytes, or when it last had none to take */
    int socket_errno;          /* what broke the connection */
    bool socket_ended;         /* the server closed it */
    bool abandoned;            /* being torn down: callbacks fail at once, so that nothing waits */
    char disconnect_text[200]; /* what the server gave as its reason */
};

/* 0, or -1 when there is no memory. The connection is to be given back with fy_ssh_conn_done() in either case. */
int fy_ssh_conn_init(struct fy_ssh_conn *conn, struct fy_ssh_bridge *bridge, const struct fy_ssh_target *target,
                     struct fy_error *err);
void fy_ssh_conn_done(struct fy_ssh_conn *conn);
/* Makes the libssh2 session on the connected conn->fd. */
int fy_ssh_conn_start_session(struct fy_ssh_conn *conn, struct fy_error *err);
void fy_ssh_conn_abandon_session(struct fy_ssh_conn *conn);

/* Memory that libssh2 may free with the session's allocator. */
void *fy_ssh_conn_alloc(LIBSSH2_SESSION *session, size_t size);

/* Encrypted bytes that the socket has not taken. */
size_t fy_ssh_conn_unsent(const struct fy_ssh_conn *conn);
/* Gives the socket what it takes now. -1 when it is broken. */
int fy_ssh_conn_flush(struct fy_ssh_conn *conn);
/* Flushes, then waits until libssh2 may go on: bytes came, or unsent ones left. -1 with an error when the link was
 * closed, the phase's deadline passed or the connection broke. */
int fy_ssh_conn_wait(struct fy_ssh_conn *conn, struct fy_error *err);
/* Waits until `events` are true of `fd`, the link is closed or `deadline_ns` (0: none) passed: 1, -1 with an error,
 * or 0 for the deadline. */
int fy_ssh_conn_wait_fd(struct fy_ssh_conn *conn, int fd, short events, uint64_t deadline_ns, struct fy_error *err);
/* poll() until `deadline_ns`; revents of the socket, 0 when only woken or late, -1 with errno. */
int fy_ssh_conn_poll(struct fy_ssh_conn *conn, int fd, short events, uint64_t deadline_ns);

/* Explains a failed libssh2 call. Returns -1. */
int fy_ssh_conn_explain(struct fy_ssh_conn *conn, int code, struct fy_error *err);
int fy_ssh_conn_explain_late(struct fy_ssh_conn *conn, struct fy_error *err);
int fy_ssh_conn_explain_closed(struct fy_error *err);

/* The phases, in order; each returns 0 or -1 with an error. */
int fy_ssh_connect_socket(struct fy_ssh_conn *conn, struct fy_error *err); /* ssh_socket.c */
int fy_ssh_exchange_keys(struct fy_ssh_conn *conn, struct fy_error *err);  /* ssh_login.c */
int fy_ssh_check_host(struct fy_ssh_conn *conn, struct fy_error *err);     /* ssh_hosts.c */
int fy_ssh_log_in(struct fy_ssh_conn *conn, struct fy_error *err);         /* ssh_login.c */
int fy_ssh_open_channel(struct fy_ssh_conn *conn, struct fy_error *err);   /* ssh_login.c */
/* Moves bytes until the end. 0: the other side closed in order. */
int fy_ssh_pump(struct fy_ssh_conn *conn, struct fy_error *err); /* ssh_pump.c */

#endif
