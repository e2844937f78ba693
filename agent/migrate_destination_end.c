/* DISCARD and END: what did not come to run leaves nothing here. Pauses, and the journal. */
#include "migrate_destination.h"

#include <ferry/agent/address.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

#define FAREWELL_MS 2000u
#define FIRST_PAUSE_MS 250u
#define LONGEST_PAUSE_MS 5000u

/* ---- the link ---- */

void fy_receiver_hang_up(void *ctx, const struct fy_error *why)
{
    struct fy_receiver *receiver = ctx;
    fy_session_fail(&receiver->session, why);
}

void fy_receiver_farewell(void *ctx)
{
    struct fy_receiver *receiver = ctx;
    fy_session_finish(&receiver->session, FAREWELL_MS);
}

/* ---- pauses and the journal ---- */

static void paused(uv_timer_t *timer)
{
    struct fy_receiver *receiver = fy_container_of(timer, struct fy_receiver, pause);
    fy_destination_retry(&receiver->core);
}

void fy_receiver_retry_later(void *ctx, unsigned attempt)
{
    struct fy_receiver *receiver = ctx;
    uint64_t pause_ms = FIRST_PAUSE_MS << (attempt < 8 ? attempt : 8);
    if (pause_ms > LONGEST_PAUSE_MS)
        pause_ms = LONGEST_PAUSE_MS;
    (void)uv_timer_start(&receiver->pause, paused, pause_ms, 0);
}

static void journaled(const struct fy_error *err, void *data)
{
    struct fy_receiver *receiver = data;
    fy_destination_journaled(&receiver->core, receiver->writing, err);
}

static void record(struct fy_receiver *receiver, enum fy_stage stage, fy_journal_cb done, void *data)
{
    struct fy_migrate_record what = {
        .job_id = receiver->options.job_id,
        .offer = receiver->offer,
        .peer = receiver->report.peer,
        .root = {.pid = receiver->report.root_pid},
        .images_dir = receiver->kept_dir ? receiver->kept_dir : receiver->images_dir,
    };
    (void)fy_process_identify(receiver->report.root_pid, &what.root);
    fy_migrate_record(receiver->host, &what, stage, done, data);
}

void fy_receiver_journal(void *ctx, enum fy_stage stage)
{
    struct fy_receiver *receiver = ctx;
    receiver->writing = stage;
    record(receiver, stage, journaled, receiver);
}

static void not_awaited(const struct fy_error *err, void *data)
{
    (void)err;
    (void)data;
}

void fy_receiver_note_begun(struct fy_receiver *receiver)
{
    record(receiver, FY_STAGE_BEGUN, not_awaited, NULL);
}

/* ---- DISCARD ---- */

static void unstaged(const struct fy_error *err, void *data)
{
    struct fy_receiver *receiver = data;
    receiver->staged = false;
    if (err)
        fy_error_wrap(&receiver->report.error, "the service address could not be taken away again (%.300s)",
                      err->message);
    fy_destination_unstaged(&receiver->core, err);
}

void fy_receiver_unstage(void *ctx)
{
    struct fy_receiver *receiver = ctx;
    struct fy_error err = FY_ERROR_INIT;
    if (!receiver->staged)
        fy_destination_unstaged(&receiver->core, NULL);
    else if (fy_address_unstage(receiver->host, receiver->options.job_id, receiver->spec.addresses,
                                receiver->spec.address_count, unstaged, receiver, &err) < 0)
        unstaged(&err, receiver);
}

/* ---- END ---- */

static enum fy_migration_state final_state(const struct fy_receiver *receiver)
{
    if (receiver->core.runs_here)
        return FY_MIGRATION_COMPLETED;
    return receiver->was_cancelled ? FY_MIGRATION_CANCELLED : FY_MIGRATION_FAILED;
}

void fy_receiver_free(struct fy_receiver *receiver)
{
    if (receiver->offer)
        ferry__peer__offer__free_unpacked(receiver->offer, NULL);
    free(receiver->options.log_dir);
    free(receiver->job_dir);
    free(receiver->images_dir);
    free(receiver->kept_dir);
    free(receiver);
}

static void timer_closed(uv_handle_t *handle)
{
    struct fy_receiver *receiver = handle->data;
    if (--receiver->open_timers > 0)
        return;
    fy_report_phase(&receiver->report, &receiver->clock, NULL);
    receiver->report.state = final_state(receiver);
    receiver->events->ended(receiver, receiver->has_job ? &receiver->report : NULL, receiver->data);
    fy_receiver_free(receiver);
}

static void clean(uv_work_t *work)
{
    struct fy_receiver *receiver = fy_container_of(work, struct fy_receiver, work);
    if (receiver->job_dir)
        (void)fy_fs_remove_tree(receiver->job_dir, NULL);
    if (receiver->kept_dir)
        (void)fy_fs_remove_tree(receiver->kept_dir, NULL);
}

static void cleaned(uv_work_t *work, int status)
{
    (void)status;
    struct fy_receiver *receiver = fy_container_of(work, struct fy_receiver, work);
    uv_timer_t *timers[] = {&receiver->deadline, &receiver->tick, &receiver->pause, &receiver->inquiry_timer};
    for (size_t i = 0; i < FY_ARRAY_SIZE(timers); i++) {
        timers[i]->data = receiver;
        uv_close((uv_handle_t *)timers[i], timer_closed);
    }
}

static void post_hooks_done(void *data, const struct fy_error *err)
{
    struct fy_receiver *receiver = data;
    fy_error_propagate(&receiver->report.error, err); /* told, and it changes nothing */
    if (uv_queue_work(receiver->host->loop, &receiver->work, clean, cleaned) != 0)
        cleaned(&receiver->work, 0);
}

void fy_receiver_finish_if_wanted(struct fy_receiver *receiver)
{
    if (!receiver->finish_wanted || receiver->hooks.running)
        return;
    receiver->finish_wanted = false;
    if (receiver->has_job)
        fy_receiver_run_hooks(receiver, receiver->core.runs_here ? FY_HOOK_POST_COMMIT : FY_HOOK_POST_ABORT,
                              post_hooks_done);
    else
        post_hooks_done(receiver, NULL);
}

void fy_receiver_finish(void *ctx)
{
    struct fy_receiver *receiver = ctx;
    receiver->finish_wanted = true;
    fy_receiver_finish_if_wanted(receiver);
}
