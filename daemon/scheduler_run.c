/* One run of a schedule, from looking for its workloads to the words that `ferry schedule list` shows. */
#include "scheduler.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <string.h>

/* ---- the end ---- */

void run_free(struct schedule_run *run)
{
    if (!run)
        return;
    free(run->targets);
    free(run);
}

static void describe(const struct schedule_run *run, char text[SCHEDULE_RESULT_SIZE])
{
    const struct schedule *schedule = run->schedule;
    uint64_t budget_ms = schedule->spec->how.max_freeze_ms;
    char froze[FY_TEXT_SIZE];
    if (!run->done && fy_error_is_set(&run->first)) {
        (void)snprintf(text, SCHEDULE_RESULT_SIZE, "%.480s", run->first.message);
        return;
    }
    if (schedule->spec->received_from.name) {
        (void)snprintf(text, SCHEDULE_RESULT_SIZE, "%zu removed", schedule->pruning.removed);
        return;
    }
    size_t length =
        (size_t)snprintf(text, SCHEDULE_RESULT_SIZE, "%zu checkpoint%s, %zu removed", run->done - run->failed,
                         run->done - run->failed == 1 ? "" : "s", schedule->pruning.removed);
    if (run->failed)
        length += (size_t)snprintf(text + length, SCHEDULE_RESULT_SIZE - length, "; %zu failed: %.300s", run->failed,
                                   run->first.message);
    if (budget_ms && run->longest_freeze_us > budget_ms * 1000 && length < SCHEDULE_RESULT_SIZE) {
        fy_text_duration(run->longest_freeze_us * 1000, froze);
        (void)snprintf(text + length, SCHEDULE_RESULT_SIZE - length, "; stood still for %s, the budget is %llu ms",
                       froze, (unsigned long long)budget_ms);
    }
}

static void run_end(struct schedule_run *run)
{
    struct schedule *schedule = run->schedule;
    struct fy_log *log = schedule->scheduler->options.log;
    schedule->last.last_ended_us = fy_clock_wall_us();
    schedule->last.last_failed = run->failed || fy_error_is_set(&run->first);
    describe(run, schedule->last.last_result);
    fy_log_write(log, schedule->last.last_failed ? FY_LOG_ERROR : FY_LOG_INFO, NULL, "schedule %s: %s",
                 schedule->spec->name, schedule->last.last_result);
    schedule->run = NULL;
    run_free(run);
    fy_copies_hurry(&schedule->copying.state);
    save_state(schedule);
    scheduler_nudge(schedule->scheduler);
}

static void run_fail(struct schedule_run *run, const struct fy_error *err)
{
    fy_error_propagate(&run->first, err);
    run_end(run);
}

/* ---- checkpoints ---- */

static void fill_label(struct fy_checkpoint_label *label, const char *key, const char *value)
{
    (void)snprintf(label->key, sizeof label->key, "%s", key);
    (void)snprintf(label->value, sizeof label->value, "%s", value);
}

static int create_one(struct schedule_run *run, const char *workload, struct awaited *awaited, struct fy_error *err)
{
    const struct schedule *schedule = run->schedule;
    struct fy_record *record = NULL;
    FY_AUTO_FREE struct fy_checkpoint_create *what = calloc(1, sizeof *what);
    if (!what)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a checkpoint of %s", workload);
    what->spec = schedule->spec->how;
    what->leave_running = true;
    fill_label(&what->labels[0], SCHEDULE_LABEL, schedule->spec->name);
    what->label_count = 1;
    if (fy_workload_parse(workload, &what->spec.workload, err) < 0 ||
        fy_checkpoints_create(schedule->scheduler->options.checkpoints, what, &record, err) < 0)
        return -1;
    scheduler_await(awaited, record);
    return 0;
}

static void note_failure(struct schedule_run *run, const char *workload, const char *message)
{
    run->failed++;
    fy_error_set(&run->first, FY_E_DUMP, "%s: %s", workload, message);
}

static void take_ended(struct schedule_run *run, const Ferry__Control__Job *job)
{
    run->done++;
    if (!job)
        note_failure(run, "a checkpoint", "its job is gone");
    else if (job->state != FERRY__CONTROL__JOB_STATE__COMPLETED)
        note_failure(run, job->workload, job->failure ? job->failure->message : "cancelled");
    else if (job->downtime_us > run->longest_freeze_us)
        run->longest_freeze_us = job->downtime_us;
}

/* How many are still at work. */
static size_t take_results(struct schedule_run *run)
{
    size_t active = 0;
    for (size_t i = 0; i < FY_ARRAY_SIZE(run->jobs); i++) {
        const Ferry__Control__Job *job = NULL;
        if (scheduler_ended(run->schedule->scheduler, &run->jobs[i], &job))
            take_ended(run, job);
        active += run->jobs[i].job[0] ? 1 : 0;
    }
    return active;
}

