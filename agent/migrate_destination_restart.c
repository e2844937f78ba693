/* A migration that an earlier ferryd received: taken up from the journal, and what is left of its restore settled. */
#include "job_directory.h"
#include "migrate_destination.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <string.h>

static int fill(struct fy_receiver *receiver, const struct fy_journal_entry *entry, const char *log_dir,
                struct fy_error *err)
{
    Ferry__Journal__Details *details = fy_migrate_recorded(entry, err);
    if (!details)
        return -1;
    int result = fy_migrate_offer_to_spec(details->offer, &receiver->spec, err);
    if (result == 0)
        receiver->offer = fy_migrate_copy_offer(details->offer, err);
    receiver->options.log_dir = strdup(log_dir);
    if (result == 0 && (!receiver->offer || !receiver->options.log_dir))
        result = fy_error_set(err, FY_E_NOMEM, "no memory for taking up job %s", entry->job);
    (void)snprintf(receiver->options.job_id, sizeof receiver->options.job_id, "%s", entry->job);
    (void)snprintf(receiver->report.peer, sizeof receiver->report.peer, "%s", details->peer);
    receiver->report.workload = receiver->spec.workload;
    ferry__journal__details__free_unpacked(details, NULL);
    return result;
}

/* A set that was PREPARED is complete; its inventory is in it. */
bool fy_receiver_has_set(void *ctx)
{
    const struct fy_receiver *receiver = ctx;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/inventory.img", receiver->images_dir);
    return access(path, R_OK) == 0;
}

/* After a loss of power only what is on disk is left. */
static int find_set(struct fy_receiver *receiver, struct fy_error *err)
{
    if (fy_receiver_has_set(receiver) || !receiver->kept_dir)
        return 0;
    free(receiver->images_dir);
    receiver->images_dir = strdup(receiver->kept_dir);
    return receiver->images_dir ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for directory names");
}

int fy_receiver_take_up(const struct fy_host *host, const struct fy_journal_entry *entry, const char *log_dir,
                        const struct fy_receiver_events *events, void *data, struct fy_receiver **receiver,
                        struct fy_error *err)
{
    struct fy_receiver *new = fy_receiver_new(host, events, data, err);
    if (!new)
        return -1;
    if (fill(new, entry, log_dir, err) < 0 || fy_receiver_name_kept(new, err) < 0 ||
        fy_job_directory_make(host->settings->run_dir, new->options.job_id, &new->job_dir, &new->images_dir, err) < 0 ||
        find_set(new, err) < 0) {
        fy_receiver_free(new);
        return -1;
    }
    fy_hooks_sweep(new->job_dir);
    new->has_job = true;
    new->restarted_from = entry->stage;
    new->staged = entry->stage == FY_STAGE_PREPARED;
    new->restage = new->staged;
    fy_receiver_open(new);
    *receiver = new;
    fy_receiver_restart(new, new->offer->epoch, entry->stage);
    return 0;
}

/* ---- what is left of the restore ---- */

static void settled(struct fy_restore *restore, enum fy_workload_state state, pid_t root_pid,
                    const struct fy_error *err, void *data)
{
    (void)restore;
    (void)err; /* that an interrupted restore did not end well is no news */
    struct fy_receiver *receiver = data;
    bool runs = state == FY_WORKLOAD_RUNNING;
    receiver->restore = NULL;
    if (runs)
        receiver->report.root_pid = root_pid;
    fy_destination_settled(&receiver->core, runs ? FY_TASKS_WHOLE : FY_TASKS_GONE, NULL);
}

void fy_receiver_settle(void *ctx)
{
    static const struct fy_restore_events events = {.done = settled};
    struct fy_receiver *receiver = ctx;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_restore_request request = {
        .spec = &receiver->spec,
        .job_id = receiver->options.job_id,
        .images_dir = receiver->images_dir,
        .work_dir = receiver->options.log_dir,
        .bundle = receiver->offer->bundle,
    };
    if (fy_restore_take_up(receiver->host, &request, &events, receiver, &receiver->restore, &err) < 0)
        fy_destination_settled(&receiver->core, FY_TASKS_PARTIAL, &err);
}
