/* DISCARD and END: what did not come to run leaves nothing here. */
#include "migrate_destination.h"

#include <dirent.h>
#include <ferry/agent/address.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>

#define FAREWELL_MS 2000u

void fy_destination_abort(struct fy_receiver *receiver, const struct fy_error *reason)
{
    receiver->was_cancelled = reason->code == FY_E_CANCELLED;
    fy_error_propagate(&receiver->report.error, reason);
    fy_destination_discard(receiver);
}

void fy_destination_discard(struct fy_receiver *receiver)
{
    fy_destination_enter(receiver, FY_DESTINATION_DISCARD);
    if (receiver->receive)
        fy_receive_set_stop(receiver->receive, &receiver->report.error);
    if (receiver->restore)
        fy_restore_decide(receiver->restore, FY_DECIDE_DISCARD);
    if (receiver->session.link)
        fy_link_resume(receiver->session.link);
    fy_destination_try_end(receiver);
}

static void send_logs(struct fy_receiver *receiver)
{
    DIR *dir = receiver->options.log_dir ? opendir(receiver->options.log_dir) : NULL;
    struct dirent *entry;
    unsigned sent = 0;
    while (dir && sent < FY_MAX_LOGS && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.' || !fy_fs_is_plain_name(entry->d_name))
            continue;
        fy_migrate_send_log(&receiver->session, receiver->options.log_dir, entry->d_name);
        sent++;
    }
    if (dir)
        (void)closedir(dir);
}

static void tell_discarded(struct fy_receiver *receiver)
{
    if (!receiver->session.link)
        return;
    send_logs(receiver);
    (void)fy_migrate_send_aborted(&receiver->session, &receiver->report.error, NULL);
}

static void unstaged(const struct fy_error *err, void *data)
{
    struct fy_receiver *receiver = data;
    receiver->pending--;
    receiver->staged = false;
    if (err)
        fy_error_wrap(&receiver->report.error, "the service address could not be taken away again (%.300s)",
                      err->message);
    fy_destination_try_end(receiver);
}

static void unstage(struct fy_receiver *receiver)
{
    struct fy_error err = FY_ERROR_INIT;
    receiver->pending++;
    if (fy_address_unstage(receiver->host, receiver->options.job_id, receiver->spec.addresses,
                           receiver->spec.address_count, unstaged, receiver, &err) < 0)
        unstaged(&err, receiver);
}

/* ---- END ---- */

static enum fy_migration_state final_state(const struct fy_receiver *receiver)
{
    if (receiver->report.root_pid > 0)
        return FY_MIGRATION_COMPLETED;
    return receiver->was_cancelled ? FY_MIGRATION_CANCELLED : FY_MIGRATION_FAILED;
}

static void timer_closed(uv_handle_t *handle)
{
    struct fy_receiver *receiver = handle->data;
    if (--receiver->open_timers > 0)
        return;
    fy_report_phase(&receiver->report, &receiver->clock, NULL);
    receiver->report.state = final_state(receiver);
    receiver->events->ended(receiver, receiver->has_job ? &receiver->report : NULL, receiver->data);
    if (receiver->offer)
        ferry__peer__offer__free_unpacked(receiver->offer, NULL);
    free(receiver->options.log_dir);
    free(receiver->job_dir);
    free(receiver->images_dir);
    free(receiver);
}

static void clean(uv_work_t *work)
{
    struct fy_receiver *receiver = fy_container_of(work, struct fy_receiver, work);
    if (receiver->job_dir)
        (void)fy_fs_remove_tree(receiver->job_dir, NULL);
}

static void cleaned(uv_work_t *work, int status)
{
    (void)status;
    struct fy_receiver *receiver = fy_container_of(work, struct fy_receiver, work);
    receiver->deadline.data = receiver;
    receiver->tick.data = receiver;
    uv_close((uv_handle_t *)&receiver->deadline, timer_closed);
    uv_close((uv_handle_t *)&receiver->tick, timer_closed);
}

void fy_destination_end(struct fy_receiver *receiver)
{
    fy_destination_enter(receiver, FY_DESTINATION_END);
    fy_destination_try_end(receiver);
}

void fy_destination_try_end(struct fy_receiver *receiver)
{
    if (receiver->receive || receiver->restore || receiver->pending > 0)
        return;
    if (receiver->staged && receiver->phase == FY_DESTINATION_DISCARD) {
        unstage(receiver);
        return;
    }
    if (receiver->phase == FY_DESTINATION_DISCARD) {
        tell_discarded(receiver);
        fy_destination_enter(receiver, FY_DESTINATION_END);
    }
    if (receiver->session.link) {
        fy_session_finish(&receiver->session, FAREWELL_MS);
        return; /* `closed` comes back here */
    }
    receiver->pending++; /* for good: what follows happens once */
    if (uv_queue_work(receiver->host->loop, &receiver->work, clean, cleaned) != 0)
        cleaned(&receiver->work, 0);
}
