/* GREET, ASK: may this workload come here? And: a source that comes back with its decision. */
#include "job_directory.h"
#include "migrate_destination.h"
#include "migrate_journal.h"

#include "preflight.h"

#include <ferry/base/cleanup.h>
#include <string.h>

static int send_answer(struct fy_receiver *receiver, bool accepted, struct fy_error *err)
{
    Ferry__Peer__Answer__Item items[FY_MAX_PREFLIGHT];
    Ferry__Peer__Answer__Item *list[FY_MAX_PREFLIGHT];
    Ferry__Peer__Answer answer = FERRY__PEER__ANSWER__INIT;
    for (size_t i = 0; i < receiver->report.preflight_count; i++) {
        struct fy_preflight_item *item = &receiver->report.preflight[i];
        ferry__peer__answer__item__init(&items[i]);
        items[i].name = item->name;
        items[i].ok = item->ok;
        items[i].detail = item->detail;
        items[i].next = item->next[0] ? item->next : NULL;
        list[i] = &items[i];
    }
    answer.n_items = receiver->report.preflight_count;
    answer.items = list;
    answer.accepted = accepted;
    answer.has_hooks = true;
    answer.hooks = (uint32_t)receiver->spec.hook_count;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(answer, FERRY__PEER__FRAME__KIND_ANSWER, &answer);
    return fy_session_send(&receiver->session, &frame, NULL, 0, err);
}

/* The daemon's own word: how many jobs run, is the workload busy, are we shutting down? */
static bool daemon_accepts(struct fy_receiver *receiver)
{
    struct fy_error err = FY_ERROR_INIT;
    if (receiver->events->offered(receiver, receiver->offer->job, &receiver->spec.workload, receiver->report.peer,
                                  &receiver->options, &err, receiver->data) < 0) {
        fy_report_preflight(&receiver->report, "agent", false, err.message, err.next);
        return false;
    }
    receiver->has_job = true;
    return true;
}

static void first_bad_item(struct fy_receiver *receiver, struct fy_error *err)
{
    for (size_t i = 0; i < receiver->report.preflight_count; i++) {
        const struct fy_preflight_item *item = &receiver->report.preflight[i];
        if (!item->ok) {
            fy_error_set(err, FY_E_PREFLIGHT, "refused: %s: %s", item->name, item->detail);
            fy_error_next(err, "%s", item->next);
            return;
        }
    }
}

static void answer(struct fy_receiver *receiver, bool accepted)
{
    struct fy_error err = FY_ERROR_INIT;
    bool dry_run = receiver->offer->dry_run;
    if (send_answer(receiver, accepted, &err) < 0) {
        fy_destination_preflighted(&receiver->core, false, &err);
        return;
    }
    if (!accepted || dry_run)
        first_bad_item(receiver, &receiver->report.error);
    fy_destination_preflighted(&receiver->core, accepted && !dry_run, NULL);
}

static void offer_hooks_done(void *data, const struct fy_error *err)
{
    struct fy_receiver *receiver = data;
    if (receiver->core.phase != FY_DESTINATION_ASK) { /* the link was lost meanwhile */
        fy_destination_preflighted(&receiver->core, false, NULL);
        return;
    }
    if (err)
        fy_report_preflight(&receiver->report, "hooks", false, err->message, err->next);
    answer(receiver, !err);
}

/* Once all is well, the daemon has a job for it, whose hooks run; a dry run ends before. */
static void judge(struct fy_receiver *receiver, bool accepted)
{
    if (!accepted || receiver->offer->dry_run)
        answer(receiver, accepted);
    else if (!daemon_accepts(receiver))
        answer(receiver, false);
    else
        fy_receiver_run_hooks(receiver, FY_HOOK_PRE_DUMP, offer_hooks_done);
}

static void preflight_done(const struct fy_preflight_item *items, size_t count, bool accepted, uint64_t space_bytes,
                           void *data)
{
    struct fy_receiver *receiver = data;
    fy_migrate_forget_files(receiver->offer);
    if (receiver->core.phase != FY_DESTINATION_ASK) { /* the link was lost meanwhile */
        fy_destination_preflighted(&receiver->core, false, NULL);
        return;
    }
    memcpy(receiver->report.preflight, items, count * sizeof *items);
    receiver->report.preflight_count = count;
    receiver->space_bytes = space_bytes;
    judge(receiver, accepted);
}

void fy_receiver_preflight(void *ctx)
{
    struct fy_receiver *receiver = ctx;
    struct fy_error err = FY_ERROR_INIT;
    if (fy_preflight_start(receiver->host, receiver->offer, &receiver->spec, preflight_done, receiver, &err) == 0)
        return;
    fy_report_preflight(&receiver->report, "preflight", false, err.message, err.next);
    answer(receiver, false);
}

