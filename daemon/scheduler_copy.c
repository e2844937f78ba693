/* Copies on another host: what a schedule keeps goes to its peer, one checkpoint at a time, beside its runs. A peer
 * that cannot take them fails no run: they are behind until it can. */
#include "scheduler.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <string.h>

/* ---- the peer ---- */

int copy_check_peer(const struct schedule *schedule, struct fy_error *err)
{
    const struct fy_settings *settings = schedule->scheduler->options.host->settings;
    const struct fy_schedule_peer *peer = &schedule->spec->replicate_to;
    if (!peer->name || fy_settings_peer(settings, peer->name))
        return 0;
    FY_AUTO_FREE const char **names = calloc(settings->peer_count + 1, sizeof(*names));
    for (size_t i = 0; names && i < settings->peer_count; i++)
        names[i] = settings->peers[i].name;
    const char *near = names ? fy_text_nearest(peer->name, names, settings->peer_count) : NULL;
    fy_error_set(err, FY_E_CONFIG, "%.200s:%u:%u: no peer is called '%s'%s%s%s", schedule->file, peer->line,
                 peer->column, peer->name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return fy_error_next(err, "see: ferry peer list; peers stand in ferryd's configuration");
}

/* ---- what there is ---- */

static bool has_copy(const Ferry__Checkpoint__State *state, const char *peer)
{
    for (size_t i = 0; i < state->n_replicas; i++) {
        if (!strcmp(state->replicas[i]->peer, peer))
            return true;
    }
    return false;
}

static bool was_tried(const struct copying *copying, const char *id)
{
    for (size_t i = 0; i < copying->tried_count; i++) {
        if (!strcmp(copying->tried[i], id))
            return true;
    }
    return false;
}

/* Both arrays are malloc'ed. */
static int list_copies(const struct schedule *schedule, struct fy_kept **kept, struct fy_copy **list, size_t *count,
                       struct fy_error *err)
{
    FY_AUTO_FREE size_t *places = NULL;
    if (prune_list(schedule, kept, &places, count, err) < 0)
        return -1;
    struct fy_copy *made = calloc(*count + 1, sizeof *made);
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a list of checkpoints");
    for (size_t i = 0; i < *count; i++) {
        struct fy_checkpoint_entry entry;
        const char *id = (*kept)[i].id;
        made[i].taken_s = (*kept)[i].taken_us / 1000000;
        made[i].tried = was_tried(&schedule->copying, id);
        fy_checkpoints_at(schedule->scheduler->options.checkpoints, places[i], &entry);
        made[i].there = has_copy(entry.state, schedule->spec->replicate_to.name);
    }
    *list = made;
    return 0;
}

size_t copy_behind(const struct schedule *schedule)
{
    FY_AUTO_FREE struct fy_kept *kept = NULL;
    FY_AUTO_FREE struct fy_copy *list = NULL;
    size_t count = 0;
    if (!schedule->spec->replicate_to.name || list_copies(schedule, &kept, &list, &count, NULL) < 0)
        return 0;
    return fy_copies_behind(list, count);
}

/* ---- one copy ---- */

/* What is wrong with one checkpoint does not keep the others from being copied. */
static bool is_about_the_checkpoint(enum fy_code code)
{
    return code == FY_E_VERIFY || code == FY_E_BUSY || code == FY_E_DENIED || code == FY_E_INTERRUPTED;
}

static void note_failed(struct schedule *schedule, const struct fy_error *why, int64_t now_s)
{
    struct copying *copying = &schedule->copying;
    copying->why = *why;
    if (is_about_the_checkpoint(why->code) && copying->tried_count < FY_ARRAY_SIZE(copying->tried)) {
        (void)snprintf(copying->tried[copying->tried_count++], FY_CHECKPOINT_ID_SIZE, "%s", copying->current);
        return;
    }
    copying->tried_count = 0;
    fy_copies_failed(&copying->state, now_s);
    fy_log_write(schedule->scheduler->options.log, FY_LOG_WARNING, NULL,
                 "schedule %s: %s has no copy of %s yet, and is tried again in %lld s: %s", schedule->spec->name,
                 schedule->spec->replicate_to.name, copying->current,
                 (long long)(fy_copies_due_s(&copying->state, now_s) - now_s), why->message);
}

static void take_ended(struct schedule *schedule, const Ferry__Control__Job *job, int64_t now_s)
{
    struct fy_error why = FY_ERROR_INIT;
    if (job && job->state == FERRY__CONTROL__JOB_STATE__COMPLETED)
        return;
    if (job && job->failure)
        fy_error_set(&why, fy_code_from_name(job->failure->code), "%s", job->failure->message);
    else
        fy_error_set(&why, FY_E_INTERRUPTED, "its job is gone");
    note_failed(schedule, &why, now_s);
}

static void begin(struct schedule *schedule, const char *id, int64_t now_s)
{
    struct copying *copying = &schedule->copying;
    struct fy_record *record = NULL;
    struct fy_error err = FY_ERROR_INIT;
    (void)snprintf(copying->current, sizeof copying->current, "%s", id);
    if (fy_checkpoints_replicate(schedule->scheduler->options.checkpoints, id, schedule->spec->replicate_to.name,
                                 &record, &err) < 0)
        note_failed(schedule, &err, now_s);
    else
        scheduler_await(&copying->job, record);
}

/* ---- going on ---- */

static struct fy_copies_step next_step(struct schedule *schedule, char id[FY_CHECKPOINT_ID_SIZE], int64_t now_s)
{
    FY_AUTO_FREE struct fy_kept *kept = NULL;
    FY_AUTO_FREE struct fy_copy *list = NULL;
    size_t count = 0;
    if (list_copies(schedule, &kept, &list, &count, NULL) < 0)
        return (struct fy_copies_step){.index = SIZE_MAX, .wake_s = now_s + FY_COPIES_FIRST_WAIT_S};
    struct fy_copies_step step = fy_copies_step(list, count, &schedule->copying.state, now_s);
    if (step.index != SIZE_MAX)
        (void)snprintf(id, FY_CHECKPOINT_ID_SIZE, "%s", kept[step.index].id);
    return step;
}

/* While a run removes what is not kept, nothing is begun: it might be in the way. */
static bool may_copy(const struct schedule *schedule)
{
    return schedule->spec->replicate_to.name && !schedule->state.paused && !schedule->scheduler->stopping &&
           !schedule->run && !schedule->pruning.active && !schedule->copying.job.job[0];
}

void copy_advance(struct schedule *schedule, int64_t now_s, int64_t *wake_s)
{
    struct copying *copying = &schedule->copying;
    const Ferry__Control__Job *job = NULL;
    if (scheduler_ended(schedule->scheduler, &copying->job, &job))
        take_ended(schedule, job, now_s);
    while (may_copy(schedule)) {
        char id[FY_CHECKPOINT_ID_SIZE];
        struct fy_copies_step step = next_step(schedule, id, now_s);
        copying->tried_count = step.round_over ? 0 : copying->tried_count;
        if (!copying->state.failed_rounds && step.round_over)
            copying->why = (struct fy_error)FY_ERROR_INIT;
        if (step.index == SIZE_MAX) {
            *wake_s = step.wake_s < *wake_s ? step.wake_s : *wake_s;
            return;
        }
        begin(schedule, id, now_s);
    }
}
