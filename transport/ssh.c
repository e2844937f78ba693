/* Links over SSH, seen from the loop: a link whose channel is a worker thread behind a bridge.
 *
 * The thread's every word arrives through one uv_async. It is joined after it has reported its end, so that joining
 * never waits for anything but the return from its last function. */
#include <ferry/transport/ssh.h>

#include "ssh_cipher.h"
#include "ssh_worker.h"
#include <ferry/base/cleanup.h>
#include <libssh2.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Bytes handed to the link in one turn of the loop. */
#define TURN_BYTES (2u * 1024u * 1024u)

struct ssh {
    struct fy_link link;
    uv_async_t async;
    struct fy_ssh_bridge bridge;
    struct fy_ssh_target target;
    struct fy_ssh_worker worker;
    pthread_t thread;
    bool running; /* started and not joined */
    bool closing;
    bool ended_reported;
};

static struct ssh *of(struct fy_link *link)
{
    return fy_container_of(link, struct ssh, link);
}

/* --- what the thread says --------------------------------------------------------------------------------------- */

static void on_async_closed(uv_handle_t *handle)
{
    struct ssh *ssh = handle->data;
    fy_link_channel_closed(&ssh->link);
}

static void join(struct ssh *ssh)
{
    if (ssh->running)
        (void)pthread_join(ssh->thread, NULL);
    ssh->running = false;
}

static void name_cipher(struct ssh *ssh)
{
    size_t used = strlen(ssh->link.name);
    (void)snprintf(ssh->link.name + used, sizeof(ssh->link.name) - used, " %s", ssh->bridge.cipher);
}

/* Copies up to `size` bytes into the link; 0 when it failed for want of memory. */
static size_t give(struct ssh *ssh, const uint8_t *data, size_t size)
{
    size_t room;
    uint8_t *space = fy_link_input_space(&ssh->link, &room);
    if (!space) {
        struct fy_error err = FY_ERROR_INIT;
        (void)fy_error_set(&err, FY_E_NOMEM, "%s: no memory for a frame", ssh->link.name);
        fy_link_fail(&ssh->link, &err);
        return 0;
    }
    if (size > room)
        size = room;
    memcpy(space, data, size);
    fy_ssh_bridge_consume(&ssh->bridge, size);
    fy_link_input_commit(&ssh->link, size);
    return size;
}

/* Moves what arrived into the link, one turn's worth. False when bytes are left in the ring. */
static bool move_input(struct ssh *ssh)
{
    const uint8_t *data;
    size_t size = 0;
    for (size_t moved = 0; !ssh->closing && (size = fy_ssh_bridge_peek(&ssh->bridge, &data)) > 0;) {
        if (!ssh->link.reading || moved >= TURN_BYTES)
            return false;
        moved += give(ssh, data, size);
    }
    return !ssh->closing;
}

static void report_ended(struct ssh *ssh)
{
    join(ssh);
    ssh->ended_reported = true;
    fy_link_ended(&ssh->link, ssh->bridge.failed ? &ssh->bridge.error : NULL);
}

static void on_async(uv_async_t *async)
{
    struct ssh *ssh = async->data;
    struct fy_ssh_news news = fy_ssh_bridge_news(&ssh->bridge);
    if (news.opened && !ssh->closing) {
        name_cipher(ssh);
        fy_link_opened(&ssh->link, true);
    }
    if (news.sent.frames > 0 && !ssh->closing)
        fy_link_sent(&ssh->link, &news.sent);
    bool emptied = !ssh->closing && move_input(ssh);
    if (!ssh->closing && !emptied && ssh->link.reading)
        (void)uv_async_send(async);
    if (!ssh->closing && emptied && news.ended && !ssh->ended_reported)
        report_ended(ssh);
    if (ssh->closing && (news.ended || !ssh->running) && !uv_is_closing((uv_handle_t *)async)) {
        join(ssh);
        uv_close((uv_handle_t *)async, on_async_closed);
    }
}

/* --- what the link says ----------------------------------------------------------------------------------------- */

static void ssh_kick(struct fy_link *link)
{
    struct fy_chunk *chunk;
    while ((chunk = fy_link_take(link)))
        fy_ssh_bridge_send(&of(link)->bridge, chunk);
}

static void ssh_set_reading(struct fy_link *link, bool on)
{
    if (on)
        (void)uv_async_send(&of(link)->async);
}

static void ssh_finish(struct fy_link *link)
{
    fy_ssh_bridge_finish(&of(link)->bridge);
}

static void ssh_close(struct fy_link *link)
{
    struct ssh *ssh = of(link);
    ssh->closing = true;
    fy_ssh_bridge_stop(&ssh->bridge);
    (void)uv_async_send(&ssh->async);
}

static void target_done(struct fy_ssh_target *target)
{
    free(target->host);
    free(target->user);
    free(target->key_file);
    free(target->agent_socket);
    free(target->known_hosts);
}

