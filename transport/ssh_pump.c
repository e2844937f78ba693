/* Moves bytes between the bridge and the SSH channel until one side ends.
 *
 * Frames are cut into the largest packets that libssh2 makes, since every packet has a price: long stretches are taken
 * from the frames' own memory, what is left at their ends is gathered with the beginning of the next frame.
 *
 * A write that libssh2 did not take has to be repeated with the very same bytes, so a slice once offered is kept until
 * it has gone. Reading goes on as long as the ring has room; the channel's window holds the peer back after that.
 *
 * Every read asks for the same number of bytes. libssh2 widens the window by an amount computed from it, and when a
 * key exchange makes it try again, books the amount of the second try though it sent that of the first; with different
 * numbers the peer would send more than libssh2 believes to have allowed, which it drops without a word. */
#include "ssh_conn.h"
#include <errno.h>
#include <ferry/base/clock.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* The most that libssh2 puts into one packet. */
#define SLICE_BYTES 32700u
/* Encrypted and not taken by the socket: enough to keep it busy. */
#define UNSENT_HIGH_BYTES (1024u * 1024u)
/* One round reads and writes so much at most: neither direction starves the other, and what is encrypted goes to the
 * socket while it is still in the processor's cache (1 MiB a round: 3 to 5 % slower). */
#define ROUND_BYTES (128u * 1024u)
#define CLOSE_WAIT_MS 2000u
#define NS_PER_MS 1000000u
/* The exit status of `ferry dial` when it does not reach its agent. */
#define DIAL_NO_AGENT 4

struct pump {
    struct fy_ssh_conn *conn;

    struct fy_chunk *chunk; /* being cut up */
    size_t chunk_done;      /* bytes of it that are sent or gathered */
    const uint8_t *slice;   /* offered to libssh2 and not taken yet; NULL: none */
    size_t slice_bytes;
    bool slice_is_gathered;
    size_t gathered_bytes;
    struct fy_sent sent; /* not reported yet */

    bool eof_sent;
    bool input_ended;
    uint64_t pinged_ns; /* a keepalive that has not been answered; 0: none */
    uint64_t last_ping_ns;

    char remote_text[FY_SSH_REMOTE_TEXT_BYTES]; /* the remote command's standard error */
    size_t remote_text_bytes;
    uint8_t gathered[SLICE_BYTES];
    char scratch[FY_SSH_READ_BYTES];
};

/* --- cutting frames up ------------------------------------------------------------------------------------------ */

/* The rest of the part (head or body) of the current frame that is next. */
static const uint8_t *current_part(const struct pump *pump, size_t *size)
{
    const struct fy_packet *packet = pump->chunk->packet;
    if (pump->chunk_done < packet->head.size) {
        *size = packet->head.size - pump->chunk_done;
        return packet->head.data + pump->chunk_done;
    }
    size_t body_done = pump->chunk_done - packet->head.size;
    *size = packet->body_bytes - body_done;
    return packet->body + body_done;
}

static void advance_chunk(struct pump *pump, size_t size)
{
    pump->chunk_done += size;
    size_t whole = fy_chunk_wire_bytes(pump->chunk);
    if (pump->chunk_done < whole)
        return;
    pump->sent.frames++;
    pump->sent.wire_bytes += whole;
    fy_chunk_free(pump->chunk);
    pump->chunk = NULL;
    pump->chunk_done = 0;
}

static void offer(struct pump *pump, const uint8_t *slice, size_t size, bool gathered)
{
    pump->slice = slice;
    pump->slice_bytes = size;
    pump->slice_is_gathered = gathered;
}

/* Makes the next slice, if there is anything to send. */
static bool next_slice(struct pump *pump)
{
    while (!pump->slice) {
        if (!pump->chunk)
            pump->chunk = fy_ssh_bridge_take(pump->conn->bridge);
        if (!pump->chunk) {
            if (pump->gathered_bytes == 0)
                return false;
            offer(pump, pump->gathered, pump->gathered_bytes, true);
            break;
        }
        size_t size;
        const uint8_t *part = current_part(pump, &size);
        if (pump->gathered_bytes == 0 && size >= SLICE_BYTES) {
            offer(pump, part, SLICE_BYTES, false);
            break;
        }
        if (size > SLICE_BYTES - pump->gathered_bytes)
            size = SLICE_BYTES - pump->gathered_bytes;
        memcpy(pump->gathered + pump->gathered_bytes, part, size);
        pump->gathered_bytes += size;
        advance_chunk(pump, size);
        if (pump->gathered_bytes == SLICE_BYTES)
            offer(pump, pump->gathered, SLICE_BYTES, true);
    }
    return true;
}

