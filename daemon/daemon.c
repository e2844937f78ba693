/* ferryd's life.
 *
 *     start: lock state, run directory, store, holds, staged addresses, jobs, sockets, signals --> READY
 *     stop:  signal --> no new jobs, jobs roll back or complete --idle--> sockets, clients, holds and store are
 *            closed --> loop empty --> exit; timeouts.stop bounds all of it
 */
#include <ferry/agent/address.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <ferry/daemon/access.h>
#include <ferry/daemon/checkpoints.h>
#include <ferry/daemon/control_server.h>
#include <ferry/daemon/daemon.h>
#include <ferry/daemon/jobs.h>
#include <ferry/daemon/lag_guard.h>
#include <ferry/daemon/notify.h>
#include <ferry/daemon/places.h>
#include <ferry/daemon/scheduler.h>
#include <ferry/daemon/store.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_CLIENTS 64
#define MAX_PEER_LINKS 64
#define LAG_WARNING_US 100000u /* shorter stalls are only for debugging */

struct daemon {
    const struct fy_settings *settings;
    const struct fy_migration_ops *ops;
    struct fy_log *log;
    uv_loop_t loop;
    struct fy_host host;
    struct fy_lag_guard lag;
    struct fy_access control_access, peer_access;
    uid_t peer_uid;
    struct fy_store *store;
    struct fy_jobs *jobs;
    struct fy_checkpoint_key *key;
    struct fy_checkpoint_store *checkpoint_store;
    struct fy_checkpoints *checkpoints;
    struct fy_scheduler *scheduler;
    struct fy_checkpoint_service checkpoint_service;
    struct fy_control_server *control;
    struct fy_listener *control_listener, *peer_listener;
    uv_signal_t signals[3];
    uv_timer_t stop_timer;
    int lock_fd;
    int64_t started_us;
    bool refused; /* to start */
    bool stopping;
    bool out_of_time;
};

/* ---- telling ---- */

static void notify(struct daemon *d, const char *state)
{
    struct fy_error err = FY_ERROR_INIT;
    if (fy_notify_send(state, &err) < 0)
        fy_log_error(d->log, NULL, "the service manager was not told", &err);
}

static void on_stall(uint64_t busy_us, uint64_t processor_us, void *data)
{
    struct daemon *d = data;
    fy_log_write(d->log, busy_us > LAG_WARNING_US ? FY_LOG_WARNING : FY_LOG_DEBUG, NULL,
                 "the event loop was busy for %llu.%03llu ms in one turn, %llu.%03llu ms of them with a processor",
                 (unsigned long long)(busy_us / 1000), (unsigned long long)(busy_us % 1000),
                 (unsigned long long)(processor_us / 1000), (unsigned long long)(processor_us % 1000));
}

static void on_store_failed(const char *id, const struct fy_error *err, void *data)
{
    struct daemon *d = data;
    fy_log_error(d->log, id, "the job's record on disk is out of date", err);
}

static void on_refused(const struct fy_error *err, void *data)
{
    struct daemon *d = data;
    fy_log_error(d->log, NULL, "a connection was refused", err);
}

static void on_job_changed(struct fy_record *record, bool step, void *data)
{
    struct daemon *d = data;
    if (d->control)
        fy_control_server_publish(d->control, record, step);
    if (d->scheduler)
        fy_scheduler_job_changed(d->scheduler, record);
}

static void fill_status(Ferry__Control__Status *status, void *data)
{
    const struct daemon *d = data;
    status->has_started_us = 1;
    status->started_us = d->started_us;
    status->has_loop_stalls = 1;
    status->loop_stalls = d->lag.stalls;
    status->has_loop_longest_us = 1;
    status->loop_longest_us = d->lag.longest_us;
}

/* ---- stopping ---- */

static void control_closed(void *data)
{
    struct daemon *d = data;
    d->control = NULL;
}

/* After the scheduler, which has the database open as well: two connections that close at the same time both leave the
 * log file to the other, and it stays. */
static void close_store(void *data)
{
    struct daemon *d = data;
    if (d->store)
        fy_store_close(fy_take(d->store), NULL, NULL);
}

