/* RECEIVE, CHECK, READY, RESTORE, PREPARED, RUN. */
#include "job_directory.h"
#include "migrate_check.h"
#include "migrate_destination.h"

#include <ferry/agent/address.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>

static uint64_t since_us(uint64_t start_ns)
{
    return (fy_clock_monotonic_ns() - start_ns) / 1000;
}

/* ---- RECEIVE ---- */

void fy_destination_acknowledge(struct fy_receiver *receiver)
{
    struct fy_error err = FY_ERROR_INIT;
    if (receiver->report.bytes_sent == receiver->acknowledged_bytes)
        return;
    receiver->acknowledged_bytes = receiver->report.bytes_sent;
    if (fy_migrate_send_received(&receiver->session, receiver->kept_chunks, receiver->acknowledged_bytes, &err) < 0)
        fy_destination_fail(receiver, &err);
}

static void received(uint32_t chunks, uint64_t bytes, void *data)
{
    struct fy_receiver *receiver = data;
    receiver->kept_chunks = chunks;
    receiver->report.bytes_sent = bytes;
    if (receiver->phase == FY_DESTINATION_RECEIVE)
        fy_destination_acknowledge(receiver);
}

static void pressure(bool pause, void *data)
{
    struct fy_receiver *receiver = data;
    if (!receiver->session.link)
        return;
    if (pause)
        fy_link_pause(receiver->session.link);
    else
        fy_link_resume(receiver->session.link);
}

static void checked(uv_work_t *work, int status)
{
    (void)status;
    struct fy_receiver *receiver = fy_container_of(work, struct fy_receiver, work);
    receiver->pending--;
    if (fy_destination_is_over(receiver))
        return;
    if (fy_error_is_set(&receiver->work_error)) {
        fy_destination_fail(receiver, &receiver->work_error);
        return;
    }
    receiver->check_us = since_us(receiver->phase_start_ns);
    fy_destination_enter(receiver, FY_DESTINATION_READY);
    if (receiver->prepare_wanted)
        fy_destination_prepare(receiver);
    else
        fy_destination_expect(receiver, "PREPARE", receiver->host->settings->timeouts.link_ms);
}

static void check(uv_work_t *work)
{
    struct fy_receiver *receiver = fy_container_of(work, struct fy_receiver, work);
    (void)fy_migrate_check_set(receiver->images_dir, &receiver->work_error);
}

static void set_arrived(const struct fy_error *err, void *data)
{
    struct fy_receiver *receiver = data;
    receiver->receive = NULL;
    if (fy_destination_is_over(receiver))
        return;
    struct fy_error failure = FY_ERROR_INIT;
    if (err) {
        fy_destination_fail(receiver, err);
        return;
    }
    receiver->report.bytes_total = receiver->report.bytes_sent;
    fy_destination_enter(receiver, FY_DESTINATION_CHECK);
    receiver->phase_start_ns = fy_clock_monotonic_ns();
    if (uv_queue_work(receiver->host->loop, &receiver->work, check, checked) == 0) {
        receiver->pending++;
        return;
    }
    fy_error_set(&failure, FY_E_NOMEM, "the thread pool takes no work");
    fy_destination_fail(receiver, &failure);
}

void fy_destination_receive_start(struct fy_receiver *receiver, uint64_t space_bytes)
{
    static const struct fy_receive_set_events events = {
        .received = received, .pressure = pressure, .done = set_arrived};
    struct fy_error err = FY_ERROR_INIT;
    fy_destination_enter(receiver, FY_DESTINATION_RECEIVE);
    if (fy_job_directory_make(receiver->host->settings->run_dir, receiver->options.job_id, &receiver->job_dir,
                              &receiver->images_dir, &err) < 0 ||
        fy_receive_set_start(receiver->host->loop, receiver->images_dir, space_bytes, &events, receiver,
                             &receiver->receive, &err) < 0) {
        fy_destination_fail(receiver, &err);
        return;
    }
    /* The source dumps before it sends; how long it may stay frozen is its own limit. */
    uint64_t day_ms = 24u * 3600u * 1000u;
    uint64_t hold_ms = receiver->offer->hold_ms < day_ms ? receiver->offer->hold_ms : day_ms;
    fy_destination_expect(receiver, "the first byte of the image set",
                          hold_ms + receiver->host->settings->timeouts.link_ms);
}