/* libssh2 took the first `size` bytes of the slice. */
static void slice_taken(struct pump *pump, size_t size)
{
    if (!pump->slice_is_gathered) {
        pump->slice = NULL;
        advance_chunk(pump, size);
        return;
    }
    if (size < pump->slice_bytes) {
        offer(pump, pump->slice + size, pump->slice_bytes - size, true);
        return;
    }
    pump->slice = NULL;
    pump->gathered_bytes = 0;
}

/* --- the two directions ----------------------------------------------------------------------------------------- */

/* 1 some went, 0 nothing to do or no room now, -1 with an error. */
static int write_some(struct pump *pump, struct fy_error *err)
{
    struct fy_ssh_conn *conn = pump->conn;
    size_t written = 0;
    while (written < ROUND_BYTES && fy_ssh_conn_unsent(conn) < UNSENT_HIGH_BYTES && next_slice(pump)) {
        ssize_t taken = libssh2_channel_write(conn->channel, (const char *)pump->slice, pump->slice_bytes);
        if (taken < 0 && taken != LIBSSH2_ERROR_EAGAIN)
            return fy_ssh_conn_explain(conn, (int)taken, err);
        if (taken <= 0)
            break;
        slice_taken(pump, (size_t)taken);
        written += (size_t)taken;
    }
    if (pump->sent.wire_bytes > 0) {
        fy_ssh_bridge_report_sent(conn->bridge, &pump->sent);
        pump->sent = (struct fy_sent){0};
    }
    return written > 0;
}

static void keep_remote_text(struct pump *pump, const char *text, size_t size)
{
    for (size_t i = 0; i < size && pump->remote_text_bytes + 1 < sizeof(pump->remote_text); i++)
        pump->remote_text[pump->remote_text_bytes++] = text[i] >= ' ' && text[i] <= '~' ? text[i] : ' ';
}

/* Keeps the beginning and drops the rest: left unread it would hide the end of the channel and use up its window. */
static int read_remote_text(struct pump *pump, struct fy_error *err)
{
    struct fy_ssh_conn *conn = pump->conn;
    ssize_t got = 0;
    for (size_t total = 0; total < ROUND_BYTES; total += (size_t)got) {
        got = libssh2_channel_read_stderr(conn->channel, pump->scratch, FY_SSH_READ_BYTES);
        if (got <= 0)
            break;
        keep_remote_text(pump, pump->scratch, (size_t)got);
    }
    return got < 0 && got != LIBSSH2_ERROR_EAGAIN ? fy_ssh_conn_explain(conn, (int)got, err) : 0;
}

/* 1 some came, 0 nothing now or no room for it, -1 with an error. */
static int read_some(struct pump *pump, struct fy_error *err)
{
    struct fy_ssh_conn *conn = pump->conn;
    size_t total = 0;
    uint8_t *room;
    if (read_remote_text(pump, err))
        return -1;
    while (total < ROUND_BYTES && (room = fy_ssh_bridge_room(conn->bridge))) {
        ssize_t got = libssh2_channel_read(conn->channel, (char *)room, FY_SSH_READ_BYTES);
        if (got == LIBSSH2_ERROR_EAGAIN)
            break;
        if (got < 0)
            return fy_ssh_conn_explain(conn, (int)got, err);
        if (got == 0) {
            pump->input_ended = true;
            break;
        }
        fy_ssh_bridge_commit(conn->bridge, (size_t)got);
        total += (size_t)got;
    }
    return total > 0;
}

/* Tells the peer that no more comes, once all is written. */
static int send_eof(struct pump *pump, struct fy_error *err)
{
    struct fy_ssh_conn *conn = pump->conn;
    if (pump->eof_sent || !fy_ssh_bridge_finishing(conn->bridge) || next_slice(pump))
        return 0;
    int code = libssh2_channel_send_eof(conn->channel);
    if (code == LIBSSH2_ERROR_EAGAIN)
        return 0;
    if (code)
        return fy_ssh_conn_explain(conn, code, err);
    pump->eof_sent = true;
    return 0;
}

