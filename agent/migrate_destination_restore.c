/* RECEIVE, CHECK, RESTORE, RUN. */
#include "job_directory.h"
#include "keep_set.h"
#include "migrate_check.h"
#include "migrate_destination.h"

#include <ferry/agent/address.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <stdio.h>

static uint64_t since_us(uint64_t start_ns)
{
    return (fy_clock_monotonic_ns() - start_ns) / 1000;
}

/* ---- RECEIVE ---- */

void fy_receiver_acknowledge(struct fy_receiver *receiver)
{
    struct fy_error err = FY_ERROR_INIT;
    if (receiver->report.bytes_sent == receiver->acknowledged_bytes)
        return;
    receiver->acknowledged_bytes = receiver->report.bytes_sent;
    if (fy_migrate_send_received(&receiver->session, receiver->kept_chunks, receiver->acknowledged_bytes, &err) < 0)
        (void)fy_destination_fail(&receiver->core, &err);
}

static void received(uint32_t chunks, uint64_t bytes, void *data)
{
    struct fy_receiver *receiver = data;
    receiver->kept_chunks = chunks;
    receiver->report.bytes_sent = bytes;
    if (receiver->core.phase == FY_DESTINATION_RECEIVE)
        fy_receiver_acknowledge(receiver);
}

static void kept(uint64_t number, void *data)
{
    struct fy_receiver *receiver = data;
    fy_session_data_kept(&receiver->session, number);
}

static void set_arrived(const struct fy_error *err, void *data)
{
    struct fy_receiver *receiver = data;
    receiver->receive = NULL;
    if (!err)
        receiver->report.bytes_total = receiver->report.bytes_sent;
    fy_destination_received(&receiver->core, err);
}

int fy_receiver_name_kept(struct fy_receiver *receiver, struct fy_error *err)
{
    if (!receiver->spec.durable)
        return 0;
    if (asprintf(&receiver->kept_dir, "%s/images/%s", receiver->host->settings->state_dir, receiver->options.job_id) <
        0) {
        receiver->kept_dir = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for directory names");
    }
    return 0;
}

void fy_receiver_receive(void *ctx)
{
    static const struct fy_receive_set_events events = {.received = received, .kept = kept, .done = set_arrived};
    struct fy_receiver *receiver = ctx;
    struct fy_error err = FY_ERROR_INIT;
    if (fy_receiver_name_kept(receiver, &err) < 0 ||
        fy_job_directory_make(receiver->host->settings->run_dir, receiver->options.job_id, &receiver->job_dir,
                              &receiver->images_dir, &err) < 0 ||
        fy_receive_set_start(receiver->host->loop, receiver->images_dir, receiver->space_bytes, &events, receiver,
                             &receiver->receive, &err) < 0) {
        fy_destination_received(&receiver->core, &err);
        return;
    }
    fy_receiver_note_begun(receiver);
}

void fy_receiver_receive_stop(void *ctx)
{
    struct fy_receiver *receiver = ctx;
    fy_receive_set_stop(receiver->receive, &receiver->report.error);
    fy_session_resume(&receiver->session);
}

/* ---- CHECK ---- */

static void check(uv_work_t *work)
{
    struct fy_receiver *receiver = fy_container_of(work, struct fy_receiver, work);
    if (fy_migrate_check_set(receiver->images_dir, &receiver->work_error) == 0 && receiver->kept_dir)
        (void)fy_keep_set(receiver->images_dir, receiver->kept_dir, &receiver->work_error);
}

static void arrived_hooks_done(void *data, const struct fy_error *err)
{
    struct fy_receiver *receiver = data;
    fy_destination_checked(&receiver->core, err);
}

static void checked(uv_work_t *work, int status)
{
    (void)status;
    struct fy_receiver *receiver = fy_container_of(work, struct fy_receiver, work);
    receiver->check_us = since_us(receiver->phase_start_ns);
    if (fy_error_is_set(&receiver->work_error))
        fy_destination_checked(&receiver->core, &receiver->work_error);
    else
        fy_receiver_run_hooks(receiver, FY_HOOK_POST_DUMP, arrived_hooks_done);
}

void fy_receiver_check(void *ctx)
{
    struct fy_receiver *receiver = ctx;
    struct fy_error err = FY_ERROR_INIT;
    if (uv_queue_work(receiver->host->loop, &receiver->work, check, checked) == 0)
        return;
    fy_error_set(&err, FY_E_NOMEM, "the thread pool takes no work");
    fy_destination_checked(&receiver->core, &err);
}

/* ---- RESTORE ---- */

static void restore_held(struct fy_restore *restore, void *data)
{
    (void)restore;
    fy_receiver_held(data);
}

static void restore_done(struct fy_restore *restore, enum fy_workload_state state, pid_t root_pid,
                         const struct fy_error *err, void *data)
{
    (void)restore;
    struct fy_receiver *receiver = data;
    bool runs = state == FY_WORKLOAD_RUNNING;
    receiver->restore = NULL;
    if (runs)
        receiver->report.root_pid = root_pid;
    if (!receiver->announcing)
        fy_destination_restored(&receiver->core, runs, err);
    else {
        fy_error_propagate(&receiver->lost, err);
        fy_error_set(&receiver->lost, FY_E_RESTORE, "the prepared copy was lost as it was to run");
    }
}

