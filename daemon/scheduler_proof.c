/* Looking at what is kept, one at a time, when nothing else is to be done: bit rot is found, and what cannot be
 * restored is found before it is needed. */
#include "scheduler.h"

#include <ferry/base/cleanup.h>
#include <string.h>

#define RETRY_S 60 /* after a look that could not be begun */

static int proof_list(const struct schedule *schedule, enum proof_kind kind, struct fy_kept **kept,
                      struct fy_proof **list, size_t *count, struct fy_error *err)
{
    FY_AUTO_FREE size_t *places = NULL;
    if (prune_list(schedule, kept, &places, count, err) < 0)
        return -1;
    struct fy_proof *made = calloc(*count + 1, sizeof *made);
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a list of checkpoints");
    for (size_t i = 0; i < *count; i++) {
        struct fy_checkpoint_entry entry;
        made[i] = (struct fy_proof){.workload = (*kept)[i].workload, .taken_s = (*kept)[i].taken_us / 1000000};
        fy_checkpoints_at(schedule->scheduler->options.checkpoints, places[i], &entry);
        bool verify = kind == PROOF_VERIFY;
        made[i].last_s = (verify ? entry.state->verified_us : entry.state->rehearsed_us) / 1000000;
        made[i].skip = entry.in_use || entry.state->damage != NULL;
    }
    *list = made;
    return 0;
}

static void begin(struct fy_scheduler *scheduler, const struct schedule *schedule, enum proof_kind kind, const char *id,
                  int64_t now_s)
{
    struct fy_record *record = NULL;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_checkpoints *checkpoints = scheduler->options.checkpoints;
    int result = kind == PROOF_VERIFY
                     ? fy_checkpoints_verify(checkpoints, id, true, &record, &err)
                     : fy_checkpoints_rehearse(checkpoints, id, schedule->spec->probe, true, &record, &err);
    if (result == 0) {
        scheduler_await(&scheduler->proof, record);
        return;
    }
    scheduler->proof_not_before_s = now_s + RETRY_S;
    fy_log_error(scheduler->options.log, NULL, kind == PROOF_VERIFY ? "a verification" : "a rehearsal", &err);
}

/* What the schedule wants looked at now; begins it. */
static void look(struct schedule *schedule, enum proof_kind kind, int64_t every_s, int64_t now_s, int64_t *wake_s)
{
    FY_AUTO_FREE struct fy_kept *kept = NULL;
    FY_AUTO_FREE struct fy_proof *list = NULL;
    size_t count = 0;
    int64_t due_s = INT64_MAX;
    if (!every_s || schedule->scheduler->proof.job[0] || proof_list(schedule, kind, &kept, &list, &count, NULL) < 0)
        return;
    size_t index = kind == PROOF_VERIFY ? fy_proof_verify_next(list, count, every_s, now_s, &due_s)
                                        : fy_proof_rehearse_next(list, count, every_s, now_s, &due_s);
    if (index != SIZE_MAX)
        begin(schedule->scheduler, schedule, kind, kept[index].id, now_s);
    else if (due_s < *wake_s)
        *wake_s = due_s;
}

static bool anything_runs(const struct fy_scheduler *scheduler)
{
    for (const struct schedule *schedule = scheduler->list; schedule; schedule = schedule->next) {
        if (schedule->run || schedule->pruning.active)
            return true;
    }
    return false;
}

void proof_advance(struct fy_scheduler *scheduler, int64_t now_s, int64_t *wake_s)
{
    const Ferry__Control__Job *job = NULL;
    if (scheduler_ended(scheduler, &scheduler->proof, &job) && job &&
        job->state != FERRY__CONTROL__JOB_STATE__COMPLETED)
        scheduler->proof_not_before_s = now_s + RETRY_S; /* its own record says why */
    if (scheduler->stopping || scheduler->proof.job[0] || anything_runs(scheduler))
        return;
    if (now_s < scheduler->proof_not_before_s && now_s >= scheduler->proof_not_before_s - RETRY_S) {
        if (scheduler->proof_not_before_s < *wake_s)
            *wake_s = scheduler->proof_not_before_s;
        return;
    }
    for (struct schedule *schedule = scheduler->list; schedule; schedule = schedule->next) {
        look(schedule, PROOF_VERIFY, (int64_t)(schedule->spec->verify_ms / 1000), now_s, wake_s);
        look(schedule, PROOF_REHEARSE, (int64_t)(schedule->spec->rehearse_ms / 1000), now_s, wake_s);
    }
}