/* --- is it still there? ----------------------------------------------------------------------------------------- */

static uint64_t interval_ns(const struct fy_ssh_conn *conn)
{
    return conn->target->keepalive_interval_ms * NS_PER_MS;
}

/* Asks for a sign of life when nothing was heard for an interval. Only then: libssh2 keeps every answer for good. */
static int keep_alive(struct pump *pump, uint64_t now, struct fy_error *err)
{
    struct fy_ssh_conn *conn = pump->conn;
    uint64_t interval = interval_ns(conn);
    if (pump->pinged_ns > 0 && conn->heard_ns >= pump->pinged_ns)
        pump->pinged_ns = 0;
    if (interval == 0 || now - conn->heard_ns < interval || now - pump->last_ping_ns < interval)
        return 0;
    int seconds;
    size_t unsent = fy_ssh_conn_unsent(conn);
    int code = libssh2_keepalive_send(conn->session, &seconds);
    if (code)
        return fy_ssh_conn_explain(conn, code, err);
    pump->last_ping_ns = now;
    /* libssh2 counts in whole seconds of its own and leaves one out now and then. */
    bool sent = fy_ssh_conn_unsent(conn) > unsent;
    if (sent && pump->pinged_ns == 0)
        pump->pinged_ns = now;
    return 0;
}

/* Since when the connection owes us something; 0: it does not. What we ourselves do not read cannot be missed. */
static uint64_t owed_since(const struct pump *pump)
{
    const struct fy_ssh_conn *conn = pump->conn;
    uint64_t since = fy_ssh_conn_unsent(conn) > 0 ? conn->taken_ns : 0;
    if (pump->pinged_ns > 0 && (since == 0 || pump->pinged_ns < since))
        since = pump->pinged_ns;
    return since;
}

static int check_alive(struct pump *pump, uint64_t now, struct fy_error *err)
{
    const struct fy_ssh_target *target = pump->conn->target;
    uint64_t since = owed_since(pump);
    if (target->dead_after_ms == 0 || since == 0 || now < since + target->dead_after_ms * NS_PER_MS)
        return 0;
    (void)fy_error_set(err, FY_E_TIMEOUT, "%s: no sign of life for %llu ms", target->name,
                       (unsigned long long)((now - since) / NS_PER_MS));
    return fy_error_next(err, "see that the host and the network between are up");
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
    return one == 0 ? other : other == 0 || one < other ? one : other;
}

/* When there is something to do even though nothing happens; 0: never. */
static uint64_t next_look_ns(const struct pump *pump)
{
    const struct fy_ssh_conn *conn = pump->conn;
    uint64_t interval = interval_ns(conn);
    uint64_t look = 0;
    if (interval > 0) {
        uint64_t last = conn->heard_ns > pump->last_ping_ns ? conn->heard_ns : pump->last_ping_ns;
        look = last + interval;
    }
    uint64_t since = owed_since(pump);
    if (since > 0 && conn->target->dead_after_ms > 0)
        look = earlier(look, since + conn->target->dead_after_ms * NS_PER_MS);
    return look;
}

/* --- rounds ----------------------------------------------------------------------------------------------------- */

static int wait_for_work(struct pump *pump, struct fy_error *err)
{
    struct fy_ssh_conn *conn = pump->conn;
    if (conn->in_start < conn->in_end)
        return 0;
    short events = POLLIN;
    if (fy_ssh_conn_unsent(conn) > 0)
        events |= POLLOUT;
    if (fy_ssh_conn_poll(conn, conn->fd, events, next_look_ns(pump)) < 0)
        return fy_error_errno(err, errno, "%s: waiting for bytes", conn->target->name);
    return 0;
}

