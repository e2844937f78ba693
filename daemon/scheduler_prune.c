/* Carrying out what retention decides: the first that may go is removed, then all is decided anew. Thousands are
 * decided about in the thread pool, on a copy: what has changed meanwhile is found out when one is to be removed.
 *
 *     judge --(thread pool)--> decided --> a job removes one --> prune_advance --> judge ... until nothing may go
 */
#include "scheduler.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <string.h>
#include <sys/statvfs.h>

/* The label travels with a copy, but what came from another host is for a schedule of such copies. */
static bool is_of_schedule(const struct schedule *schedule, const struct fy_checkpoint_entry *entry)
{
    const Ferry__Checkpoint__Record *record = entry->record;
    const char *sender = entry->state->received_from, *wanted = schedule->spec->received_from.name;
    if (sender || wanted)
        return sender && wanted && !strcmp(sender, wanted);
    for (size_t i = 0; i < record->n_labels; i++) {
        if (!strcmp(record->labels[i]->key, SCHEDULE_LABEL) && !strcmp(record->labels[i]->value, schedule->spec->name))
            return true;
    }
    return false;
}

static struct fy_kept kept_from(const struct fy_checkpoint_entry *entry)
{
    return (struct fy_kept){
        .id = entry->record->id,
        .workload = entry->record->workload,
        .taken_us = entry->record->created_us,
        .real_bytes = entry->real_bytes,
        .verified = entry->state->has_verified_us && !entry->state->damage,
        .proven = entry->state->has_proven_us && !entry->state->damage && !entry->state->rehearsal_failure,
        .pinned = entry->state->has_pinned && entry->state->pinned,
        .in_use = entry->in_use,
    };
}

int prune_list(const struct schedule *schedule, struct fy_kept **list, size_t **places, size_t *count,
               struct fy_error *err)
{
    const struct fy_checkpoints *checkpoints = schedule->scheduler->options.checkpoints;
    size_t all = fy_checkpoints_count(checkpoints), found = 0;
    FY_AUTO_FREE struct fy_kept *made = calloc(all + 1, sizeof *made);
    FY_AUTO_FREE size_t *made_places = calloc(all + 1, sizeof *made_places);
    if (!made || !made_places)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a list of %zu checkpoints", all);
    for (size_t i = 0; i < all; i++) {
        struct fy_checkpoint_entry entry;
        fy_checkpoints_at(checkpoints, i, &entry);
        if (!entry.record || !is_of_schedule(schedule, &entry))
            continue;
        made_places[found] = i;
        made[found++] = kept_from(&entry);
    }
    *list = fy_take(made);
    *count = found;
    if (places)
        *places = fy_take(made_places);
    return 0;
}

int prune_space(const struct fy_scheduler *scheduler, struct fy_space *space, struct fy_error *err)
{
    struct statvfs fs;
    if (statvfs(scheduler->store_dir, &fs) < 0)
        return fy_error_errno(err, errno, "free space of %s", scheduler->store_dir);
    space->total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    space->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return 0;
}

static bool has_failed(const struct pruning *pruning, const char *id)
{
    for (size_t i = 0; i < pruning->failed_count; i++) {
        if (!strcmp(pruning->failed[i], id))
            return true;
    }
    return false;
}

static void give_up_on(struct schedule *schedule, const char *id, const char *why)
{
    struct pruning *pruning = &schedule->pruning;
    fy_log_write(schedule->scheduler->options.log, FY_LOG_WARNING, NULL, "schedule %s: checkpoint %s stays: %s",
                 schedule->spec->name, id, why);
    if (pruning->failed_count < FY_ARRAY_SIZE(pruning->failed))
        (void)snprintf(pruning->failed[pruning->failed_count++], FY_CHECKPOINT_ID_SIZE, "%s", id);
    else
        pruning->active = false;
}

static void remove_one(struct schedule *schedule, const struct fy_kept *kept, const char *why)
{
    struct fy_record *record = NULL;
    struct fy_error err = FY_ERROR_INIT;
    const struct fy_scheduler_options *options = &schedule->scheduler->options;
    (void)snprintf(schedule->pruning.current, FY_CHECKPOINT_ID_SIZE, "%s", kept->id);
    if (fy_checkpoints_remove(options->checkpoints, kept->id, &record, &err) < 0) {
        give_up_on(schedule, schedule->pruning.current, err.message);
        return;
    }
    fy_log_write(options->log, FY_LOG_INFO, record->job->id, "schedule %s removes checkpoint %s of %s: %s",
                 schedule->spec->name, kept->id, kept->workload, why);
    scheduler_await(&schedule->pruning.job, record);
}

/* ---- judging ---- */

struct judging {
    struct fy_judgement judgement; /* of `texts` */
    char *texts;
    uv_work_t work;
    struct schedule *schedule;
    struct fy_error err;
    fy_judged_cb done;
    void *data;
};

void fy_judgement_free(struct fy_judgement *judgement)
{
    if (!judgement)
        return;
    struct judging *judging = fy_container_of(judgement, struct judging, judgement);
    free(judgement->list);
    free(judgement->verdicts);
    free(judging->texts);
    free(judging);
}

static const char *copy_text(char **to, const char *from)
{
    const char *copy = *to;
    *to = stpcpy(*to, from) + 1;
    return copy;
}

