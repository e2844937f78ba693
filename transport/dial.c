/* `ferry dial`: what sshd runs for a peer. Two one-way pumps between standard input/output and the agent's socket,
 * driven by one poll loop.
 *
 *     in_fd --(up)--> socket          end of in_fd: the socket is shut for writing, the other way goes on
 *     out_fd <--(down)-- socket       end of the socket, or nobody left at out_fd: all is over
 *
 * Bytes are spliced where one end is a pipe (sshd gives pipes) and copied otherwise. Where they stream, they are moved
 * a millisecond's worth at a time: every piece that sshd writes would otherwise wake this process, and every move the
 * agent. The flags of in_fd and out_fd are left alone, since others may share them. */
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/transport/dial.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* As large as an unprivileged user may make a pipe; small pipes cost a fifth of the throughput and more. */
#define PIPE_BYTES (1024 * 1024)
#define COPY_BYTES (256u * 1024u)
/* As much as that at once is a stream; the rest of what is said goes on without a pause. */
#define STREAM_BYTES (16 * 1024)
#define REST_MS 1

/* One direction. */
struct pump {
    int from;
    int to;
    bool spliced;
    bool ended;
    bool resting;    /* lets its pipe fill for a moment */
    uint8_t *buffer; /* when copied: bytes [start, end) are read and not written */
    size_t start;
    size_t end;
};

enum moved { MOVED_SOME, MOVED_NOTHING, MOVED_END, MOVED_BROKEN };

static bool is_kind(int fd, mode_t kind)
{
    struct stat st;
    return !fstat(fd, &st) && (st.st_mode & S_IFMT) == kind;
}

static bool is_retry(int error)
{
    return error == EAGAIN || error == EINTR;
}

static enum moved outcome(ssize_t count)
{
    if (count > 0)
        return MOVED_SOME;
    if (count == 0)
        return MOVED_END;
    return is_retry(errno) ? MOVED_NOTHING : MOVED_BROKEN;
}

static int poll_one(int fd, short events)
{
    struct pollfd entry = {.fd = fd, .events = events};
    return poll(&entry, 1, 0) > 0 ? entry.revents : 0;
}