/* One round. 1: go on, 0: input has ended, -1: failed. */
static int round_of(struct pump *pump, struct fy_error *err)
{
    struct fy_ssh_conn *conn = pump->conn;
    if (atomic_load(&conn->bridge->stop))
        return fy_ssh_conn_explain_closed(err);
    uint64_t now = fy_clock_monotonic_ns();
    uint64_t received_before = conn->received_bytes;
    int written = write_some(pump, err);
    if (written < 0 || send_eof(pump, err))
        return -1;
    int read = read_some(pump, err);
    if (read < 0)
        return -1;
    if (pump->input_ended)
        return 0;
    if (keep_alive(pump, now, err) || check_alive(pump, now, err))
        return -1;
    size_t unsent = fy_ssh_conn_unsent(conn);
    if (fy_ssh_conn_flush(conn))
        return fy_ssh_conn_explain(conn, LIBSSH2_ERROR_SOCKET_SEND, err);
    bool made_room = unsent >= UNSENT_HIGH_BYTES && fy_ssh_conn_unsent(conn) < UNSENT_HIGH_BYTES;
    /* Whatever call of libssh2 reads the socket may find there what another call waits for (data, room in the window,
     * an end): only a round that heard nothing may go to sleep. */
    bool heard = conn->received_bytes != received_before;
    if (written > 0 || read > 0 || made_room || heard)
        return 1;
    return wait_for_work(pump, err) ? -1 : 1;
}

/* Waits for the channel's close, which the exit status and the last words come before. */
static int wait_closed(struct pump *pump, struct fy_error *err)
{
    struct fy_ssh_conn *conn = pump->conn;
    struct fy_error late = FY_ERROR_INIT;
    conn->deadline_ns = fy_clock_monotonic_ns() + CLOSE_WAIT_MS * NS_PER_MS;
    while (libssh2_channel_wait_closed(conn->channel) == LIBSSH2_ERROR_EAGAIN)
        if (fy_ssh_conn_wait(conn, &late))
            break;
    (void)read_remote_text(pump, &late);
    return atomic_load(&conn->bridge->stop) ? fy_ssh_conn_explain_closed(err) : 0;
}

/* "status 1", or "signal KILL". */
static bool describe_exit(LIBSSH2_CHANNEL *channel, int status, char *text, size_t size)
{
    char *signal = NULL;
    (void)libssh2_channel_get_exit_signal(channel, &signal, NULL, NULL, NULL, NULL, NULL);
    if (signal)
        (void)snprintf(text, size, "signal %s", signal);
    else
        (void)snprintf(text, size, "status %d", status);
    return status == 0 && !signal;
}

/* Whether the end was in order. If not, it is told in the remote command's own words; a shell's chatter in front of a
 * good end that we asked for is not held against it. */
static int judge_end(struct pump *pump, struct fy_error *err)
{
    struct fy_ssh_conn *conn = pump->conn;
    char exit_text[40];
    int status = libssh2_channel_get_exit_status(conn->channel);
    bool good = describe_exit(conn->channel, status, exit_text, sizeof(exit_text));
    if (good && (pump->eof_sent || pump->remote_text_bytes == 0))
        return 0;
    while (pump->remote_text_bytes > 0 && pump->remote_text[pump->remote_text_bytes - 1] == ' ')
        pump->remote_text_bytes--;
    pump->remote_text[pump->remote_text_bytes] = '\0';
    (void)fy_error_set(err, FY_E_UNREACHABLE, "%s: closed by the other side; its `ferry dial` ended with %s%s%s",
                       conn->target->name, exit_text, pump->remote_text_bytes ? ": " : "", pump->remote_text);
    if (err && status == DIAL_NO_AGENT)
        err->sys_errno = ECONNREFUSED;
    return fy_error_next(err, "see on %s that ferryd runs, and what ~%s/.ssh/authorized_keys names as the command",
                         conn->target->host, conn->target->user);
}

int fy_ssh_pump(struct fy_ssh_conn *conn, struct fy_error *err)
{
    struct pump *pump = calloc(1, sizeof(*pump));
    if (!pump)
        return fy_error_set(err, FY_E_NOMEM, "%s: no memory to move bytes", conn->target->name);
    pump->conn = conn;
    conn->doing = "moving bytes";
    conn->heard_ns = conn->taken_ns = pump->last_ping_ns = fy_clock_monotonic_ns();
    libssh2_keepalive_config(conn->session, 1, 1); /* keep_alive() decides when */
    int going;
    while ((going = round_of(pump, err)) > 0)
        ;
    int result = going < 0 || wait_closed(pump, err) || judge_end(pump, err) ? -1 : 0;
    fy_chunk_free(pump->chunk);
    free(pump);
    return result;
}