static int copy_texts(struct judging *judging, struct fy_error *err)
{
    struct fy_judgement *judgement = &judging->judgement;
    const char *name = judging->schedule->spec->name;
    size_t size = strlen(name) + 1;
    for (size_t i = 0; i < judgement->count; i++)
        size += strlen(judgement->list[i].id) + strlen(judgement->list[i].workload) + 2;
    char *to = judging->texts = malloc(size);
    if (!to)
        return fy_error_set(err, FY_E_NOMEM, "no memory for deciding about %zu checkpoints", judgement->count);
    judgement->schedule = copy_text(&to, name);
    for (size_t i = 0; i < judgement->count; i++) {
        judgement->list[i].id = copy_text(&to, judgement->list[i].id);
        judgement->list[i].workload = copy_text(&to, judgement->list[i].workload);
    }
    return 0;
}

/* In the thread pool. */
static void judge(uv_work_t *work)
{
    struct judging *judging = fy_container_of(work, struct judging, work);
    struct fy_judgement *judgement = &judging->judgement;
    const struct schedule *schedule = judging->schedule;
    struct fy_space space;
    if (prune_space(schedule->scheduler, &space, &judging->err) < 0)
        return;
    judgement->verdicts = calloc(judgement->count + 1, sizeof *judgement->verdicts);
    if (!judgement->verdicts)
        fy_error_set(&judging->err, FY_E_NOMEM, "no memory for deciding about %zu checkpoints", judgement->count);
    else
        (void)fy_retention_decide(&schedule->spec->keep, schedule->spec->zone, judgement->list, judgement->count,
                                  &space, fy_clock_wall_us() / 1000000, judgement->verdicts, &judging->err);
}

static void judged(uv_work_t *work, int status)
{
    struct judging *judging = fy_container_of(work, struct judging, work);
    struct fy_scheduler *scheduler = judging->schedule->scheduler;
    const struct fy_error err = judging->err;
    (void)status; /* never cancelled */
    judging->schedule->judged--;
    if (!fy_error_is_set(&err)) {
        judging->done(&judging->judgement, NULL, judging->data);
    } else {
        judging->done(NULL, &err, judging->data);
        fy_judgement_free(&judging->judgement);
    }
    scheduler_worked(scheduler);
}

static int begin_judging(struct schedule *schedule, fy_judged_cb done, void *data, struct fy_error *err)
{
    struct judging *judging = calloc(1, sizeof *judging);
    if (!judging)
        return fy_error_set(err, FY_E_NOMEM, "no memory for deciding about checkpoints");
    judging->schedule = schedule;
    judging->done = done;
    judging->data = data;
    if (prune_list(schedule, &judging->judgement.list, NULL, &judging->judgement.count, err) < 0 ||
        copy_texts(judging, err) < 0) {
        fy_judgement_free(&judging->judgement);
        return -1;
    }
    schedule->judged++;
    schedule->scheduler->working++;
    (void)uv_queue_work(schedule->scheduler->options.host->loop, &judging->work, judge, judged);
    return 0;
}

int fy_scheduler_judge(struct fy_scheduler *scheduler, size_t index, fy_judged_cb done, void *data,
                       struct fy_error *err)
{
    return begin_judging(scheduler_at(scheduler, index), done, data, err);
}

/* ---- removing ---- */

static void stop_pruning(struct schedule *schedule, const struct fy_error *err)
{
    schedule->pruning.active = false;
    if (err)
        fy_log_error(schedule->scheduler->options.log, NULL, "what is to be removed is not known", err);
}

/* The first that may go; one that cannot be removed makes room for the next. */
static void remove_first(struct schedule *schedule, const struct fy_judgement *judgement)
{
    struct pruning *pruning = &schedule->pruning;
    for (size_t i = 0; i < judgement->count && pruning->active; i++) {
        if (!judgement->verdicts[i].remove || has_failed(pruning, judgement->list[i].id))
            continue;
        remove_one(schedule, &judgement->list[i], judgement->verdicts[i].why);
        if (pruning->job.job[0])
            return;
    }
    pruning->active = false;
}

static void decided(struct fy_judgement *judgement, const struct fy_error *err, void *data)
{
    struct schedule *schedule = data;
    schedule->pruning.deciding = false;
    if (err)
        stop_pruning(schedule, err);
    else if (schedule->scheduler->stopping)
        stop_pruning(schedule, NULL);
    else
        remove_first(schedule, judgement);
    fy_judgement_free(judgement);
}

void prune_advance(struct schedule *schedule)
{
    struct pruning *pruning = &schedule->pruning;
    const Ferry__Control__Job *job = NULL;
    struct fy_error err = FY_ERROR_INIT;
    if (scheduler_ended(schedule->scheduler, &pruning->job, &job)) {
        if (job && job->state == FERRY__CONTROL__JOB_STATE__COMPLETED)
            pruning->removed++;
        else
            give_up_on(schedule, pruning->current, job && job->failure ? job->failure->message : "its job is gone");
    }
    if (!pruning->active || pruning->deciding || pruning->job.job[0])
        return;
    if (schedule->scheduler->stopping)
        stop_pruning(schedule, NULL);
    else if (begin_judging(schedule, decided, schedule, &err) < 0)
        stop_pruning(schedule, &err);
    else
        pruning->deciding = true;
}

void prune_start(struct schedule *schedule)
{
    if (schedule->pruning.active)
        return;
    schedule->pruning = (struct pruning){.active = true, .removed = 0};
    prune_advance(schedule);
}

void fy_scheduler_prune(struct fy_scheduler *scheduler, size_t index)
{
    if (!scheduler->stopping)
        prune_start(scheduler_at(scheduler, index));
}
