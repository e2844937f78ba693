/* Listening on a UNIX socket, with the kernel's word on who connects.
 *
 * Nobody can connect between bind() and listen(), so mode and owner are set in between: no process-wide umask is
 * touched. Groups come from SO_PEERGROUPS: what the peer really had when it connected, without a look-up that could
 * block the loop. */
#include "local_internal.h"
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 64
/* More supplementary groups than this are not looked at; the kernel's own limit is 65536. */
#define MAX_PEER_GROUPS 1024u

struct fy_listener {
    uv_pipe_t pipe;
    struct fy_access access;
    struct fy_link_quota *quota;
    fy_accept_cb accepted;
    fy_refuse_cb refused;
    void *data;
    char *path;
    dev_t socket_device; /* of our socket file: another's is not removed */
    ino_t socket_inode;
    void (*closed)(void *data);
    void *closed_data;
};

/* --- the socket file -------------------------------------------------------------------------------------------- */

static int socket_address(const char *path, struct sockaddr_un *address, struct fy_error *err)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path))
        return fy_error_set(err, FY_E_USAGE, "%s: too long for the path of a UNIX socket", path);
    memcpy(address->sun_path, path, strlen(path));
    return 0;
}

static int new_socket(const char *path, struct fy_error *err)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fy_error_errno(err, errno, "%s: cannot make a socket", path);
    return fd;
}

/* Removes a socket that nobody listens at; whatever else stands there is left alone. */
static int clear_stale(const char *path, const struct sockaddr_un *address, struct fy_error *err)
{
    struct stat st;
    if (lstat(path, &st))
        return errno == ENOENT ? 0 : fy_error_errno(err, errno, "%s", path);
    if (!S_ISSOCK(st.st_mode))
        return fy_error_set(err, FY_E_BUSY, "%s: exists and is not a socket", path);
    FY_AUTO_CLOSE int fd = new_socket(path, err);
    if (fd < 0)
        return -1;
    if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno != ECONNREFUSED)
        return fy_error_set(err, FY_E_BUSY, "%s: another process listens there", path);
    if (unlink(path) && errno != ENOENT)
        return fy_error_errno(err, errno, "%s: cannot remove the stale socket", path);
    return 0;
}

/* Gives the bound socket file its mode and owner, and remembers which file it is. */
static int dress_socket(struct fy_listener *listener, const struct fy_listener_options *options, struct fy_error *err)
{
    struct stat st;
    if (chown(options->path, options->owner_uid, options->owner_gid))
        return fy_error_errno(err, errno, "%s: cannot set the owner", options->path);
    if (chmod(options->path, options->mode))
        return fy_error_errno(err, errno, "%s: cannot set the mode", options->path);
    if (lstat(options->path, &st))
        return fy_error_errno(err, errno, "%s", options->path);
    listener->socket_device = st.st_dev;
    listener->socket_inode = st.st_ino;
    return 0;
}

static void remove_socket(const struct fy_listener *listener)
{
    struct stat st;
    if (!lstat(listener->path, &st) && st.st_dev == listener->socket_device && st.st_ino == listener->socket_inode)
        (void)unlink(listener->path);
}

/* A bound, dressed socket, not listening yet. */
static int bind_socket(struct fy_listener *listener, const struct fy_listener_options *options, struct fy_error *err)
{
    struct sockaddr_un address;
    if (socket_address(options->path, &address, err) || clear_stale(options->path, &address, err))
        return -1;
    FY_AUTO_CLOSE int fd = new_socket(options->path, err);
    if (fd < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)))
        return fy_error_errno(err, errno, "%s: cannot bind", options->path);
    if (dress_socket(listener, options, err)) {
        (void)unlink(options->path);
        return -1;
    }
    int bound = fd;
    fd = -1;
    return bound;
}

/* --- who connects ----------------------------------------------------------------------------------------------- */

static bool has_uid(const struct fy_access *access, uid_t uid)
{
    for (size_t i = 0; i < access->uid_count; i++)
        if (access->uids[i] == uid)
            return true;
    return uid == 0;
}

static bool has_gid(const struct fy_access *access, gid_t gid)
{
    for (size_t i = 0; i < access->gid_count; i++)
        if (access->gids[i] == gid)
            return true;
    return false;
}