static void ssh_free(struct fy_link *link)
{
    struct ssh *ssh = of(link);
    fy_ssh_bridge_done(&ssh->bridge);
    target_done(&ssh->target);
    free(ssh);
}

static const struct fy_link_channel_ops ssh_ops = {
    .kick = ssh_kick,
    .set_reading = ssh_set_reading,
    .finish = ssh_finish,
    .close = ssh_close,
    .free = ssh_free,
};

/* --- birth ------------------------------------------------------------------------------------------------------ */

static char *copy(const char *text, bool *failed)
{
    char *copied = text ? strdup(text) : NULL;
    *failed = *failed || (text && !copied);
    return copied;
}

static int target_init(struct fy_ssh_target *target, const struct fy_ssh_options *options, struct fy_error *err)
{
    bool failed = false;
    *target = (struct fy_ssh_target){
        .host = copy(options->host, &failed),
        .port = options->port,
        .user = copy(options->user, &failed),
        .key_file = copy(options->key_file, &failed),
        /* Read here: the environment must not be looked at from a thread. */
        .agent_socket = options->key_file ? NULL : copy(getenv("SSH_AUTH_SOCK"), &failed),
        .known_hosts = copy(options->known_hosts, &failed),
        .connect_timeout_ms = options->connect_timeout_ms,
        .keepalive_interval_ms = options->keepalive_interval_ms,
        .dead_after_ms = options->dead_after_ms,
    };
    (void)snprintf(target->name, sizeof(target->name), "ssh:%s@%s:%u", options->user, options->host, options->port);
    if (!failed)
        return 0;
    target_done(target);
    return fy_error_set(err, FY_E_NOMEM, "%s: no memory for a connection", target->name);
}

/* Signals are the loop's business: the thread starts with all of them blocked but those that a fault of its own
 * raises. */
static int start_thread(struct ssh *ssh, struct fy_error *err)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
    sigset_t blocked, before;
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < FY_ARRAY_SIZE(faults); i++)
        (void)sigdelset(&blocked, faults[i]);
    (void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int status = pthread_create(&ssh->thread, NULL, fy_ssh_worker_main, &ssh->worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status)
        return fy_error_errno(err, status, "%s: cannot start a thread", ssh->target.name);
    ssh->running = true;
    return 0;
}

static struct ssh *new_ssh(uv_loop_t *loop, const struct fy_ssh_options *options, struct fy_error *err)
{
    struct ssh *ssh = calloc(1, sizeof(*ssh));
    if (!ssh) {
        (void)fy_error_set(err, FY_E_NOMEM, "no memory for a connection");
        return NULL;
    }
    if (target_init(&ssh->target, options, err)) {
        free(ssh);
        return NULL;
    }
    if (fy_ssh_bridge_init(&ssh->bridge, &ssh->async, err)) {
        target_done(&ssh->target);
        free(ssh);
        return NULL;
    }
    int status = uv_async_init(loop, &ssh->async, on_async);
    if (status < 0) {
        (void)fy_error_set(err, FY_E_IO, "%s: cannot watch a thread: %s", ssh->target.name, uv_strerror(status));
        ssh_free(&ssh->link);
        return NULL;
    }
    ssh->async.data = ssh;
    ssh->worker = (struct fy_ssh_worker){.bridge = &ssh->bridge, .target = &ssh->target};
    return ssh;
}

static int check_options(const struct fy_ssh_options *options, struct fy_error *err)
{
    if (!options->host || !*options->host || !options->user || !*options->user || !options->known_hosts ||
        options->port == 0 || options->connect_timeout_ms == 0)
        return fy_error_set(err, FY_E_USAGE, "an SSH connection needs host, port, user, known_hosts and a time limit");
    if (strlen(options->host) > 255 || strlen(options->user) > 32)
        return fy_error_set(err, FY_E_USAGE, "%.40s@%.200s: too long for a user or a host", options->user,
                            options->host);
    return 0;
}

int fy_ssh_connect(uv_loop_t *loop, const struct fy_ssh_options *options, const struct fy_link_events *events,
                   void *data, struct fy_link **link, struct fy_error *err)
{
    if (check_options(options, err))
        return -1;
    struct ssh *ssh = new_ssh(loop, options, err);
    if (!ssh)
        return -1;
    fy_link_init(&ssh->link, loop, &ssh_ops, events, data);
    (void)snprintf(ssh->link.name, sizeof(ssh->link.name), "%s", ssh->target.name);
    if (start_thread(ssh, err)) {
        ssh->link.events = (struct fy_link_events){0};
        fy_link_close(&ssh->link);
        return -1;
    }
    *link = &ssh->link;
    return 0;
}

int fy_ssh_global_init(struct fy_error *err)
{
    int code = libssh2_init(0);
    if (code)
        return fy_error_set(err, FY_E_INTERNAL, "libssh2 cannot be set up (error %d)", code);
    fy_ssh_cipher_use(fy_ssh_cipher_pays);
    return 0;
}

void fy_ssh_global_done(void)
{
    fy_ssh_cipher_unuse();
    libssh2_exit();
}
