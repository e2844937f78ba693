/* Having a peer restore its copy of a checkpoint. */
#include "checkpoint_op.h"
#include "migrate_peer.h"

#include <ferry/agent/checkpoint_copy.h>
#include <ferry/base/cleanup.h>
#include <string.h>

struct remote {
    struct fy_checkpoint_op op;
    char peer[FY_PEER_NAME_SIZE];
    char id[FY_CHECKPOINT_ID_SIZE];
    char as[FY_WORKLOAD_ID_SIZE];
    enum fy_tcp_mode tcp;
    struct fy_session session;
    uv_timer_t deadline;
    bool answered;
    struct fy_error err;
};

static struct remote *of(struct fy_checkpoint_op *op)
{
    return fy_container_of(op, struct remote, op);
}

static void timer_closed(uv_handle_t *handle)
{
    struct remote *remote = fy_container_of((uv_timer_t *)handle, struct remote, deadline);
    checkpoint_op_end(&remote->op, fy_error_is_set(&remote->err) ? &remote->err : NULL);
}

static void end(struct remote *remote)
{
    uv_close((uv_handle_t *)&remote->deadline, timer_closed);
}

static void late(uv_timer_t *timer)
{
    struct remote *remote = fy_container_of(timer, struct remote, deadline);
    fy_error_set(&remote->err, FY_E_TIMEOUT, "%s did not answer in time", remote->peer);
    fy_error_next(&remote->err, "see on %s how it stands there: ferry job list", remote->peer);
    fy_session_close(&remote->session);
}

static void greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    struct remote *remote = fy_container_of(session, struct remote, session);
    struct fy_error err = FY_ERROR_INIT;
    Ferry__Peer__CopyRestore message = FERRY__PEER__COPY_RESTORE__INIT;
    (void)hello;
    message.id = remote->id;
    message.as = remote->as[0] ? remote->as : NULL;
    message.tcp = (char *)(uintptr_t)fy_tcp_mode_name(remote->tcp);
    Ferry__Peer__Frame frame = FY_PEER_FRAME(copy_restore, FERRY__PEER__FRAME__KIND_COPY_RESTORE, &message);
    checkpoint_op_phase(&remote->op, "restore", NULL);
    if (fy_session_send(session, &frame, NULL, 0, &err) < 0)
        fy_session_fail(session, &err);
}

static void frame_arrived(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                          size_t body_bytes)
{
    struct remote *remote = fy_container_of(session, struct remote, session);
    struct fy_error err = FY_ERROR_INIT;
    (void)body;
    (void)body_bytes;
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_COPY_RESTORED) {
        remote->answered = true;
        remote->op.report.root_pid = (pid_t)frame->copy_restored->root_pid;
        remote->op.report.workload_state = "runs at the peer";
        fy_session_close(session);
        return;
    }
    fy_error_set(&err, FY_E_PROTOCOL, "%s sent a frame of kind %d out of order", remote->peer, (int)frame->kind_case);
    fy_session_fail(session, &err);
}

static void drained(struct fy_session *session)
{
    (void)session;
}

static void closed(struct fy_session *session, const struct fy_error *err)
{
    struct remote *remote = fy_container_of(session, struct remote, session);
    if (!remote->answered) {
        fy_error_propagate(&remote->err, err);
        fy_error_set(&remote->err, FY_E_UNREACHABLE, "the link to %s was closed", remote->peer);
        if (remote->err.code == FY_E_NOT_FOUND) /* what the peer advises is for an operator there */
            fy_error_next(&remote->err, "copy it there first: ferry checkpoint replicate %s --to %s", remote->id,
                          remote->peer);
    }
    end(remote);
}

static void begin(struct fy_checkpoint_op *op)
{
    static const struct fy_session_events events = {
        .greeted = greeted, .frame = frame_arrived, .drained = drained, .closed = closed};
    struct remote *remote = of(op);
    const struct fy_host *host = op->options.host;
    const struct fy_peer_settings *peer = NULL;
    (void)uv_timer_init(host->loop, &remote->deadline);
    checkpoint_op_phase(op, "connect", NULL);
    if (fy_migrate_find_peer(host, remote->peer, &peer, &remote->err) < 0) {
        end(remote);
        return;
    }
    fy_migrate_session_init(host, &remote->session, &events);
    if (fy_migrate_connect(host, peer, &remote->session, &remote->err) < 0)
        end(remote);
    else
        (void)uv_timer_start(&remote->deadline, late, 2 * host->settings->timeouts.restore_ms, 0);
}

static int cancel(struct fy_checkpoint_op *op, struct fy_error *err)
{
    fy_error_set(err, FY_E_BUSY, "the restore goes on at %s", of(op)->peer);
    return fy_error_next(err, "cancel its job there: ferry job list");
}

static const struct fy_checkpoint_kind remote_kind = {
    .size = sizeof(struct remote),
    .begin = begin,
    .cancel = cancel,
};

int fy_checkpoint_restore_on_start(const struct fy_checkpoint_op_options *options, const char *id, const char *peer,
                                   const char *as, enum fy_tcp_mode tcp, struct fy_checkpoint_op **op,
                                   struct fy_error *err)
{
    if (checkpoint_op_new(&remote_kind, options, NULL, op, err) < 0)
        return -1;
    struct remote *remote = of(*op);
    (void)snprintf(remote->peer, sizeof remote->peer, "%s", peer);
    (void)snprintf((*op)->report.peer, sizeof(*op)->report.peer, "%s", peer);
    (void)snprintf(remote->id, sizeof remote->id, "%s", id);
    (void)snprintf(remote->as, sizeof remote->as, "%s", as ? as : "");
    remote->tcp = tcp;
    return 0;
}
