/* Reaching a peer, and the frames that are no more than a line. */
#include "migrate_peer.h"

#include <dirent.h>
#include <fcntl.h>
#include <ferry/agent/migrate.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define KEEPALIVE_MS 5000u
#define MAX_LOG_BYTES (256u * 1024u)

static void list_peers(const struct fy_settings *settings, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < settings->peer_count && used < size; i++) {
        int n = snprintf(text + used, size - used, "%s%s", i ? ", " : "", settings->peers[i].name);
        used += n > 0 ? (size_t)n : 0;
    }
}

int fy_migrate_find_peer(const struct fy_host *host, const char *name, const struct fy_peer_settings **peer,
                         struct fy_error *err)
{
    *peer = fy_settings_peer(host->settings, name);
    if (*peer)
        return 0;
    char known[256];
    list_peers(host->settings, known, sizeof known);
    fy_error_set(err, FY_E_NOT_FOUND, "no peer '%s' in this agent's configuration", name);
    if (known[0])
        return fy_error_next(err, "known peers: %s; add others under 'peers:' and restart ferryd", known);
    return fy_error_next(err, "none is configured: add it under 'peers:' and restart ferryd");
}

int fy_migrate_connect(const struct fy_host *host, const struct fy_peer_settings *peer, struct fy_session *session,
                       struct fy_error *err)
{
    struct fy_ssh_options options = {
        .host = peer->host,
        .port = peer->port,
        .user = peer->user,
        .key_file = peer->key,
        .known_hosts = peer->known_hosts,
        .connect_timeout_ms = host->settings->timeouts.connect_ms,
        .keepalive_interval_ms = KEEPALIVE_MS,
        .dead_after_ms = host->settings->timeouts.link_ms,
    };
    if (host->shapers)
        session->options.shaper = &host->shapers[peer - host->settings->peers];
    return fy_session_connect_ssh(session, &options, err);
}

void fy_migrate_session_init(const struct fy_host *host, struct fy_session *session,
                             const struct fy_session_events *events)
{
    struct fy_session_options options = {
        .loop = host->loop,
        .own_name = host->settings->name,
        .registry = host->sessions,
        .link_timeout_ms = host->settings->timeouts.link_ms,
    };
    fy_session_init(session, &options, events);
}

int fy_migrate_send_prepare(struct fy_session *session, uint64_t epoch, struct fy_error *err)
{
    Ferry__Peer__Prepare prepare = FERRY__PEER__PREPARE__INIT;
    prepare.has_epoch = true;
    prepare.epoch = epoch;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(prepare, FERRY__PEER__FRAME__KIND_PREPARE, &prepare);
    return fy_session_send(session, &frame, NULL, 0, err);
}

int fy_migrate_send_prepared(struct fy_session *session, uint64_t epoch, uint64_t check_us, uint64_t restore_us,
                             struct fy_error *err)
{
    Ferry__Peer__Prepared prepared = FERRY__PEER__PREPARED__INIT;
    prepared.check_us = check_us;
    prepared.restore_us = restore_us;
    prepared.has_epoch = true;
    prepared.epoch = epoch;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(prepared, FERRY__PEER__FRAME__KIND_PREPARED, &prepared);
    return fy_session_send(session, &frame, NULL, 0, err);
}

int fy_migrate_send_commit(struct fy_session *session, uint64_t epoch, struct fy_error *err)
{
    Ferry__Peer__Commit commit = FERRY__PEER__COMMIT__INIT;
    commit.has_epoch = true;
    commit.epoch = epoch;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(commit, FERRY__PEER__FRAME__KIND_COMMIT, &commit);
    return fy_session_send(session, &frame, NULL, 0, err);
}

int fy_migrate_send_resolve(struct fy_session *session, const char *job_id, uint64_t epoch, bool commit,
                            struct fy_error *err)
{
    Ferry__Peer__Resolve resolve = FERRY__PEER__RESOLVE__INIT;
    resolve.job = (char *)job_id;
    resolve.commit = commit;
    resolve.has_epoch = true;
    resolve.epoch = epoch;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(resolve, FERRY__PEER__FRAME__KIND_RESOLVE, &resolve);
    return fy_session_send(session, &frame, NULL, 0, err);
}

int fy_migrate_send_received(struct fy_session *session, uint32_t chunks, uint64_t bytes, struct fy_error *err)
{
    Ferry__Peer__Received received = FERRY__PEER__RECEIVED__INIT;
    received.bytes = bytes;
    received.chunks = chunks;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(received, FERRY__PEER__FRAME__KIND_RECEIVED, &received);
    return fy_session_send(session, &frame, NULL, 0, err);
}

