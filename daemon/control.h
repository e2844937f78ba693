/* What the files of the control server share. */
#ifndef FERRY_DAEMON_CONTROL_H
#define FERRY_DAEMON_CONTROL_H

#include <ferry/daemon/control_server.h>

#define CONTROL_VERSION 1u

/* Of what may be thousands, sent in pieces. */
#define LIST_WINDOW_FRAMES 64
#define LIST_PUMP_MS 1  /* until a client that takes what it gets is sent more */
#define LIST_SLOW_MS 50 /* how often another one is looked at again */

/* A job that a client watches, and the records it has not been sent yet. */
struct watch {
    struct watch *next;
    char id[FY_JOB_ID_SIZE];
    struct waiting_record *first, *last;
    bool ended; /* its last record is waiting or sent */
};

struct client {
    struct client *next;
    struct fy_control_server *server;
    struct fy_link *link;   /* NULL: gone */
    uid_t uid;              /* whose program it is */
    uv_timer_t pump;        /* runs while records, checkpoints or verdicts wait for a slow client */
    uint64_t frames_queued; /* handed to the link */
    bool busy;              /* a request is being answered */
    struct watch *watches;
    bool lists; /* checkpoints are being listed; the last one that was sent: */
    int64_t listed_us;
    char listed[FY_CHECKPOINT_ID_SIZE];
    struct log_stream *log_stream;
    struct peer_check *peer_check;
    struct pinning *pinning;
    struct prune *prune;
};

struct fy_control_server {
    struct fy_control_options options;
    struct client *clients;
    size_t outstanding; /* clients and operations that still refer to the server */
    bool closing;
    void (*closed)(void *data);
    void *closed_data;
};

/* ---- control_server.c ---- */

/* Something that referred to the server is gone. */
void server_release(struct fy_control_server *server);

/* ---- control_client.c ---- */

/* Sends a reply; with `last` the request is answered. A client that takes nothing any more is closed. `body` is taken
 * over. */
void client_reply(struct client *client, Ferry__Control__Reply *reply, bool last, uint8_t *body, size_t body_bytes);
void client_reply_job(struct client *client, Ferry__Control__Job *job, bool last);
void client_reply_failure(struct client *client, const struct fy_error *err);
/* So many frames have not left this process yet. */
uint64_t client_unsent_frames(const struct client *client);

/* ---- control_request.c ---- */

void request_handle(struct client *client, const Ferry__Control__Request *request);
/* An empty last reply: only says that nothing follows. */
void reply_end(struct client *client);
/* The client is gone: its peer check is given up. */
void peer_check_forget(struct client *client);
/* The same, and the client is told, because ferryd ends. */
void peer_check_stop(struct client *client);

/* ---- control_checkpoint.c ---- */

int handle_checkpoint_create(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_checkpoint_list(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_checkpoint_show(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_checkpoint_verify(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_checkpoint_restore(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_checkpoint_replicate(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_checkpoint_remove(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_checkpoint_pin(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_checkpoint_unpin(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_checkpoint_export(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_checkpoint_import(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);

/* Sends more of the list, as far as the client takes it. */
void list_pump(struct client *client);

/* ---- control_schedule.c ---- */

int handle_schedule_list(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_schedule_add(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_schedule_remove(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_schedule_run(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_schedule_pause(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_schedule_resume(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
int handle_checkpoint_rehearse(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
/* The client is gone: it does not hear that its pin is on the disk. */
void pinning_forget(struct client *client);

/* ---- control_prune.c ---- */

int handle_checkpoint_prune(struct client *client, const Ferry__Control__Request *request, struct fy_error *err);
/* Sends more of the verdicts, as far as the client takes them. */
void prune_pump(struct client *client);
/* The client is gone: what it asked for is judged unheard. */
void prune_forget(struct client *client);

/* ---- control_spec.c ---- */

/* From a client's words to a checked specification. FY_E_USAGE. */
int spec_from_request(const Ferry__Control__Migrate *migrate, struct fy_migration_spec *spec, struct fy_error *err);

/* ---- control_watch.c ---- */

/* Begins watching; the record given is the first to be sent. */
int watch_add(struct client *client, struct fy_record *record, struct fy_error *err);
/* The same for the only job of a request, and sends it; takes the reference over, also when it fails. */
int watch_job(struct client *client, struct fy_record *record, struct fy_error *err);
void watch_publish(struct client *client, struct fy_record *record, bool step);
/* Sends what waits, as far as the client takes it. */
void watch_pump(struct client *client);
void watch_drop_all(struct client *client);

/* ---- control_log.c ---- */

/* Streams all logs of the directory. */
int log_stream_start(struct client *client, const char *log_dir, struct fy_error *err);
/* The client is gone. */
void log_stream_forget(struct client *client);

#endif
