/* The scheduler's life: loading, the timer, adding and removing, closing. */
#include "scheduler.h"
#include "database.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <string.h>

/* ---- jobs that are waited for ---- */

void scheduler_await(struct awaited *awaited, struct fy_record *record)
{
    (void)snprintf(awaited->job, sizeof awaited->job, "%s", record->job->id);
    fy_record_unref(record);
}

bool scheduler_ended(const struct fy_scheduler *scheduler, struct awaited *awaited, const Ferry__Control__Job **job)
{
    struct fy_record *record = NULL;
    if (!awaited->job[0])
        return false;
    bool known = fy_jobs_find(scheduler->options.jobs, awaited->job, &record, NULL) == 0;
    if (known && !fy_record_ended(record))
        return false;
    awaited->job[0] = '\0';
    *job = known ? record->job : NULL;
    return true;
}

/* The job table is in the middle of something when it tells: all is looked at a little later. */
void fy_scheduler_job_changed(struct fy_scheduler *scheduler, const struct fy_record *record)
{
    if (fy_record_ended(record))
        scheduler_nudge(scheduler);
}

/* ---- time ---- */

static void ask_engine(struct schedule *schedule, int64_t now_s, int64_t *wake_s)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_schedule_step step = fy_schedule_step(schedule->spec, schedule->seed, &schedule->state, now_s,
                                                    schedule->run != NULL || schedule->scheduler->stopping);
    if (!step.run) {
        *wake_s = step.wake_s < *wake_s ? step.wake_s : *wake_s;
        return;
    }
    if (run_start(schedule, step.slot_s, step.missed, &err) < 0)
        fy_log_error(schedule->scheduler->options.log, NULL, "a schedule could not run", &err);
}

static void look_at_everything(struct fy_scheduler *scheduler)
{
    int64_t now_s = fy_clock_wall_us() / 1000000, wake_s = INT64_MAX;
    for (struct schedule *schedule = scheduler->list; schedule; schedule = schedule->next) {
        prune_advance(schedule);
        run_advance(schedule);
        ask_engine(schedule, now_s, &wake_s);
        copy_advance(schedule, now_s, &wake_s);
    }
    proof_advance(scheduler, now_s, &wake_s);
    wall_timer_set(&scheduler->timer, wake_s);
    if (wake_s <= now_s)
        scheduler_nudge(scheduler);
    scheduler_check_closed(scheduler);
}

static void on_time(void *data)
{
    look_at_everything(data);
}

static void on_soon(uv_timer_t *timer)
{
    look_at_everything(fy_container_of(timer, struct fy_scheduler, soon));
}

void scheduler_nudge(struct fy_scheduler *scheduler)
{
    if (scheduler->timer_open && !scheduler->closed)
        (void)uv_timer_start(&scheduler->soon, on_soon, 0, 0);
}

/* ---- the list ---- */

static void schedule_free(struct schedule *schedule)
{
    if (!schedule)
        return;
    fy_plan_free(schedule->plan);
    free(schedule->file);
    free(schedule->text);
    run_free(schedule->run);
    free(schedule);
}

static const struct fy_schedule_spec *spec_of(const struct fy_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->schedule_count; i++) {
        if (!strcmp(plan->schedules[i].name, name))
            return &plan->schedules[i];
    }
    return NULL;
}

/* One schedule of the plan in `text`, not in the list yet. */
static int schedule_new(struct fy_scheduler *scheduler, const char *name, const char *file, const void *text,
                        size_t size, struct schedule **schedule, struct fy_error *err)
{
    struct schedule *made = calloc(1, sizeof *made);
    if (made) {
        made->file = strdup(file);
        made->text = malloc(size + 1);
    }
    if (!made || !made->file || !made->text) {
        schedule_free(made);
        return fy_error_set(err, FY_E_NOMEM, "no memory for schedule %s", name);
    }
    memcpy(made->text, text, size);
    made->text_size = size;
    made->scheduler = scheduler;
    if (fy_plan_parse(file, text, size, &made->plan, NULL, err) < 0) {
        schedule_free(made);
        return -1;
    }
    made->spec = spec_of(made->plan, name);
    if (!made->spec) {
        schedule_free(made);
        return fy_error_set(err, FY_E_NOT_FOUND, "%s has no schedule %s", file, name);
    }
    made->seed = fy_schedule_seed(scheduler->options.host->settings->name, name);
    made->state.settled_s = fy_clock_wall_us() / 1000000;
    *schedule = made;
    return 0;
}