int fy_migrate_send_done(struct fy_session *session, uint64_t epoch, pid_t root_pid, uint64_t resume_us,
                         struct fy_error *err)
{
    Ferry__Peer__Done done = FERRY__PEER__DONE__INIT;
    done.root_pid = (uint32_t)root_pid;
    done.resume_us = resume_us;
    done.has_epoch = true;
    done.epoch = epoch;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(done, FERRY__PEER__FRAME__KIND_DONE, &done);
    return fy_session_send(session, &frame, NULL, 0, err);
}

int fy_migrate_send_abort(struct fy_session *session, uint64_t epoch, const struct fy_error *reason,
                          struct fy_error *err)
{
    Ferry__Peer__Failure failure = FERRY__PEER__FAILURE__INIT;
    fy_session_fill_failure(&failure, reason);
    Ferry__Peer__Abort abort_message = FERRY__PEER__ABORT__INIT;
    abort_message.reason = &failure;
    abort_message.has_epoch = true;
    abort_message.epoch = epoch;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(abort, FERRY__PEER__FRAME__KIND_ABORT, &abort_message);
    return fy_session_send(session, &frame, NULL, 0, err);
}

int fy_migrate_send_aborted(struct fy_session *session, uint64_t epoch, const struct fy_error *reason,
                            struct fy_error *err)
{
    Ferry__Peer__Failure failure = FERRY__PEER__FAILURE__INIT;
    Ferry__Peer__Aborted aborted = FERRY__PEER__ABORTED__INIT;
    if (reason) {
        fy_session_fill_failure(&failure, reason);
        aborted.reason = &failure;
    }
    aborted.has_epoch = true;
    aborted.epoch = epoch;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(aborted, FERRY__PEER__FRAME__KIND_ABORTED, &aborted);
    return fy_session_send(session, &frame, NULL, 0, err);
}

int fy_migrate_send_unready(struct fy_session *session, uint64_t epoch, const struct fy_error *reason,
                            struct fy_error *err)
{
    Ferry__Peer__Failure failure = FERRY__PEER__FAILURE__INIT;
    fy_session_fill_failure(&failure, reason);
    Ferry__Peer__Unready unready = FERRY__PEER__UNREADY__INIT;
    unready.reason = &failure;
    unready.has_epoch = true;
    unready.epoch = epoch;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(unready, FERRY__PEER__FRAME__KIND_UNREADY, &unready);
    return fy_session_send(session, &frame, NULL, 0, err);
}

/* The end of a file, where the cause of a failure stands. NULL when it cannot be read or is empty. */
static uint8_t *read_tail(const char *path, size_t *size)
{
    FY_AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return NULL;
    size_t wanted = st.st_size > MAX_LOG_BYTES ? MAX_LOG_BYTES : (size_t)st.st_size;
    uint8_t *data = malloc(wanted);
    if (!data)
        return NULL;
    ssize_t n = pread(fd, data, wanted, st.st_size - (off_t)wanted);
    if (n <= 0) {
        free(data);
        return NULL;
    }
    *size = (size_t)n;
    return data;
}

void fy_migrate_send_log(struct fy_session *session, const char *directory, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    size_t size = 0;
    uint8_t *data = read_tail(path, &size);
    if (!data)
        return;
    Ferry__Peer__Log log = FERRY__PEER__LOG__INIT;
    log.name = (char *)name;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(log, FERRY__PEER__FRAME__KIND_LOG, &log);
    (void)fy_session_send(session, &frame, data, size, NULL);
}

void fy_migrate_send_logs(struct fy_session *session, const char *directory)
{
    DIR *dir = directory ? opendir(directory) : NULL;
    struct dirent *entry;
    unsigned sent = 0;
    while (dir && sent < FY_MAX_LOGS && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.' || !fy_fs_is_plain_name(entry->d_name))
            continue;
        fy_migrate_send_log(session, directory, entry->d_name);
        sent++;
    }
    if (dir)
        (void)closedir(dir);
}

void fy_migrate_keep_log(const char *directory, const Ferry__Peer__Log *log, const uint8_t *body, size_t body_bytes)
{
    if (!fy_fs_is_plain_name(log->name) || body_bytes > MAX_LOG_BYTES)
        return;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/peer-%s", directory, log->name);
    (void)fy_fs_write_file(path, body, body_bytes, 0600, NULL);
}