/* Closes what there is; the loop ends when all of it is closed, or the timer has had enough. */
static void close_all(struct daemon *d)
{
    if (d->control_listener)
        fy_listener_close(fy_take(d->control_listener), NULL, NULL);
    if (d->peer_listener)
        fy_listener_close(fy_take(d->peer_listener), NULL, NULL);
    fy_checkpoint_serve_stop(&d->checkpoint_service, "ferryd is stopping");
    if (d->host.holds)
        fy_hold_server_close(fy_take(d->host.holds), NULL, NULL);
    if (d->scheduler)
        fy_scheduler_close(fy_take(d->scheduler), close_store, d);
    else
        close_store(d);
    for (size_t i = 0; i < FY_ARRAY_SIZE(d->signals); i++)
        uv_close((uv_handle_t *)&d->signals[i], NULL);
    fy_lag_guard_close(&d->lag);
    if (d->control)
        fy_control_server_close(d->control, control_closed, d);
}

static void on_idle(void *data)
{
    struct daemon *d = data;
    fy_log_write(d->log, FY_LOG_INFO, NULL, "all jobs have settled; ferryd ends");
    close_all(d);
}

static void on_out_of_time(uv_timer_t *timer)
{
    struct daemon *d = fy_container_of(timer, struct daemon, stop_timer);
    d->out_of_time = true;
    uv_stop(&d->loop);
}