/* ---- RESTORE, PREPARED ---- */

static void restore_held(struct fy_restore *restore, void *data)
{
    (void)restore;
    struct fy_receiver *receiver = data;
    struct fy_error err = FY_ERROR_INIT;
    if (receiver->phase != FY_DESTINATION_RESTORE)
        return;                    /* discarding: the driver has its decision */
    if (!receiver->session.link) { /* nobody was told PREPARED, so nobody can have decided upon it */
        fy_error_set(&err, FY_E_UNREACHABLE, "the link to the source was lost during the restore");
        fy_destination_fail(receiver, &err);
        return;
    }
    fy_destination_enter(receiver, FY_DESTINATION_PREPARED);
    Ferry__Peer__Prepared prepared = FERRY__PEER__PREPARED__INIT;
    prepared.check_us = receiver->check_us;
    prepared.restore_us = since_us(receiver->phase_start_ns);
    Ferry__Peer__Frame frame = FY_PEER_FRAME(prepared, FERRY__PEER__FRAME__KIND_PREPARED, &prepared);
    if (fy_session_send(&receiver->session, &frame, NULL, 0, &err) < 0)
        fy_session_fail(&receiver->session, &err);
}

static void restore_done(struct fy_restore *restore, enum fy_workload_state state, pid_t root_pid,
                         const struct fy_error *err, void *data)
{
    (void)restore;
    struct fy_receiver *receiver = data;
    receiver->restore = NULL;
    if (fy_destination_is_over(receiver))
        return;
    if (receiver->phase == FY_DESTINATION_RUN && state == FY_WORKLOAD_RUNNING) {
        receiver->report.root_pid = root_pid;
        receiver->report.workload_state = "runs here";
        (void)fy_migrate_send_done(&receiver->session, root_pid, since_us(receiver->phase_start_ns), NULL);
        fy_destination_end(receiver);
        return;
    }
    struct fy_error failure = FY_ERROR_INIT;
    fy_error_propagate(&failure, err);
    fy_error_set(&failure, FY_E_RESTORE, "the restore ended before it was decided upon");
    fy_destination_fail(receiver, &failure);
}

static void staged(const struct fy_error *err, void *data)
{
    static const struct fy_restore_events events = {.held = restore_held, .done = restore_done};
    struct fy_receiver *receiver = data;
    receiver->pending--;
    receiver->staged = err == NULL;
    if (fy_destination_is_over(receiver))
        return;
    struct fy_error failure = FY_ERROR_INIT;
    if (err) {
        fy_destination_fail(receiver, err);
        return;
    }
    struct fy_restore_request request = {
        .spec = &receiver->spec,
        .job_id = receiver->options.job_id,
        .images_dir = receiver->images_dir,
        .work_dir = receiver->options.log_dir,
        .bundle = receiver->offer->bundle,
    };
    if (fy_restore_start(receiver->host, &request, &events, receiver, &receiver->restore, &failure) < 0)
        fy_destination_fail(receiver, &failure);
}

void fy_destination_prepare(struct fy_receiver *receiver)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_destination_enter(receiver, FY_DESTINATION_RESTORE);
    receiver->phase_start_ns = fy_clock_monotonic_ns();
    receiver->pending++;
    if (fy_address_stage(receiver->host, receiver->options.job_id, receiver->spec.addresses,
                         receiver->spec.address_count, staged, receiver, &err) < 0)
        staged(&err, receiver);
}

/* ---- RUN ---- */

static void announced(const struct fy_error *err, void *data)
{
    struct fy_receiver *receiver = data;
    receiver->pending--;
    if (fy_destination_is_over(receiver))
        return;
    fy_error_propagate(&receiver->report.error, err); /* told, but no reason to stop what is to run */
    fy_restore_decide(receiver->restore, FY_DECIDE_RUN);
}

/* The address first: the sockets are there since the restore, and the first packet that a task sends must get out. */
void fy_destination_commit(struct fy_receiver *receiver)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_destination_enter(receiver, FY_DESTINATION_RUN);
    receiver->phase_start_ns = fy_clock_monotonic_ns();
    receiver->pending++;
    if (fy_address_go(receiver->host, receiver->options.job_id, receiver->spec.addresses, receiver->spec.address_count,
                      announced, receiver, &err) < 0)
        announced(&err, receiver);
}