static bool has_supplementary_gid(const struct fy_access *access, int fd)
{
    gid_t groups[MAX_PEER_GROUPS];
    socklen_t size = sizeof(groups);
    if (access->gid_count == 0 || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
        return false;
    for (size_t i = 0; i < size / sizeof(gid_t); i++)
        if (has_gid(access, groups[i]))
            return true;
    return false;
}

static int admit(const struct fy_listener *listener, int fd, struct ucred *peer, struct fy_error *err)
{
    socklen_t size = sizeof(*peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &size))
        return fy_error_errno(err, errno, "%s: cannot tell who connects", listener->path);
    const struct fy_access *access = &listener->access;
    if (!has_uid(access, peer->uid) && !has_gid(access, peer->gid) && !has_supplementary_gid(access, fd))
        return fy_error_set(err, FY_E_DENIED, "%s: uid %u (pid %d) is not admitted", listener->path,
                            (unsigned)peer->uid, (int)peer->pid);
    if (listener->quota->links >= listener->quota->max_links)
        return fy_error_set(err, FY_E_LIMIT, "%s: %u connections are open already; uid %u (pid %d) is refused",
                            listener->path, listener->quota->max_links, (unsigned)peer->uid, (int)peer->pid);
    return 0;
}

static void on_connection(uv_stream_t *server, int status)
{
    struct fy_listener *listener = server->data;
    struct fy_link *link;
    struct ucred peer = {0};
    struct fy_error err = FY_ERROR_INIT;
    if (status < 0 || fy_local_accept(server, listener->quota, &link, &err))
        return;
    if (admit(listener, fy_local_fd(link), &peer, &err)) {
        fy_link_close(link);
        if (listener->refused)
            listener->refused(&err, listener->data);
        return;
    }
    fy_local_admit(link, listener->path, peer.uid, peer.pid);
    listener->accepted(link, peer.uid, peer.pid, listener->data);
    if (fy_local_is_orphan(link))
        fy_link_close(link);
    else
        fy_local_start(link);
}

/* --- life ------------------------------------------------------------------------------------------------------- */

static void listener_free(struct fy_listener *listener)
{
    fy_link_quota_drop(listener->quota);
    free(listener->path);
    free(listener);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct fy_listener *listener = handle->data;
    void (*closed)(void *) = listener->closed;
    void *data = listener->closed_data;
    listener_free(listener);
    if (closed)
        closed(data);
}

static struct fy_listener *new_listener(const struct fy_listener_options *options, fy_accept_cb accepted, void *data,
                                        struct fy_error *err)
{
    struct fy_listener *listener = calloc(1, sizeof(*listener));
    if (listener) {
        listener->path = strdup(options->path);
        listener->quota = calloc(1, sizeof(*listener->quota));
    }
    if (!listener || !listener->path || !listener->quota) {
        (void)fy_error_set(err, FY_E_NOMEM, "%s: no memory to listen", options->path);
        if (listener) {
            free(listener->quota);
            free(listener->path);
        }
        free(listener);
        return NULL;
    }
    *listener->quota = (struct fy_link_quota){.references = 1, .max_links = options->max_links};
    listener->access = options->access;
    listener->accepted = accepted;
    listener->refused = options->refused;
    listener->data = data;
    return listener;
}

int fy_listener_start(uv_loop_t *loop, const struct fy_listener_options *options, fy_accept_cb accepted, void *data,
                      struct fy_listener **result, struct fy_error *err)
{
    struct fy_listener *listener = new_listener(options, accepted, data, err);
    if (!listener)
        return -1;
    int fd = bind_socket(listener, options, err);
    if (fd < 0) {
        listener_free(listener);
        return -1;
    }
    (void)uv_pipe_init(loop, &listener->pipe, 0);
    listener->pipe.data = listener;
    int status = uv_pipe_open(&listener->pipe, fd);
    if (status < 0)
        (void)close(fd);
    else
        status = uv_listen((uv_stream_t *)&listener->pipe, BACKLOG, on_connection);
    if (status < 0) {
        (void)fy_error_set(err, FY_E_IO, "%s: cannot listen: %s", options->path, uv_strerror(status));
        fy_listener_close(listener, NULL, NULL);
        return -1;
    }
    *result = listener;
    return 0;
}

void fy_listener_close(struct fy_listener *listener, void (*closed)(void *data), void *data)
{
    remove_socket(listener);
    listener->closed = closed;
    listener->closed_data = data;
    uv_close((uv_handle_t *)&listener->pipe, on_listener_closed);
}