static struct awaited *free_place(struct schedule_run *run)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(run->jobs); i++) {
        if (!run->jobs[i].job[0])
            return &run->jobs[i];
    }
    return NULL;
}

/* True when all have ended. */
static bool create_more(struct schedule_run *run)
{
    size_t active = take_results(run);
    bool stopping = run->schedule->scheduler->stopping;
    while (active < run->schedule->spec->max_parallel && run->next_target < run->target_count && !stopping) {
        const char *workload = run->targets[run->next_target++];
        struct awaited *place = free_place(run);
        struct fy_error err = FY_ERROR_INIT;
        if (place && create_one(run, workload, place, &err) == 0) {
            active++;
            continue;
        }
        run->done++;
        note_failure(run, workload, err.message);
    }
    return active == 0;
}

/* ---- room ---- */

/* After what the rules allow has been removed: whether there is room for more. */
static int check_room_left(const struct schedule *schedule, struct fy_error *err)
{
    struct fy_space space;
    char have[FY_TEXT_SIZE];
    uint32_t percent = schedule->spec->keep.min_free_percent;
    if (!percent)
        return 0;
    if (prune_space(schedule->scheduler, &space, err) < 0)
        return -1;
    if (space.free_bytes >= space.total_bytes / 100 * percent)
        return 0;
    fy_text_bytes(space.free_bytes, have);
    return fy_error_set(err, FY_E_NOSPACE,
                        "no checkpoint was taken: %s has %s free, which is less than %u%%, and nothing may be removed",
                        schedule->scheduler->store_dir, have, percent);
}

/* ---- the phases ---- */

static void enter_create(struct schedule_run *run)
{
    struct fy_error err = FY_ERROR_INIT;
    if (check_room_left(run->schedule, &err) < 0) {
        run_fail(run, &err);
        return;
    }
    run->phase = RUN_CREATE;
    run_advance(run->schedule);
}

void run_advance(struct schedule *schedule)
{
    struct schedule_run *run = schedule->run;
    if (!run || run->finding)
        return;
    if (run->phase == RUN_ROOM && !schedule->pruning.active) {
        enter_create(run);
    } else if (run->phase == RUN_CREATE && create_more(run)) {
        run->phase = RUN_REMOVE;
        prune_start(schedule);
        run_advance(schedule);
    } else if (run->phase == RUN_REMOVE && !schedule->pruning.active) {
        run_end(run);
    }
}

/* What could not be looked for is a failure, and keeps no other workload from its checkpoint. */
static void found(char (*targets)[FY_WORKLOAD_TEXT_SIZE], size_t count, const struct fy_error *err, void *data)
{
    struct schedule_run *run = data;
    struct fy_scheduler *scheduler = run->schedule->scheduler;
    run->finding = false;
    run->targets = targets;
    run->target_count = count;
    if (!count) {
        fy_error_propagate(&run->first, err);
        fy_error_set(&run->first, FY_E_NOT_FOUND, "no running workload is meant by it");
        run_end(run);
        scheduler_worked(scheduler);
        return;
    }
    if (err) {
        run->done++;
        note_failure(run, "looking for workloads", err->message);
    }
    run->phase = RUN_ROOM;
    if (run->schedule->spec->keep.min_free_percent)
        prune_start(run->schedule);
    scheduler_worked(scheduler);
}

int run_start(struct schedule *schedule, int64_t slot_s, uint32_t missed, struct fy_error *err)
{
    struct fy_error mistake = FY_ERROR_INIT;
    struct schedule_run *run = calloc(1, sizeof *run);
    if (!run)
        return fy_error_set(err, FY_E_NOMEM, "no memory for running schedule %s", schedule->spec->name);
    run->schedule = schedule;
    schedule->run = run;
    schedule->last.last_slot_s = slot_s;
    schedule->last.last_started_us = fy_clock_wall_us();
    schedule->last.last_ended_us = 0;
    schedule->last.last_result[0] = '\0';
    fy_log_write(schedule->scheduler->options.log, FY_LOG_INFO, NULL, "schedule %s runs%s", schedule->spec->name,
                 missed ? ", also for runs that were missed" : "");
    save_state(schedule);
    if (schedule->spec->received_from.name) { /* others take them */
        run->phase = RUN_REMOVE;
        prune_start(schedule);
        scheduler_nudge(schedule->scheduler);
        return 0;
    }
    run->finding = true;
    schedule->scheduler->working++;
    if (find_start(schedule, found, run, &mistake) < 0)
        found(NULL, 0, &mistake, run);
    return 0;
}
