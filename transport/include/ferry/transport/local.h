/* Links over UNIX sockets, and listening for them with a check of who connects.
 *
 * The program must ignore SIGPIPE: libuv's writes raise it when the other side has gone. */
#ifndef FERRY_TRANSPORT_LOCAL_H
#define FERRY_TRANSPORT_LOCAL_H

#include <ferry/transport/link.h>
#include <sys/types.h>

/* Starts connecting. On success *link is set and `closed` will be called some time; on failure nothing will be. */
int fy_local_connect(uv_loop_t *loop, const char *path, const struct fy_link_events *events, void *data,
                     struct fy_link **link, struct fy_error *err);

struct fy_listener;

/* Who may connect: root always, and anybody of `uids`, or who had a group of `gids` (primary or supplementary) when
 * connecting. */
struct fy_access {
    uid_t *uids;
    size_t uid_count;
    gid_t *gids;
    size_t gid_count;
};

/* A connection was refused: FY_E_DENIED or FY_E_LIMIT, naming who it was. For the log. */
typedef void (*fy_refuse_cb)(const struct fy_error *err, void *data);

struct fy_listener_options {
    const char *path; /* a stale socket is replaced; a live one is FY_E_BUSY */
    mode_t mode;
    uid_t owner_uid;         /* (uid_t)-1: unchanged */
    gid_t owner_gid;         /* (gid_t)-1: unchanged */
    struct fy_access access; /* borrowed until the listener is closed */
    uint32_t max_links;      /* more are refused (closed at once) */
    fy_refuse_cb refused;    /* may be NULL */
};

/* A connection that passed the check of SO_PEERCRED: the callee either calls fy_link_set_events() in the callback or
 * the link is closed. It is open already, so its `opened` is never called. `closed` of the listener itself is
 * fy_listener_close()'s callback. */
typedef void (*fy_accept_cb)(struct fy_link *link, uid_t uid, pid_t pid, void *data);

int fy_listener_start(uv_loop_t *loop, const struct fy_listener_options *options, fy_accept_cb accepted, void *data,
                      struct fy_listener **listener, struct fy_error *err);
/* Stops listening, removes the socket file, frees; accepted links live on. `closed` may be NULL. */
void fy_listener_close(struct fy_listener *listener, void (*closed)(void *data), void *data);

#endif