static enum moved move_spliced(struct pump *pump)
{
    ssize_t count = splice(pump->from, NULL, pump->to, NULL, PIPE_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    enum moved moved = outcome(count);
    pump->resting = count >= STREAM_BYTES && poll_one(pump->from, POLLIN) == 0;
    return moved;
}

static enum moved fill(struct pump *pump)
{
    ssize_t got = recv(pump->from, pump->buffer, COPY_BYTES, MSG_DONTWAIT);
    if (got < 0 && errno == ENOTSOCK)
        got = read(pump->from, pump->buffer, COPY_BYTES);
    if (got > 0) {
        pump->start = 0;
        pump->end = (size_t)got;
    }
    return outcome(got);
}

static enum moved drain(struct pump *pump)
{
    ssize_t put = send(pump->to, pump->buffer + pump->start, pump->end - pump->start, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno == ENOTSOCK)
        put = write(pump->to, pump->buffer + pump->start, pump->end - pump->start);
    if (put > 0)
        pump->start += (size_t)put;
    return outcome(put);
}

static enum moved move_copied(struct pump *pump)
{
    return pump->start == pump->end ? fill(pump) : drain(pump);
}

/* --- the poll loop ---------------------------------------------------------------------------------------------- */

/* Whether the pump holds bytes of its own that only wait for room. */
static bool holds_bytes(const struct pump *pump)
{
    return !pump->spliced && pump->start < pump->end;
}

/* Waits first for input and then for room: asking for both at once would spin while only one of them is there. */
static struct pollfd wanted(const struct pump *pump, bool input_ready)
{
    if (pump->ended || pump->resting)
        return (struct pollfd){.fd = -1};
    if (holds_bytes(pump) || input_ready)
        return (struct pollfd){.fd = pump->to, .events = POLLOUT};
    return (struct pollfd){.fd = pump->from, .events = POLLIN};
}

static bool input_ready(const struct pump *pump)
{
    return !pump->ended && pump->spliced && poll_one(pump->from, POLLIN) != 0;
}

static enum moved step(struct pump *pump)
{
    return pump->spliced ? move_spliced(pump) : move_copied(pump);
}

/* Runs until `down` has ended; 0, or an errno of poll(). */
static int run(struct pump *up, struct pump *down)
{
    while (true) {
        struct pollfd polled[3] = {
            wanted(up, input_ready(up)),
            wanted(down, input_ready(down)),
            {.fd = down->to}, /* that nobody listens there any more is seen without writing */
        };
        int ready = poll(polled, 3, up->resting || down->resting ? REST_MS : -1);
        up->resting = down->resting = false;
        if (ready < 0) {
            if (errno == EINTR)
                continue;
            return errno;
        }
        if (polled[2].revents)
            return 0;
        if (polled[1].revents) {
            enum moved moved = step(down);
            if (moved == MOVED_END || moved == MOVED_BROKEN)
                return 0;
        }
        if (polled[0].revents) {
            enum moved moved = step(up);
            if (moved == MOVED_END || moved == MOVED_BROKEN) {
                up->ended = true;
                (void)shutdown(up->to, SHUT_WR);
            }
        }
    }
}

/* --- set-up ------------------------------------------------------------------------------------------------------ */

static int connect_socket(const char *path, struct fy_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return fy_error_set(err, FY_E_USAGE, "%s: too long for the path of a UNIX socket", path);
    memcpy(address.sun_path, path, strlen(path));
    FY_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fy_error_errno(err, errno, "%s: cannot make a socket", path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
        int cause = errno;
        (void)fy_error_set(err, FY_E_UNREACHABLE, "%s: cannot reach the agent: %s", path, strerror(cause));
        return fy_error_next(err, "see that ferryd is running on this host and that its peer socket admits uid %u",
                             (unsigned)geteuid());
    }
    /* As much as comes in a rest should fit. */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){PIPE_BYTES}, sizeof(int));
    /* Non-blocking after the connect: this socket is nobody else's. */
    if (fcntl(fd, F_SETFL, O_NONBLOCK))
        return fy_error_errno(err, errno, "%s: cannot make the socket non-blocking", path);
    int connected = fd;
    fd = -1;
    return connected;
}

static int prepare(struct pump *pump, int from, int to, struct fy_error *err)
{
    *pump = (struct pump){.from = from, .to = to};
    int pipe_end = is_kind(from, S_IFIFO) ? from : is_kind(to, S_IFIFO) ? to : -1;
    pump->spliced = pipe_end >= 0;
    if (pump->spliced) {
        (void)fcntl(pipe_end, F_SETPIPE_SZ, PIPE_BYTES);
        return 0;
    }
    pump->buffer = malloc(COPY_BYTES);
    return pump->buffer ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory to move bytes");
}

/* Writing to a pipe that nobody reads raises a signal that only blocking it keeps from ending the process. */
static void block_sigpipe(sigset_t *before)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &set, before);
}

static void unblock_sigpipe(const sigset_t *before)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    if (!sigismember(before, SIGPIPE))
        while (sigtimedwait(&set, NULL, &(struct timespec){0}) > 0)
            ;
    (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

int fy_dial_run(const char *socket_path, int in_fd, int out_fd, struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = connect_socket(socket_path, err);
    if (fd < 0)
        return -1;
    struct pump up = {0}, down = {0};
    sigset_t before;
    int result = -1;
    if (!prepare(&up, in_fd, fd, err) && !prepare(&down, fd, out_fd, err)) {
        block_sigpipe(&before);
        int cause = run(&up, &down);
        unblock_sigpipe(&before);
        result = cause ? fy_error_errno(err, cause, "%s: waiting for bytes failed", socket_path) : 0;
    }
    free(up.buffer);
    free(down.buffer);
    return result;
}
