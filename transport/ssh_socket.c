/* From a host's name to a connected TCP socket: all of its addresses are tried, each with its share of the time. */
#include "ssh_resolve.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint64_t share_of_time_ns(const struct fy_ssh_conn *conn, const struct addrinfo *address)
{
    unsigned left = 0;
    for (; address; address = address->ai_next)
        left++;
    uint64_t now = fy_clock_monotonic_ns();
    return now >= conn->deadline_ns ? now : now + (conn->deadline_ns - now) / left;
}

static void set_options(const struct fy_ssh_conn *conn, int fd)
{
    int on = 1;
    unsigned dead_after_ms = (unsigned)conn->target->dead_after_ms;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (dead_after_ms > 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_after_ms, sizeof(dead_after_ms));
}

/* The errno with which connecting failed, 0 when it worked, -1 with `err` when the link was closed meanwhile. */
static int finish_connect(struct fy_ssh_conn *conn, int fd, const struct addrinfo *address, struct fy_error *err)
{
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    int ready = fy_ssh_conn_wait_fd(conn, fd, POLLOUT, share_of_time_ns(conn, address), err);
    if (ready < 0)
        return -1;
    if (ready == 0)
        return ETIMEDOUT;
    int cause = 0;
    socklen_t size = sizeof(cause);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &size))
        return errno;
    return cause;
}

static void explain_attempt(const struct fy_ssh_conn *conn, const struct addrinfo *address, int cause,
                            struct fy_error *err)
{
    char text[NI_MAXHOST] = "?";
    (void)getnameinfo(address->ai_addr, address->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
    const struct fy_ssh_target *target = conn->target;
    fy_error_clear(err);
    (void)fy_error_set(err, cause == ETIMEDOUT ? FY_E_TIMEOUT : FY_E_UNREACHABLE,
                       "%s: cannot connect to %s port %u: %s", target->name, text, target->port,
                       strerrordesc_np(cause));
    (void)fy_error_next(err,
                        "see that %s is up, that sshd listens at port %u there and that no packet filter stands "
                        "between",
                        target->host, target->port);
}

/* 1 connected, 0 this address does not work (`last` says why), -1 give up (`err`). */
static int try_address(struct fy_ssh_conn *conn, const struct addrinfo *address, struct fy_error *last,
                       struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int cause = fd < 0 ? errno : finish_connect(conn, fd, address, err);
    if (cause < 0)
        return -1;
    if (cause > 0) {
        explain_attempt(conn, address, cause, last);
        return 0;
    }
    set_options(conn, fd);
    conn->fd = fd;
    fd = -1;
    return 1;
}

int fy_ssh_connect_socket(struct fy_ssh_conn *conn, struct fy_error *err)
{
    struct addrinfo *addresses;
    struct fy_error last = FY_ERROR_INIT;
    if (fy_ssh_resolve(conn, &addresses, err))
        return -1;
    conn->doing = "connecting";
    int result = 0;
    for (const struct addrinfo *address = addresses; address && result == 0; address = address->ai_next)
        result = try_address(conn, address, &last, err);
    freeaddrinfo(addresses);
    if (result == 0)
        fy_error_propagate(err, &last);
    return result > 0 ? 0 : -1;
}
