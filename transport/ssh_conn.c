/* The bottom of an SSH connection: the two buffers between libssh2 and the socket, waiting, and saying what failed. */
#include "ssh_conn.h"
#include <errno.h>
#include <ferry/base/clock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_BYTES (256u * 1024u)
#define OUT_FIRST_BYTES (256u * 1024u)
/* Beside the bounded payload only answers to the server's own questions go in here; a server that asks without end and
 * never reads is given up. */
#define OUT_LIMIT_BYTES (4u * 1024u * 1024u)
/* libssh2 keeps every packet until it is asked for it: at least the window, in the smallest packets. */
#define SESSION_LIMIT_BYTES (64u * 1024u * 1024u)
/* Freeing a session asks the (dead) transport a few times over. */
#define FREE_ATTEMPTS 100

/* --- libssh2's memory ------------------------------------------------------------------------------------------- */

static struct fy_ssh_memory *memory_of(void **abstract)
{
    struct fy_ssh_conn *conn = *abstract;
    return &conn->memory;
}

static LIBSSH2_ALLOC_FUNC(session_alloc)
{
    return fy_ssh_memory_alloc(memory_of(abstract), count);
}

static LIBSSH2_FREE_FUNC(session_free)
{
    fy_ssh_memory_free(memory_of(abstract), ptr);
}

static LIBSSH2_REALLOC_FUNC(session_realloc)
{
    return fy_ssh_memory_realloc(memory_of(abstract), ptr, count);
}

void *fy_ssh_conn_alloc(LIBSSH2_SESSION *session, size_t size)
{
    return session_alloc(size, libssh2_session_abstract(session));
}

/* --- the buffers ------------------------------------------------------------------------------------------------ */

size_t fy_ssh_conn_unsent(const struct fy_ssh_conn *conn)
{
    return conn->out_end - conn->out_start;
}

static int make_out_room(struct fy_ssh_conn *conn, size_t size)
{
    size_t unsent = fy_ssh_conn_unsent(conn);
    if (conn->out_end + size <= conn->out_capacity)
        return 0;
    if (conn->out_start > 0) {
        memmove(conn->out, conn->out + conn->out_start, unsent);
        conn->out_start = 0;
        conn->out_end = unsent;
    }
    size_t capacity = conn->out_capacity ? conn->out_capacity : OUT_FIRST_BYTES;
    while (capacity < unsent + size)
        capacity *= 2;
    if (capacity > OUT_LIMIT_BYTES)
        return -1;
    if (capacity == conn->out_capacity)
        return 0;
    uint8_t *out = realloc(conn->out, capacity);
    if (!out)
        return -1;
    conn->out = out;
    conn->out_capacity = capacity;
    return 0;
}

static LIBSSH2_SEND_FUNC(on_send)
{
    (void)socket;
    (void)flags;
    struct fy_ssh_conn *conn = *abstract;
    if (conn->abandoned)
        return (ssize_t)length;
    if (make_out_room(conn, length))
        return -ENOBUFS;
    if (fy_ssh_conn_unsent(conn) == 0)
        conn->taken_ns = fy_clock_monotonic_ns();
    memcpy(conn->out + conn->out_end, buffer, length);
    conn->out_end += length;
    return (ssize_t)length;
}

/* sshd sends in small pieces and, unless a terminal is at the other end, holds back each until the one before it is
 * acknowledged: an acknowledgement that the kernel delays is 40 ms of waiting. The kernel forgets the wish when bytes
 * go out. */