static struct schedule **place_of(struct fy_scheduler *scheduler, const char *name)
{
    struct schedule **place = &scheduler->list;
    while (*place && strcmp((*place)->spec->name, name) < 0)
        place = &(*place)->next;
    return place;
}

/* What was installed with an earlier version may not be read by this one: it is named, and the others run. */
static int load_one(const struct schedule_row *row, void *data, struct fy_error *err)
{
    struct fy_scheduler *scheduler = data;
    struct schedule *schedule = NULL;
    struct fy_error mistake = FY_ERROR_INIT;
    if (schedule_new(scheduler, row->name, row->file, row->text, row->text_size, &schedule, &mistake) < 0) {
        if (mistake.code == FY_E_NOMEM)
            return fy_error_set(err, FY_E_NOMEM, "%s", mistake.message);
        fy_log_error(scheduler->options.log, NULL, "an installed schedule cannot be read and does not run", &mistake);
        return 0;
    }
    schedule->state =
        (struct fy_schedule_state){.settled_s = row->settled_s, .missed = row->missed, .paused = row->paused};
    schedule->last = *row;
    if (row->last_started_us && !row->last_ended_us) {
        schedule->last.last_failed = true;
        (void)snprintf(schedule->last.last_result, SCHEDULE_RESULT_SIZE, "ferryd ended in the middle of it");
    }
    struct schedule **place = place_of(scheduler, schedule->spec->name);
    schedule->next = *place;
    *place = schedule;
    return 0;
}

struct schedule *scheduler_at(const struct fy_scheduler *scheduler, size_t index)
{
    struct schedule *schedule = scheduler->list;
    while (index--)
        schedule = schedule->next;
    return schedule;
}

/* ---- adding and removing ---- */

static int refuse_busy(const struct schedule *schedule, const char *doing, struct fy_error *err)
{
    if (!schedule->run && !schedule->pruning.active && !schedule->judged)
        return 0;
    fy_error_set(err, FY_E_BUSY, "schedule %s is at work and cannot be %s", schedule->spec->name, doing);
    return fy_error_next(err, "wait until its run has ended: ferry schedule list");
}

/* The new ones of the plan as a list, or nothing. */
static int make_all(struct fy_scheduler *scheduler, const struct fy_plan *plan, const char *file, const void *text,
                    size_t size, struct schedule **list, struct fy_error *err)
{
    for (size_t i = 0; i < plan->schedule_count; i++) {
        const char *name = plan->schedules[i].name;
        struct schedule *made = NULL, *older = *place_of(scheduler, name);
        bool replaces = older && !strcmp(older->spec->name, name);
        if ((replaces && refuse_busy(older, "replaced", err) < 0) ||
            schedule_new(scheduler, name, file, text, size, &made, err) < 0)
            return -1;
        made->next = *list;
        *list = made;
        if (copy_check_peer(made, err) < 0)
            return -1;
        if (replaces) {
            made->state = older->state;
            made->last = older->last;
            made->copying.job = older->copying.job; /* it goes on */
            memcpy(made->copying.current, older->copying.current, sizeof made->copying.current);
        }
    }
    return 0;
}

static void install(struct fy_scheduler *scheduler, struct schedule *made)
{
    struct schedule **place = place_of(scheduler, made->spec->name), *older = *place;
    made->next = older;
    if (older && !strcmp(older->spec->name, made->spec->name)) {
        made->next = older->next;
        schedule_free(older);
    }
    *place = made;
    save_all(made);
}

static int add_plan(struct fy_scheduler *scheduler, const struct fy_plan *plan, const char *file, const void *text,
                    size_t size, struct fy_error *err)
{
    struct schedule *list = NULL;
    if (!plan->schedule_count)
        return fy_error_set(err, FY_E_USAGE, "%.200s has no schedules", file);
    int result = make_all(scheduler, plan, file, text, size, &list, err);
    while (list) {
        struct schedule *made = list;
        list = made->next;
        if (result == 0)
            install(scheduler, made);
        else
            schedule_free(made);
    }
    scheduler_nudge(scheduler);
    return result;
}

int fy_scheduler_add(struct fy_scheduler *scheduler, const char *file_name, const void *text, size_t size,
                     struct fy_error *err)
{
    struct fy_plan *plan = NULL;
    if (fy_plan_parse(file_name, text, size, &plan, NULL, err) < 0)
        return -1;
    int result = add_plan(scheduler, plan, file_name, text, size, err);
    fy_plan_free(plan);
    return result;
}

