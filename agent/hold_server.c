/* The server side of holds: a UNIX socket, a list of jobs, and scripts that wait.
 *
 *     script: "JOB TOKEN STAGE INIT-PID\n"      server: "0\n" go on | "1\n" veto | closed: veto
 *
 * Only root's processes may talk (CRIU is root), and only with the job's token. CRIU calls one script at a time for a
 * job, so a job has at most one that waits. */
#include <ferry/agent/hold.h>

#include "hold_files.h"
#include "hold_protocol.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define MAX_SCRIPTS 256
#define GREETING_LIMIT_MS 10000

struct script; /* one connection */

struct fy_hold {
    struct fy_hold *next;
    struct fy_hold_server *server;
    char *job_id;
    char token[FY_HOLD_TOKEN_SIZE];
    struct script *waiting;
    fy_hold_cb stage;
    void *data;
};

struct script {
    struct script *next;
    struct fy_hold_server *server;
    uv_pipe_t pipe;
    uv_timer_t timer; /* a connection that says nothing is closed */
    int open_handles;
    bool closing;
    struct fy_hold *hold;
    char line[FY_HOLD_LINE_SIZE];
    size_t line_size;
};

struct fy_hold_server {
    uv_pipe_t listener;
    struct fy_hold *holds;
    struct script *scripts;
    size_t script_count;
    char *socket_path;
    char *client;
    bool listener_closed;
    void (*closed)(void *data);
    void *closed_data;
};

/* ---- ends ---- */

static void server_free(struct fy_hold_server *server)
{
    free(server->socket_path);
    free(server->client);
    free(server);
}

static void server_finish_if_closed(struct fy_hold_server *server)
{
    if (!server->listener_closed || server->scripts)
        return;
    void (*closed)(void *data) = server->closed;
    void *data = server->closed_data;
    server_free(server);
    if (closed)
        closed(data);
}

static void script_handle_closed(uv_handle_t *handle)
{
    struct script *script = handle->data;
    struct fy_hold_server *server = script->server;
    if (--script->open_handles > 0)
        return;
    for (struct script **link = &server->scripts; *link; link = &(*link)->next)
        if (*link == script) {
            *link = script->next;
            break;
        }
    server->script_count--;
    free(script);
    server_finish_if_closed(server);
}

static void script_close(struct script *script)
{
    if (script->closing)
        return;
    script->closing = true;
    if (script->hold)
        script->hold->waiting = NULL;
    script->hold = NULL;
    uv_close((uv_handle_t *)&script->pipe, script_handle_closed);
    uv_close((uv_handle_t *)&script->timer, script_handle_closed);
}

static void script_answer(struct script *script, int verdict)
{
    char text[] = {verdict == 0 ? '0' : '1', '\n'};
    uv_buf_t buf = uv_buf_init(text, sizeof(text));
    /* Two bytes always fit into a fresh socket; a script that is gone has taken it for a veto. */
    (void)uv_try_write((uv_stream_t *)&script->pipe, &buf, 1);
    script_close(script);
}

/* ---- a script arrives ---- */

static struct fy_hold *find_hold(struct fy_hold_server *server, const char *job_id, const char *token)
{
    for (struct fy_hold *hold = server->holds; hold; hold = hold->next)
        if (strcmp(hold->job_id, job_id) == 0 && strcmp(hold->token, token) == 0)
            return hold;
    return NULL;
}

static void line_complete(struct script *script)
{
    char job_id[FY_HOLD_LINE_SIZE];
    char token[FY_HOLD_LINE_SIZE];
    char stage[FY_HOLD_LINE_SIZE];
    int init_pid = 0;
    int end = 0;
    _Static_assert(FY_HOLD_LINE_SIZE == 512, "the widths below");
    struct fy_hold *hold = NULL;
    if (sscanf(script->line, "%511s %511s %511s %d%n", job_id, token, stage, &init_pid, &end) == 4 &&
        script->line[end] == '\0' && init_pid >= 0)
        hold = find_hold(script->server, job_id, token);
    if (!hold || hold->waiting) {
        script_answer(script, 1);
        return;
    }
    (void)uv_timer_stop(&script->timer);
    script->line_size = 0;
    script->hold = hold;
    hold->waiting = script;
    hold->stage(hold, stage, init_pid, hold->data);
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct script *script = handle->data;
    (void)suggested;
    *buf = uv_buf_init(script->line + script->line_size, (unsigned)(sizeof(script->line) - 1 - script->line_size));
}

static void arrived(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct script *script = stream->data;
    (void)buf;
    if (count == 0)
        return;
    if (count < 0 || script->hold) { /* CRIU has ended, or talks out of turn */
        script_close(script);
        return;
    }
    script->line_size += (size_t)count;
    script->line[script->line_size] = '\0';
    char *end = strchr(script->line, '\n');
    if (end) {
        *end = '\0';
        line_complete(script);
    } else if (script->line_size == sizeof(script->line) - 1) {
        script_answer(script, 1);
    }
}

static void greeting_late(uv_timer_t *timer)
{
    script_close(timer->data);
}