static void acknowledge_at_once(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

/* Refills the empty input buffer from the socket. */
static ssize_t refill(struct fy_ssh_conn *conn)
{
    ssize_t got = recv(conn->fd, conn->in, IN_BYTES, MSG_DONTWAIT);
    if (got < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    conn->in_start = 0;
    conn->in_end = (size_t)got;
    if (got > 0) {
        conn->heard_ns = fy_clock_monotonic_ns();
        acknowledge_at_once(conn->fd);
    }
    return got;
}

static LIBSSH2_RECV_FUNC(on_recv)
{
    (void)socket;
    (void)flags;
    struct fy_ssh_conn *conn = *abstract;
    if (conn->abandoned || atomic_load(&conn->bridge->stop))
        return -ECONNABORTED;
    if (conn->in_start == conn->in_end) {
        ssize_t got = refill(conn);
        if (got == 0)
            conn->socket_ended = true;
        else if (got < 0 && got != -EAGAIN)
            conn->socket_errno = (int)-got;
        if (got <= 0)
            return got;
    }
    size_t size = conn->in_end - conn->in_start;
    if (size > length)
        size = length;
    memcpy(buffer, conn->in + conn->in_start, size);
    conn->in_start += size;
    conn->received_bytes += size;
    return (ssize_t)size;
}

int fy_ssh_conn_flush(struct fy_ssh_conn *conn)
{
    while (fy_ssh_conn_unsent(conn) > 0) {
        ssize_t put =
            send(conn->fd, conn->out + conn->out_start, fy_ssh_conn_unsent(conn), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (put < 0) {
            conn->socket_errno = errno;
            return -1;
        }
        conn->out_start += (size_t)put;
        conn->taken_ns = fy_clock_monotonic_ns();
    }
    conn->out_start = conn->out_end = 0;
    return 0;
}

static LIBSSH2_DISCONNECT_FUNC(on_disconnect)
{
    (void)session;
    (void)reason;
    (void)language;
    (void)language_len;
    struct fy_ssh_conn *conn = *abstract;
    int length = message && message_len > 0 ? message_len : 0;
    size_t used = 0;
    for (int i = 0; i < length && used + 1 < sizeof(conn->disconnect_text); i++)
        conn->disconnect_text[used++] = message[i] >= ' ' && message[i] <= '~' ? message[i] : '?';
    conn->disconnect_text[used] = '\0';
}

/* --- waiting ---------------------------------------------------------------------------------------------------- */

static int poll_timeout_ms(uint64_t deadline_ns)
{
    if (deadline_ns == 0)
        return -1;
    uint64_t now = fy_clock_monotonic_ns();
    if (now >= deadline_ns)
        return 0;
    uint64_t left_ms = (deadline_ns - now + 999999) / 1000000;
    return left_ms > 60000 ? 60000 : (int)left_ms;
}

int fy_ssh_conn_poll(struct fy_ssh_conn *conn, int fd, short events, uint64_t deadline_ns)
{
    struct pollfd polled[2] = {
        {.fd = fd, .events = events},
        {.fd = conn->bridge->wake_fd, .events = POLLIN},
    };
    int count = poll(polled, 2, poll_timeout_ms(deadline_ns));
    if (count < 0)
        return errno == EINTR ? 0 : -1;
    if (polled[1].revents)
        fy_ssh_bridge_woken(conn->bridge);
    return polled[0].revents;
}

int fy_ssh_conn_wait_fd(struct fy_ssh_conn *conn, int fd, short events, uint64_t deadline_ns, struct fy_error *err)
{
    while (true) {
        if (atomic_load(&conn->bridge->stop))
            return fy_ssh_conn_explain_closed(err);
        int revents = fy_ssh_conn_poll(conn, fd, events, deadline_ns);
        if (revents < 0)
            return fy_error_errno(err, errno, "%s: waiting while %s", conn->target->name, conn->doing);
        if (revents > 0)
            return 1;
        if (deadline_ns > 0 && fy_clock_monotonic_ns() >= deadline_ns)
            return 0;
    }
}

int fy_ssh_conn_wait(struct fy_ssh_conn *conn, struct fy_error *err)
{
    if (fy_ssh_conn_flush(conn))
        return fy_ssh_conn_explain(conn, LIBSSH2_ERROR_SOCKET_SEND, err);
    if (conn->in_start < conn->in_end)
        return 0;
    short events = POLLIN;
    if (fy_ssh_conn_unsent(conn) > 0)
        events |= POLLOUT;
    int ready = fy_ssh_conn_wait_fd(conn, conn->fd, events, conn->deadline_ns, err);
    if (ready == 0)
        return fy_ssh_conn_explain_late(conn, err);
    return ready < 0 ? -1 : 0;
}

/* --- errors ----------------------------------------------------------------------------------------------------- */

int fy_ssh_conn_explain_closed(struct fy_error *err)
{
    return fy_error_set(err, FY_E_CANCELLED, "the link was closed");
}

int fy_ssh_conn_explain_late(struct fy_ssh_conn *conn, struct fy_error *err)
{
    (void)fy_error_set(err, FY_E_TIMEOUT, "%s: no answer within %llu ms; it stopped at %s", conn->target->name,
                       (unsigned long long)conn->target->connect_timeout_ms, conn->doing);
    return fy_error_next(err,
                         "see that the host is up, that sshd listens at port %u and that no packet filter drops it",
                         conn->target->port);
}

static int explain_socket(struct fy_ssh_conn *conn, struct fy_error *err)
{
    const char *reason = conn->disconnect_text[0] ? conn->disconnect_text
                         : conn->socket_errno     ? strerrordesc_np(conn->socket_errno)
                                                  : "the server closed it";
    /* The kernel's own deadline (TCP_USER_TIMEOUT) can pass before ours is looked at: it is the same finding. */
    enum fy_code code = conn->socket_errno == ETIMEDOUT ? FY_E_TIMEOUT : FY_E_UNREACHABLE;
    (void)fy_error_set(err, code, "%s: the connection ended while %s: %s", conn->target->name, conn->doing,
                       reason ? reason : "unknown cause");
    if (code == FY_E_TIMEOUT)
        return fy_error_next(err, "see that the host and the network between are up");
    return fy_error_next(err, "see sshd's log on %s", conn->target->host);
}

int fy_ssh_conn_explain(struct fy_ssh_conn *conn, int code, struct fy_error *err)
{
    if (atomic_load(&conn->bridge->stop))
        return fy_ssh_conn_explain_closed(err);
    if (conn->socket_ended || conn->socket_errno || conn->disconnect_text[0])
        return explain_socket(conn, err);
    char *text = NULL;
    if (conn->session)
        (void)libssh2_session_last_error(conn->session, &text, NULL, 0);
    enum fy_code kind = code == LIBSSH2_ERROR_ALLOC ? FY_E_NOMEM : FY_E_PROTOCOL;
    return fy_error_set(err, kind, "%s: failed while %s: %s (libssh2 error %d)", conn->target->name, conn->doing,
                        text && *text ? text : "no reason given", code);
}

/* --- life ------------------------------------------------------------------------------------------------------- */

int fy_ssh_conn_init(struct fy_ssh_conn *conn, struct fy_ssh_bridge *bridge, const struct fy_ssh_target *target,
                     struct fy_error *err)
{
    *conn = (struct fy_ssh_conn){.bridge = bridge, .target = target, .doing = "starting", .fd = -1};
    conn->memory.limit_bytes = SESSION_LIMIT_BYTES;
    conn->deadline_ns = fy_clock_monotonic_ns() + target->connect_timeout_ms * 1000000u;
    conn->in = malloc(IN_BYTES);
    if (!conn->in)
        return fy_error_set(err, FY_E_NOMEM, "%s: no memory for a connection", target->name);
    return 0;
}

/* The callbacks' types differ; libssh2 takes them all as void pointers. */
static void set_callback(LIBSSH2_SESSION *session, int kind, void (*callback)(void))
{
    void *as_data;
    memcpy(&as_data, &callback, sizeof(as_data));
    (void)libssh2_session_callback_set(session, kind, as_data);
}

int fy_ssh_conn_start_session(struct fy_ssh_conn *conn, struct fy_error *err)
{
    conn->session = libssh2_session_init_ex(session_alloc, session_free, session_realloc, conn);
    if (!conn->session)
        return fy_error_set(err, FY_E_NOMEM, "%s: no memory for an SSH session", conn->target->name);
    set_callback(conn->session, LIBSSH2_CALLBACK_SEND, (void (*)(void))on_send);
    set_callback(conn->session, LIBSSH2_CALLBACK_RECV, (void (*)(void))on_recv);
    set_callback(conn->session, LIBSSH2_CALLBACK_DISCONNECT, (void (*)(void))on_disconnect);
    libssh2_session_set_blocking(conn->session, 0);
    return 0;
}

void fy_ssh_conn_abandon_session(struct fy_ssh_conn *conn)
{
    conn->abandoned = true;
    for (int i = 0; conn->session && i < FREE_ATTEMPTS; i++)
        if (libssh2_session_free(conn->session) != LIBSSH2_ERROR_EAGAIN)
            conn->session = NULL;
    conn->session = NULL;
    conn->channel = NULL;
    fy_ssh_memory_done(&conn->memory);
}

void fy_ssh_conn_done(struct fy_ssh_conn *conn)
{
    fy_ssh_conn_abandon_session(conn);
    if (conn->fd >= 0)
        (void)close(conn->fd);
    free(conn->in);
    free(conn->out);
}