static void stop(struct daemon *d, const char *why)
{
    if (d->stopping) {
        fy_log_write(d->log, FY_LOG_INFO, NULL, "%s: stopping already, %zu jobs have not settled", why,
                     fy_jobs_active(d->jobs));
        return;
    }
    d->stopping = true;
    fy_log_write(d->log, FY_LOG_INFO, NULL, "%s: no new jobs, unfinished ones are rolled back", why);
    notify(d, "STOPPING=1\nSTATUS=Rolling back unfinished jobs");
    (void)uv_timer_start(&d->stop_timer, on_out_of_time, d->settings->timeouts.stop_ms, 0);
    fy_scheduler_stop(d->scheduler);
    fy_jobs_stop(d->jobs, "ferryd is stopping", on_idle, d);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;
    if (number == SIGHUP)
        fy_log_write(d->log, FY_LOG_WARNING, NULL, "SIGHUP is ignored: restart ferryd to read its configuration again");
    else
        stop(d, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* ---- starting ---- */

static void on_control_link(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    (void)pid;
    struct daemon *d = data;
    fy_control_server_serve(d->control, link, uid);
}

static void on_peer_link(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    (void)uid;
    (void)pid;
    struct daemon *d = data;
    fy_jobs_receive(d->jobs, link);
}

static void on_swept(const struct fy_error *err, void *data)
{
    struct daemon *d = data;
    if (err)
        fy_log_error(d->log, NULL, "a service address that an earlier ferryd had staged", err);
    if (!d->refused)
        fy_jobs_take_up(d->jobs);
}

static int make_shapers(struct daemon *d, struct fy_error *err)
{
    const struct fy_settings *settings = d->settings;
    d->host.shapers = calloc(settings->peer_count + 1, sizeof(*d->host.shapers));
    if (!d->host.shapers)
        return fy_error_set(err, FY_E_NOMEM, "no memory for starting");
    for (size_t i = 0; i < settings->peer_count; i++)
        fy_bucket_set_rate(&d->host.shapers[i].bucket, settings->peers[i].bandwidth_bytes, fy_clock_monotonic_ns());
    return 0;
}

static int start_jobs(struct daemon *d, struct fy_error *err)
{
    FY_AUTO_FREE char *hold_path = NULL;
    FY_AUTO_FREE char *client = NULL;
    if (fy_places_find_client(&client, err) < 0 ||
        fy_store_open(&d->loop, d->settings->state_dir, on_store_failed, d, &d->store, err) < 0)
        return -1;
    d->host.sessions = fy_session_registry_new(err);
    if (!d->host.sessions || make_shapers(d, err) < 0)
        return -1;
    if (asprintf(&hold_path, "%s/hold.sock", d->settings->run_dir) < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for starting");
    if (fy_hold_server_start(&d->loop, hold_path, client, &d->host.holds, err) < 0)
        return -1;
    if (fy_address_sweep(&d->host, on_swept, d, err) < 0)
        return -1;
    d->host.journal = fy_store_journal(d->store);
    struct fy_jobs_options options = {
        .loop = &d->loop,
        .host = &d->host,
        .ops = d->ops,
        .store = d->store,
        .log = d->log,
        .changed = on_job_changed,
        .data = d,
    };
    return fy_jobs_new(&options, &d->jobs, err);
}

static int read_key(struct daemon *d, struct fy_error *err)
{
    if (d->settings->checkpoints.key_file && d->settings->checkpoints.key_command)
        return fy_error_set(err, FY_E_CONFIG, "checkpoints: key_file and key_command are both set; use one of them");
    if (d->settings->checkpoints.key_file)
        return fy_checkpoint_key_read(d->settings->checkpoints.key_file, &d->key, err);
    if (d->settings->checkpoints.key_command)
        return fy_checkpoint_key_run(d->settings->checkpoints.key_command, &d->key, err);
    return 0;
}

static int start_checkpoints(struct daemon *d, struct fy_error *err)
{
    FY_AUTO_FREE char *database = NULL;
    FY_AUTO_FREE char *directory = NULL;
    if (asprintf(&database, "%s/ferry.db", d->settings->state_dir) < 0 ||
        asprintf(&directory, "%s/checkpoints", d->settings->state_dir) < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for starting");
    if (read_key(d, err) < 0)
        return -1;
    const struct fy_checkpoint_store_options store = {
        .directory = directory,
        .scratch = d->settings->run_dir,
        .plain = d->settings->checkpoints.form == FY_CHECKPOINTS_PLAIN,
        .uncompressed = d->settings->checkpoints.form == FY_CHECKPOINTS_PLAIN,
        .key = d->key,
        .sign_key = d->settings->checkpoints.sign_key,
        .max_chain = d->settings->checkpoints.max_chain,
    };
    if (fy_checkpoint_store_open(&store, &d->checkpoint_store, err) < 0)
        return -1;
    const struct fy_checkpoints_options options = {
        .host = &d->host, .store = d->checkpoint_store, .jobs = d->jobs, .database = database, .log = d->log};
    if (fy_checkpoints_new(&options, &d->checkpoints, err) < 0)
        return -1;
    fy_checkpoints_serve(d->checkpoints, &d->checkpoint_service);
    d->host.checkpoints = &d->checkpoint_service;
    return 0;
}

static int start_scheduler(struct daemon *d, struct fy_error *err)
{
    FY_AUTO_FREE char *database = NULL;
    FY_AUTO_FREE char *directory = NULL;
    if (asprintf(&database, "%s/ferry.db", d->settings->state_dir) < 0 ||
        asprintf(&directory, "%s/checkpoints", d->settings->state_dir) < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for starting");
    const struct fy_scheduler_options options = {.host = &d->host,
                                                 .jobs = d->jobs,
                                                 .checkpoints = d->checkpoints,
                                                 .database = database,
                                                 .store_dir = directory,
                                                 .log = d->log};
    return fy_scheduler_new(&options, &d->scheduler, err);
}

static int start_control(struct daemon *d, struct fy_error *err)
{
    struct fy_control_options options = {
        .loop = &d->loop,
        .host = &d->host,
        .ops = d->ops,
        .jobs = d->jobs,
        .checkpoints = d->checkpoints,
        .scheduler = d->scheduler,
        .log = d->log,
        .status = fill_status,
        .data = d,
    };
    struct fy_listener_options listen = {
        .path = d->settings->control.socket,
        .mode = 0660,
        .owner_uid = 0,
        .owner_gid = 0,
        .max_links = MAX_CLIENTS,
        .refused = on_refused,
    };
    if (fy_access_resolve(d->settings->control.users, d->settings->control.groups, &d->control_access, err) < 0 ||
        fy_control_server_new(&options, &d->control, err) < 0)
        return -1;
    listen.access = d->control_access;
    if (fy_listener_start(&d->loop, &listen, on_control_link, d, &d->control_listener, err) < 0)
        return fy_error_wrap(err, "control socket");
    return fy_access_apply(listen.path, &d->control_access, err);
}

static int start_peer(struct daemon *d, struct fy_error *err)
{
    gid_t gid;
    if (fy_access_find_user(d->settings->peer.user, &d->peer_uid, &gid, err) < 0)
        return fy_error_wrap(err, "peer.user");
    d->peer_access = (struct fy_access){.uids = &d->peer_uid, .uid_count = 1};
    struct fy_listener_options listen = {
        .path = d->settings->peer.socket,
        .mode = 0600,
        .owner_uid = d->peer_uid,
        .owner_gid = gid,
        .access = d->peer_access,
        .max_links = MAX_PEER_LINKS,
        .refused = on_refused,
    };
    if (fy_listener_start(&d->loop, &listen, on_peer_link, d, &d->peer_listener, err) < 0)
        return fy_error_wrap(err, "peer socket");
    return 0;
}

static void start_signals(struct daemon *d)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    (void)signal(SIGPIPE, SIG_IGN);
    (void)uv_timer_init(&d->loop, &d->stop_timer);
    uv_unref((uv_handle_t *)&d->stop_timer);
    for (size_t i = 0; i < FY_ARRAY_SIZE(numbers); i++) {
        (void)uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        (void)uv_signal_start(&d->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&d->signals[i]);
    }
}

static int start(struct daemon *d, struct fy_error *err)
{
    start_signals(d);
    fy_lag_guard_start(&d->loop, &d->lag, on_stall, d);
    d->host = (struct fy_host){.loop = &d->loop, .settings = d->settings};
    if (start_jobs(d, err) < 0 || start_checkpoints(d, err) < 0 || start_scheduler(d, err) < 0 ||
        start_control(d, err) < 0 || start_peer(d, err) < 0)
        return -1;
    d->started_us = fy_clock_wall_us();
    fy_log_write(d->log, FY_LOG_INFO, NULL, "ferryd %s on %s is ready: control %s, peers %s", FERRY_VERSION,
                 d->settings->name, d->settings->control.socket, d->settings->peer.socket);
    notify(d, "READY=1\nSTATUS=Ready");
    return 0;
}

/* ---- the whole ---- */

/* What has not settled is still at work, on threads of links and of libuv's pool too. exit() would take OpenSSL down
 * under the former and wait for the latter, so it is not called. */
_Noreturn static void end_at_once(struct daemon *d)
{
    struct fy_error err = FY_ERROR_INIT;
    size_t active = fy_jobs_active(d->jobs);
    if (active > 0) {
        fy_error_set(&err, FY_E_TIMEOUT, "%zu jobs had not settled after timeouts.stop; the next start names them",
                     active);
        fy_log_error(d->log, NULL, "ferryd ends", &err);
    }
    _exit(active > 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int run_loop(struct daemon *d, struct fy_error *err)
{
    int result = start(d, err);
    d->refused = result < 0;
    if (d->refused)
        close_all(d);
    (void)uv_run(&d->loop, UV_RUN_DEFAULT);
    if (d->out_of_time)
        end_at_once(d);
    uv_close((uv_handle_t *)&d->stop_timer, NULL);
    (void)uv_run(&d->loop, UV_RUN_DEFAULT);
    fy_checkpoints_free(d->checkpoints);
    fy_jobs_free(d->jobs);
    fy_session_registry_free(d->host.sessions);
    free(d->host.shapers);
    fy_checkpoint_store_close(d->checkpoint_store);
    fy_checkpoint_key_free(d->key);
    fy_access_done(&d->control_access);
    int busy = uv_loop_close(&d->loop);
    if (busy < 0 && result == 0)
        return fy_error_set(err, FY_E_INTERNAL, "the event loop ended with open handles: %s", uv_strerror(busy));
    return result;
}

int fy_daemon_run(const struct fy_settings *settings, const struct fy_migration_ops *ops, struct fy_log *log,
                  struct fy_error *err)
{
    struct daemon d = {.settings = settings, .ops = ops, .log = log, .lock_fd = -1};
    if (fy_places_lock_state(settings->state_dir, &d.lock_fd, err) < 0)
        return -1;
    int result = fy_places_make_run(settings->run_dir, err);
    int status = result == 0 ? uv_loop_init(&d.loop) : 0;
    if (status < 0)
        result = fy_error_set(err, FY_E_IO, "an event loop cannot be made: %s", uv_strerror(status));
    if (result == 0)
        result = run_loop(&d, err);
    (void)close(d.lock_fd);
    return result;
}
