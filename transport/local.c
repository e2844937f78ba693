/* Links over UNIX sockets: a uv_pipe below a link. */
#include "link_internal.h"
#include "local_internal.h"
#include <ferry/base/cleanup.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* One write takes so many frames at most: two buffers each, well below IOV_MAX. */
#define FRAMES_PER_WRITE 32u

struct local {
    struct fy_link link;
    uv_pipe_t pipe;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    uv_write_t write;
    struct fy_chunk *writing[FRAMES_PER_WRITE];
    unsigned writing_count;
    struct fy_link_quota *quota; /* of an accepted link */
    bool counted;
};

static struct local *of(struct fy_link *link)
{
    return fy_container_of(link, struct local, link);
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

static void local_kick(struct fy_link *link);

static struct fy_sent release_written(struct local *local)
{
    struct fy_sent sent = {.frames = local->writing_count};
    for (unsigned i = 0; i < local->writing_count; i++) {
        sent.wire_bytes += fy_chunk_wire_bytes(local->writing[i]);
        fy_chunk_free(local->writing[i]);
    }
    local->writing_count = 0;
    return sent;
}

static void fail_write(struct local *local, int status)
{
    struct fy_error err = FY_ERROR_INIT;
    (void)fy_error_set(&err, FY_E_UNREACHABLE, "%s: writing failed: %s", local->link.name, uv_strerror(status));
    fy_link_output_failed(&local->link, &err);
}

static void on_written(uv_write_t *req, int status)
{
    struct local *local = req->data;
    struct fy_sent sent = release_written(local);
    if (local->link.state == FY_LINK_CLOSING)
        return;
    if (status < 0) {
        fail_write(local, status);
        return;
    }
    local_kick(&local->link);
    fy_link_sent(&local->link, &sent);
}

static void local_kick(struct fy_link *link)
{
    struct local *local = of(link);
    if (local->writing_count > 0)
        return;
    uv_buf_t bufs[2 * FRAMES_PER_WRITE];
    unsigned buf_count = 0;
    struct fy_chunk *chunk;
    while (local->writing_count < FRAMES_PER_WRITE && (chunk = fy_link_take(link))) {
        local->writing[local->writing_count++] = chunk;
        const struct fy_packet *packet = chunk->packet;
        bufs[buf_count++] = uv_buf_init((char *)packet->head.data, (unsigned)packet->head.size);
        if (packet->body_bytes > 0)
            bufs[buf_count++] = uv_buf_init((char *)packet->body, (unsigned)packet->body_bytes);
    }
    if (buf_count == 0)
        return;
    local->write.data = local;
    int status = uv_write(&local->write, (uv_stream_t *)&local->pipe, bufs, buf_count, on_written);
    if (status < 0) {
        (void)release_written(local);
        fail_write(local, status);
    }
}

/* The bytes are in the other side's queue by then, where our closing does not touch them. */
static void on_shutdown(uv_shutdown_t *req, int status)
{
    struct local *local = req->data;
    struct fy_error err = FY_ERROR_INIT;
    if (local->link.state == FY_LINK_CLOSING)
        return;
    if (status < 0)
        (void)fy_error_set(&err, FY_E_UNREACHABLE, "%s: closed by the other side: %s", local->link.name,
                           uv_strerror(status));
    fy_link_ended(&local->link, status < 0 ? &err : NULL);
}

static void local_finish(struct fy_link *link)
{
    struct local *local = of(link);
    local->shutdown.data = local;
    int status = uv_shutdown(&local->shutdown, (uv_stream_t *)&local->pipe, on_shutdown);
    if (status < 0)
        on_shutdown(&local->shutdown, status);
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct local *local = handle->data;
    size_t size = 0;
    uint8_t *space = fy_link_input_space(&local->link, &size);
    *buf = uv_buf_init((char *)space, (unsigned)size);
}

static void fail_read(struct local *local, int status)
{
    struct fy_error err = FY_ERROR_INIT;
    enum fy_code code = status == UV_ENOBUFS ? FY_E_NOMEM : FY_E_UNREACHABLE;
    (void)fy_error_set(&err, code, "%s: reading failed: %s", local->link.name,
                       code == FY_E_NOMEM ? "out of memory" : uv_strerror(status));
    fy_link_ended(&local->link, &err);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    (void)buf;
    struct local *local = stream->data;
    if (got > 0)
        fy_link_input_commit(&local->link, (size_t)got);
    else if (got == UV_EOF || got == UV_ECONNRESET)
        fy_link_ended(&local->link, NULL);
    else if (got < 0)
        fail_read(local, (int)got);
}

static void local_set_reading(struct fy_link *link, bool on)
{
    struct local *local = of(link);
    if (on)
        (void)uv_read_start((uv_stream_t *)&local->pipe, on_alloc, on_read);
    else
        (void)uv_read_stop((uv_stream_t *)&local->pipe);
}

/* --- life ------------------------------------------------------------------------------------------------------- */

static void on_pipe_closed(uv_handle_t *handle)
{
    struct local *local = handle->data;
    fy_link_channel_closed(&local->link);
}

static void local_close(struct fy_link *link)
{
    uv_close((uv_handle_t *)&of(link)->pipe, on_pipe_closed);
}

void fy_link_quota_drop(struct fy_link_quota *quota)
{
    if (quota && --quota->references == 0)
        free(quota);
}

static void local_free(struct fy_link *link)
{
    struct local *local = of(link);
    (void)release_written(local);
    if (local->counted)
        local->quota->links--;
    fy_link_quota_drop(local->quota);
    free(local);
}

static const struct fy_link_channel_ops local_ops = {
    .kick = local_kick,
    .set_reading = local_set_reading,
    .finish = local_finish,
    .close = local_close,
    .free = local_free,
};

static struct local *new_local(uv_loop_t *loop, const struct fy_link_events *events, void *data, struct fy_error *err)
{
    struct local *local = calloc(1, sizeof(*local));
    if (!local) {
        (void)fy_error_set(err, FY_E_NOMEM, "no memory for a connection");
        return NULL;
    }
    fy_link_init(&local->link, loop, &local_ops, events, data);
    (void)uv_pipe_init(loop, &local->pipe, 0);
    local->pipe.data = local;
    return local;
}

/* --- connecting ------------------------------------------------------------------------------------------------- */

static void explain_connect_failure(const struct local *local, int status, struct fy_error *err)
{
    enum fy_code code = status == UV_EACCES || status == UV_EPERM ? FY_E_DENIED : FY_E_UNREACHABLE;
    (void)fy_error_set(err, code, "%s: cannot connect: %s", local->link.name, uv_strerror(status));
    if (code == FY_E_DENIED)
        (void)fy_error_next(err, "run this as root or as a user whom the agent's configuration admits");
    else
        (void)fy_error_next(err, "see that ferryd is running here and listens at this path");
}

static void on_connect(uv_connect_t *req, int status)
{
    struct local *local = req->data;
    struct fy_error err = FY_ERROR_INIT;
    if (local->link.state == FY_LINK_CLOSING)
        return;
    if (status < 0) {
        explain_connect_failure(local, status, &err);
        fy_link_ended(&local->link, &err);
        return;
    }
    fy_link_opened(&local->link, true);
}

int fy_local_connect(uv_loop_t *loop, const char *path, const struct fy_link_events *events, void *data,
                     struct fy_link **link, struct fy_error *err)
{
    /* libuv would cut a longer path in silence. */
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return fy_error_set(err, FY_E_USAGE, "%s: too long for the path of a UNIX socket", path);
    struct local *local = new_local(loop, events, data, err);
    if (!local)
        return -1;
    (void)snprintf(local->link.name, sizeof(local->link.name), "unix:%s", path);
    local->connect.data = local;
    uv_pipe_connect(&local->connect, &local->pipe, path, on_connect);
    *link = &local->link;
    return 0;
}

/* --- accepting -------------------------------------------------------------------------------------------------- */

int fy_local_accept(uv_stream_t *server, struct fy_link_quota *quota, struct fy_link **link, struct fy_error *err)
{
    struct local *local = new_local(server->loop, NULL, NULL, err);
    if (!local)
        return -1;
    local->quota = quota;
    quota->references++;
    int status = uv_accept(server, (uv_stream_t *)&local->pipe);
    if (status < 0) {
        (void)fy_error_set(err, FY_E_IO, "accepting a connection failed: %s", uv_strerror(status));
        fy_link_close(&local->link);
        return -1;
    }
    *link = &local->link;
    return 0;
}

void fy_local_admit(struct fy_link *link, const char *path, uid_t uid, pid_t pid)
{
    struct local *local = of(link);
    local->counted = true;
    local->quota->links++;
    (void)snprintf(link->name, sizeof(link->name), "unix:%s (uid %u, pid %d)", path, (unsigned)uid, (int)pid);
}

int fy_local_fd(struct fy_link *link)
{
    uv_os_fd_t fd = -1;
    return uv_fileno((uv_handle_t *)&of(link)->pipe, &fd) == 0 ? fd : -1;
}

void fy_local_start(struct fy_link *link)
{
    fy_link_opened(link, false);
}

bool fy_local_is_orphan(const struct fy_link *link)
{
    return link->state != FY_LINK_CLOSING && !link->events.frame;
}
