/* The control socket's server: any number of clients, one request at a time on each connection, job events to all who
 * watch. A slow watcher misses progress but no change of state; one that goes away harms nobody. */
#ifndef FERRY_DAEMON_CONTROL_SERVER_H
#define FERRY_DAEMON_CONTROL_SERVER_H

#include <ferry/daemon/checkpoints.h>
#include <ferry/daemon/jobs.h>
#include <ferry/daemon/scheduler.h>
#include <ferry/transport/link.h>

struct fy_control_server;

/* Fills what the server itself does not know. */
typedef void (*fy_control_status_cb)(Ferry__Control__Status *status, void *data);

/* All borrowed until `closed`. */
struct fy_control_options {
    uv_loop_t *loop;
    const struct fy_host *host;
    const struct fy_migration_ops *ops;
    struct fy_jobs *jobs;
    struct fy_checkpoints *checkpoints;
    struct fy_scheduler *scheduler;
    struct fy_log *log;
    fy_control_status_cb status;
    void *data;
};

int fy_control_server_new(const struct fy_control_options *options, struct fy_control_server **server,
                          struct fy_error *err);
/* Serves a link that the listener accepted from a program of `uid`; takes it over in any case. */
void fy_control_server_serve(struct fy_control_server *server, struct fy_link *link, uid_t uid);
/* Passes a job's new record on to its watchers. */
void fy_control_server_publish(struct fy_control_server *server, struct fy_record *record, bool step);
/* Gives up checks of peers, sends what is queued (for a second at most), closes all links, frees. `closed` comes once,
 * possibly within the call. */
void fy_control_server_close(struct fy_control_server *server, void (*closed)(void *data), void *data);

#endif