static int read_offer(struct fy_receiver *receiver, const Ferry__Peer__Offer *offer, struct fy_error *err)
{
    if (!fy_job_id_is_valid(offer->job))
        return fy_error_set(err, FY_E_PROTOCOL, "the offer's job id is not allowed");
    if (fy_migrate_offer_to_spec(offer, &receiver->spec, err) < 0)
        return -1;
    receiver->offer = fy_migrate_copy_offer(offer, err);
    if (!receiver->offer)
        return -1;
    receiver->report.workload = receiver->spec.workload;
    receiver->report.dry_run = offer->dry_run;
    return 0;
}

void fy_receiver_offered(struct fy_receiver *receiver, const Ferry__Peer__Offer *offer)
{
    struct fy_error err = FY_ERROR_INIT;
    if (read_offer(receiver, offer, &err) < 0)
        (void)fy_destination_fail(&receiver->core, &err);
    else
        fy_destination_offered(&receiver->core, receiver->offer->epoch);
}

/* ---- a decision on a new link ---- */

/* Over the link that has just become the job's. What was heard before changes nothing, and is answered when it has been
 * carried out. */
static void take_decision(struct fy_receiver *holder, const Ferry__Peer__Resolve *resolve)
{
    struct fy_error reason = FY_ERROR_INIT;
    fy_error_set(&reason, FY_E_CANCELLED, "the source gave up");
    fy_destination_linked(&holder->core);
    enum fy_heard heard = resolve->commit
                              ? fy_destination_heard(&holder->core, FY_SAY_RESOLVE_COMMIT, resolve->epoch, NULL)
                              : fy_destination_heard(&holder->core, FY_SAY_RESOLVE_ABORT, resolve->epoch, &reason);
    if (heard == FY_HEARD_TAKEN && !resolve->commit)
        holder->was_cancelled = true;
    if (heard != FY_HEARD_WRONG || !fy_session_is_open(&holder->session))
        return;
    struct fy_error wrong = FY_ERROR_INIT;
    fy_error_set(&wrong, FY_E_PROTOCOL, "the decision for job %.40s comes out of order, or is of another epoch",
                 resolve->job);
    fy_session_fail(&holder->session, &wrong);
}

static void answer_from_memory(struct fy_receiver *receiver, enum fy_job_fate fate, pid_t root_pid,
                               const Ferry__Peer__Resolve *resolve)
{
    struct fy_error reason = FY_ERROR_INIT;
    if (fate == FY_FATE_COMPLETED) {
        (void)fy_migrate_send_done(&receiver->session, resolve->epoch, root_pid, 0, NULL);
    } else {
        bool unknown = fate == FY_FATE_UNKNOWN;
        fy_error_set(&reason, unknown ? FY_E_NOT_FOUND : FY_E_RESTORE, "job %.40s %s", resolve->job,
                     unknown ? "is not known here" : "was discarded");
        (void)fy_migrate_send_aborted(&receiver->session, resolve->epoch, &reason, NULL);
    }
}

void fy_receiver_resolve(struct fy_receiver *receiver, const Ferry__Peer__Resolve *resolve)
{
    struct fy_receiver *holder = NULL;
    pid_t root_pid = 0;
    enum fy_job_fate fate = FY_FATE_UNKNOWN;
    if (fy_job_id_is_valid(resolve->job))
        fate = receiver->events->fate(resolve->job, &holder, &root_pid, receiver->data);
    if (fate == FY_FATE_OPEN && holder->core.finished) { /* its hooks still run, or its directory is being removed */
        fate = holder->core.runs_here ? FY_FATE_COMPLETED : FY_FATE_DISCARDED;
        root_pid = holder->report.root_pid;
    }
    if (fate == FY_FATE_OPEN && holder->core.phase == FY_DESTINATION_END) { /* it only takes leave */
        fate = holder->core.runs_here ? FY_FATE_COMPLETED : FY_FATE_DISCARDED;
        root_pid = holder->report.root_pid;
    }
    if (fate == FY_FATE_OPEN) {
        fy_session_adopt(&holder->session, &receiver->session);
        fy_destination_link_lost(&receiver->core, NULL); /* it is the holder's now */
        take_decision(holder, resolve);
        return;
    }
    if (fate == FY_FATE_WAITING) {
        struct fy_error later = FY_ERROR_INIT;
        fy_error_set(&later, FY_E_BUSY, "job %s is being taken up after a restart of ferryd", resolve->job);
        (void)fy_destination_fail(&receiver->core, &later);
        return;
    }
    answer_from_memory(receiver, fate, root_pid, resolve);
    fy_destination_end(&receiver->core);
}