int fy_scheduler_remove(struct fy_scheduler *scheduler, size_t index, struct fy_error *err)
{
    struct schedule *schedule = scheduler_at(scheduler, index);
    if (refuse_busy(schedule, "removed", err) < 0)
        return -1;
    *place_of(scheduler, schedule->spec->name) = schedule->next;
    save_forget(scheduler, schedule->spec->name);
    schedule_free(schedule);
    return 0;
}

int fy_scheduler_run(struct fy_scheduler *scheduler, size_t index, struct fy_error *err)
{
    struct schedule *schedule = scheduler_at(scheduler, index);
    if (scheduler->stopping)
        return fy_error_set(err, FY_E_BUSY, "ferryd is stopping");
    if (schedule->run)
        return refuse_busy(schedule, "run once more", err);
    return run_start(schedule, 0, 0, err);
}

void fy_scheduler_pause(struct fy_scheduler *scheduler, size_t index, bool paused)
{
    struct schedule *schedule = scheduler_at(scheduler, index);
    if (!paused && schedule->state.paused) /* what passed meanwhile is not made up for */
        schedule->state.settled_s = fy_clock_wall_us() / 1000000;
    schedule->state.paused = paused;
    save_state(schedule);
    scheduler_nudge(scheduler);
}

/* ---- life ---- */

int fy_scheduler_new(const struct fy_scheduler_options *options, struct fy_scheduler **scheduler, struct fy_error *err)
{
    struct fy_scheduler *made = calloc(1, sizeof *made);
    if (!made || !(made->store_dir = strdup(options->store_dir))) {
        free(made);
        return fy_error_set(err, FY_E_NOMEM, "no memory for the scheduler");
    }
    made->options = *options;
    made->saves_tail = &made->saves;
    if (schedule_db_open(options->database, &made->db, err) < 0 ||
        schedule_db_each(made->db, load_one, made, err) < 0 ||
        wall_timer_init(options->host->loop, &made->timer, on_time, made, err) < 0) {
        for (struct schedule *schedule = made->list, *next; schedule; schedule = next) {
            next = schedule->next;
            schedule_free(schedule);
        }
        database_close(made->db);
        free(made->store_dir);
        free(made);
        return -1;
    }
    (void)uv_timer_init(options->host->loop, &made->soon);
    made->timer_open = true;
    scheduler_nudge(made);
    *scheduler = made;
    return 0;
}

void fy_scheduler_stop(struct fy_scheduler *scheduler)
{
    scheduler->stopping = true;
}

static void finish(struct fy_scheduler *scheduler)
{
    void (*closed)(void *) = scheduler->closed;
    void *data = scheduler->closed_data;
    for (struct schedule *schedule = scheduler->list, *next; schedule; schedule = next) {
        next = schedule->next;
        schedule_free(schedule);
    }
    database_close(scheduler->db);
    free(scheduler->store_dir);
    free(scheduler);
    closed(data);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct wall_timer *timer = fy_container_of((uv_poll_t *)handle, struct wall_timer, poll);
    struct fy_scheduler *scheduler = fy_container_of(timer, struct fy_scheduler, timer);
    if (--scheduler->closing == 0)
        finish(scheduler);
}

static void on_soon_closed(uv_handle_t *handle)
{
    struct fy_scheduler *scheduler = fy_container_of((uv_timer_t *)handle, struct fy_scheduler, soon);
    if (--scheduler->closing == 0)
        finish(scheduler);
}

void scheduler_check_closed(struct fy_scheduler *scheduler)
{
    if (!scheduler->closed || scheduler->closing || scheduler->working || !save_is_idle(scheduler))
        return;
    scheduler->closing = 2;
    wall_timer_close(&scheduler->timer, on_timer_closed);
    uv_close((uv_handle_t *)&scheduler->soon, on_soon_closed);
}

/* Runs whose jobs were ended by the stop are told as they are. */
static void settle_runs(struct fy_scheduler *scheduler)
{
    for (struct schedule *schedule = scheduler->list; schedule; schedule = schedule->next) {
        prune_advance(schedule);
        run_advance(schedule);
    }
}

void scheduler_worked(struct fy_scheduler *scheduler)
{
    scheduler->working--;
    if (!scheduler->closed) {
        scheduler_nudge(scheduler);
        return;
    }
    settle_runs(scheduler);
    scheduler_check_closed(scheduler);
}

void fy_scheduler_close(struct fy_scheduler *scheduler, void (*closed)(void *data), void *data)
{
    scheduler->stopping = true;
    settle_runs(scheduler);
    scheduler->closed = closed;
    scheduler->closed_data = data;
    scheduler_check_closed(scheduler);
}