/* CRIU runs as root; our own user is for an agent that is not (tests). */
static bool may_talk(uv_pipe_t *pipe)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    uv_os_fd_t fd;
    return uv_fileno((uv_handle_t *)pipe, &fd) == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void script_connected(uv_stream_t *listener, int status)
{
    struct fy_hold_server *server = listener->data;
    struct script *script = status == 0 ? calloc(1, sizeof(*script)) : NULL;
    if (!script)
        return;
    script->server = server;
    script->next = server->scripts;
    server->scripts = script;
    server->script_count++;
    script->open_handles = 2;
    (void)uv_pipe_init(listener->loop, &script->pipe, 0);
    (void)uv_timer_init(listener->loop, &script->timer);
    script->pipe.data = script;
    script->timer.data = script;
    if (uv_accept(listener, (uv_stream_t *)&script->pipe) != 0 || server->script_count > MAX_SCRIPTS ||
        !may_talk(&script->pipe)) {
        script_close(script);
        return;
    }
    (void)uv_timer_start(&script->timer, greeting_late, GREETING_LIMIT_MS, 0);
    (void)uv_read_start((uv_stream_t *)&script->pipe, allocate, arrived);
}

/* ---- the server ---- */

static void listener_handle_closed(uv_handle_t *handle)
{
    struct fy_hold_server *server = handle->data;
    server->listener_closed = true;
    server_finish_if_closed(server);
}

static int listen_on(struct fy_hold_server *server, struct fy_error *err)
{
    /* A socket of an earlier run; two agents on one directory are kept apart by the agent's lock. */
    (void)unlink(server->socket_path);
    mode_t mask = umask(0177);
    int status = uv_pipe_bind(&server->listener, server->socket_path);
    (void)umask(mask);
    if (status == 0)
        status = uv_listen((uv_stream_t *)&server->listener, 64, script_connected);
    if (status != 0)
        return fy_error_errno(err, -status, "cannot listen on %s", server->socket_path);
    return 0;
}

static int copy_paths(struct fy_hold_server *server, const char *socket_path, const char *client, struct fy_error *err)
{
    if (strlen(socket_path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return fy_error_set(err, FY_E_LIMIT, "the path %s is too long for a socket", socket_path);
    server->socket_path = strdup(socket_path);
    server->client = strdup(client);
    return server->socket_path && server->client ? 0
                                                 : fy_error_set(err, FY_E_NOMEM, "out of memory for the hold server");
}

int fy_hold_server_start(uv_loop_t *loop, const char *socket_path, const char *client,
                         struct fy_hold_server **server_out, struct fy_error *err)
{
    struct fy_hold_server *server = calloc(1, sizeof(*server));
    if (!server)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for the hold server");
    if (copy_paths(server, socket_path, client, err) < 0) {
        server_free(server);
        return -1;
    }
    (void)uv_pipe_init(loop, &server->listener, 0);
    server->listener.data = server;
    if (listen_on(server, err) < 0) {
        uv_close((uv_handle_t *)&server->listener, listener_handle_closed);
        return -1;
    }
    *server_out = server;
    return 0;
}

const char *fy_hold_server_client(const struct fy_hold_server *server)
{
    return server->client;
}

void fy_hold_server_close(struct fy_hold_server *server, void (*closed)(void *data), void *data)
{
    server->closed = closed;
    server->closed_data = data;
    (void)unlink(server->socket_path);
    for (struct script *script = server->scripts; script; script = script->next)
        script_close(script);
    uv_close((uv_handle_t *)&server->listener, listener_handle_closed);
}

/* ---- jobs ---- */

int fy_hold_open(struct fy_hold_server *server, const char *job_id, const char *directory, const char *extra_options,
                 fy_hold_cb stage, void *data, struct fy_hold **hold_out, struct fy_error *err)
{
    struct fy_hold *hold = calloc(1, sizeof(*hold));
    if (!hold)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for a hold");
    *hold = (struct fy_hold){.server = server, .stage = stage, .data = data, .job_id = strdup(job_id)};
    const struct fy_hold_files files = {
        .directory = directory,
        .client = server->client,
        .socket_path = server->socket_path,
        .job_id = job_id,
        .token = hold->token,
        .extra_options = extra_options,
    };
    if (!hold->job_id)
        fy_error_set(err, FY_E_NOMEM, "out of memory for a hold");
    if (!hold->job_id || fy_hold_make_token(hold->token, err) < 0 || fy_hold_write_files(&files, err) < 0) {
        free(hold->job_id);
        free(hold);
        return -1;
    }
    hold->next = server->holds;
    server->holds = hold;
    *hold_out = hold;
    return 0;
}

void fy_hold_answer(struct fy_hold *hold, int verdict)
{
    if (hold->waiting)
        script_answer(hold->waiting, verdict);
}

void fy_hold_close(struct fy_hold *hold)
{
    if (!hold)
        return;
    fy_hold_answer(hold, 1);
    for (struct fy_hold **link = &hold->server->holds; *link; link = &(*link)->next)
        if (*link == hold) {
            *link = hold->next;
            break;
        }
    free(hold->job_id);
    free(hold);
}
