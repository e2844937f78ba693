/* Schedules on their way to the database: a queue, and one writer in the thread pool. */
#include "scheduler.h"

#include <ferry/base/cleanup.h>
#include <string.h>

struct save {
    struct save *next;
    struct schedule_row row;
    char *name, *file, *text;
    bool forget;
    struct fy_error err;
};

static void save_free(struct save *save)
{
    if (!save)
        return;
    free(save->name);
    free(save->file);
    free(save->text);
    free(save);
}

static void write_one(uv_work_t *work)
{
    struct fy_scheduler *scheduler = fy_container_of(work, struct fy_scheduler, save_work);
    struct save *save = scheduler->saving;
    if (save->forget)
        (void)schedule_db_forget(scheduler->db, save->name, &save->err);
    else
        (void)schedule_db_save(scheduler->db, &save->row, &save->err);
}

static void write_next(struct fy_scheduler *scheduler);

static void written(uv_work_t *work, int status)
{
    struct fy_scheduler *scheduler = fy_container_of(work, struct fy_scheduler, save_work);
    struct save *save = fy_take(scheduler->saving);
    (void)status; /* never cancelled */
    if (fy_error_is_set(&save->err))
        fy_log_error(scheduler->options.log, NULL, "the schedule's record on disk is out of date", &save->err);
    save_free(save);
    write_next(scheduler);
}

static void write_next(struct fy_scheduler *scheduler)
{
    if (scheduler->saving)
        return;
    if (!scheduler->saves) {
        scheduler_check_closed(scheduler);
        return;
    }
    scheduler->saving = scheduler->saves;
    scheduler->saves = scheduler->saving->next;
    if (!scheduler->saves)
        scheduler->saves_tail = &scheduler->saves;
    (void)uv_queue_work(scheduler->options.host->loop, &scheduler->save_work, write_one, written);
}

static void enqueue(struct fy_scheduler *scheduler, struct save *save)
{
    *scheduler->saves_tail = save;
    scheduler->saves_tail = &save->next;
    write_next(scheduler);
}

static struct save *new_save(struct fy_scheduler *scheduler, const char *name)
{
    struct save *save = calloc(1, sizeof *save);
    if (save)
        save->name = strdup(name);
    if (save && save->name)
        return save;
    save_free(save);
    fy_log_write(scheduler->options.log, FY_LOG_ERROR, NULL, "no memory for recording schedule %s", name);
    return NULL;
}

static struct save *save_of(struct schedule *schedule)
{
    struct save *save = new_save(schedule->scheduler, schedule->spec->name);
    if (!save)
        return NULL;
    save->row = schedule->last;
    save->row.name = save->name;
    save->row.file = NULL;
    save->row.text = NULL;
    save->row.settled_s = schedule->state.settled_s;
    save->row.missed = schedule->state.missed;
    save->row.paused = schedule->state.paused;
    return save;
}

void save_state(struct schedule *schedule)
{
    struct save *save = save_of(schedule);
    if (save)
        enqueue(schedule->scheduler, save);
}

void save_all(struct schedule *schedule)
{
    struct save *save = save_of(schedule);
    if (!save)
        return;
    save->file = strdup(schedule->file);
    save->text = malloc(schedule->text_size + 1);
    if (!save->file || !save->text) {
        save_free(save);
        fy_log_write(schedule->scheduler->options.log, FY_LOG_ERROR, NULL, "no memory for recording schedule %s",
                     schedule->spec->name);
        return;
    }
    memcpy(save->text, schedule->text, schedule->text_size);
    save->row.file = save->file;
    save->row.text = save->text;
    save->row.text_size = schedule->text_size;
    enqueue(schedule->scheduler, save);
}

void save_forget(struct fy_scheduler *scheduler, const char *name)
{
    struct save *save = new_save(scheduler, name);
    if (!save)
        return;
    save->forget = true;
    enqueue(scheduler, save);
}

bool save_is_idle(const struct fy_scheduler *scheduler)
{
    return !scheduler->saves && !scheduler->saving;
}