static void start_restore(struct fy_receiver *receiver)
{
    static const struct fy_restore_events events = {.held = restore_held, .done = restore_done};
    struct fy_error err = FY_ERROR_INIT;
    struct fy_restore_request request = {
        .spec = &receiver->spec,
        .job_id = receiver->options.job_id,
        .images_dir = receiver->images_dir,
        .work_dir = receiver->options.log_dir,
        .bundle = receiver->offer->bundle,
    };
    if (receiver->drop_wanted)
        fy_error_set(&err, FY_E_CANCELLED, "given up before the restore began");
    else if (fy_restore_start(receiver->host, &request, &events, receiver, &receiver->restore, &err) == 0)
        return;
    fy_destination_restored(&receiver->core, false, &err);
}

static void staged(const struct fy_error *err, void *data)
{
    struct fy_receiver *receiver = data;
    receiver->staging = false;
    receiver->staged = err == NULL;
    if (err)
        fy_destination_restored(&receiver->core, false, err);
    else
        start_restore(receiver);
}

static void stage(struct fy_receiver *receiver)
{
    struct fy_error err = FY_ERROR_INIT;
    receiver->restage = true;
    if (fy_address_stage(receiver->host, receiver->options.job_id, receiver->spec.addresses,
                         receiver->spec.address_count, staged, receiver, &err) < 0)
        staged(&err, receiver);
}

static void cleared(const struct fy_error *err, void *data)
{
    (void)err; /* staging will tell */
    stage(data);
}

/* What an attempt before has staged, or even announced, goes first. */
static void clear_and_stage(void *data, const struct fy_error *hook_error)
{
    struct fy_receiver *receiver = data;
    if (hook_error) {
        fy_destination_restored(&receiver->core, false, hook_error);
        return;
    }
    receiver->staging = true;
    if (!receiver->restage || fy_address_unstage(receiver->host, receiver->options.job_id, receiver->spec.addresses,
                                                 receiver->spec.address_count, cleared, receiver, NULL) < 0)
        stage(receiver);
}

void fy_receiver_restore(void *ctx)
{
    struct fy_receiver *receiver = ctx;
    if (receiver->core.phase == FY_DESTINATION_RESTORE)
        fy_receiver_run_hooks(receiver, FY_HOOK_PRE_RESTORE, clear_and_stage);
    else
        clear_and_stage(receiver, NULL);
}

/* While the addresses are on their way there is no restore yet that could be told. */
void fy_receiver_drop(void *ctx)
{
    struct fy_receiver *receiver = ctx;
    receiver->drop_wanted = receiver->staging;
    fy_hook_point_stop(&receiver->hooks);
    if (receiver->restore)
        fy_restore_decide(receiver->restore, FY_DECIDE_DISCARD);
}

/* ---- RUN ---- */

static void hidden(const struct fy_error *err, void *data)
{
    struct fy_receiver *receiver = data;
    (void)err; /* it is done again before the next restore */
    fy_destination_restored(&receiver->core, false, &receiver->lost);
}

/* The copy was lost meanwhile: this host, without its sockets, must not answer for an address that has no guard now. */
static void hide_address(struct fy_receiver *receiver)
{
    if (fy_address_unstage(receiver->host, receiver->options.job_id, receiver->spec.addresses,
                           receiver->spec.address_count, hidden, receiver, NULL) < 0)
        hidden(NULL, receiver);
}

static void unguarded(const struct fy_error *err, void *data)
{
    struct fy_receiver *receiver = data;
    receiver->announcing = false;
    fy_error_propagate(&receiver->report.error, err); /* told, but no reason to stop what is to run */
    if (!receiver->restore) {
        hide_address(receiver);
        return;
    }
    if (!err)
        fy_address_announce(receiver->host, receiver->options.job_id, receiver->spec.addresses,
                            receiver->spec.address_count);
    fy_restore_decide(receiver->restore, FY_DECIDE_RUN);
}

/* The address first: the sockets are there since the restore, and the first packet that a task sends must get out. */
void fy_receiver_run(void *ctx)
{
    struct fy_receiver *receiver = ctx;
    struct fy_error err = FY_ERROR_INIT;
    receiver->announcing = true;
    if (fy_address_go(receiver->host, receiver->options.job_id, receiver->spec.addresses, receiver->spec.address_count,
                      unguarded, receiver, &err) < 0)
        unguarded(&err, receiver);
}

/* ---- the words of the decision ---- */

static int send_word(struct fy_receiver *receiver, enum fy_saying saying, struct fy_error *err)
{
    struct fy_session *session = &receiver->session;
    uint64_t epoch = receiver->core.epoch;
    switch (saying) {
    case FY_SAY_PREPARED:
        return fy_migrate_send_prepared(session, epoch, receiver->check_us, since_us(receiver->phase_start_ns), err);
    case FY_SAY_DONE:
        return fy_migrate_send_done(session, epoch, receiver->report.root_pid, since_us(receiver->phase_start_ns), err);
    case FY_SAY_UNREADY:
        return fy_migrate_send_unready(session, epoch, &receiver->report.error, err);
    default:
        fy_migrate_send_logs(session, receiver->options.log_dir);
        return fy_migrate_send_aborted(session, epoch, &receiver->report.error, err);
    }
}

/* A link that does not take it is lost. */
void fy_receiver_say(void *ctx, enum fy_saying saying)
{
    struct fy_receiver *receiver = ctx;
    struct fy_error err = FY_ERROR_INIT;
    if (send_word(receiver, saying, &err) < 0)
        fy_session_fail(&receiver->session, &err);
}
