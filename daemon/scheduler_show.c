/* Schedules as clients see them. */
#include "scheduler.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <ferry/config/quantity.h>
#include <string.h>

size_t fy_scheduler_count(const struct fy_scheduler *scheduler)
{
    size_t count = 0;
    for (const struct schedule *schedule = scheduler->list; schedule; schedule = schedule->next)
        count++;
    return count;
}

size_t fy_scheduler_after(const struct fy_scheduler *scheduler, const char *name)
{
    size_t index = 0;
    for (const struct schedule *schedule = scheduler->list; schedule && strcmp(schedule->spec->name, name) <= 0;
         schedule = schedule->next)
        index++;
    return index;
}

int fy_scheduler_find(const struct fy_scheduler *scheduler, const char *name, size_t *index, struct fy_error *err)
{
    size_t count = fy_scheduler_count(scheduler), i = 0;
    FY_AUTO_FREE const char **names = calloc(count + 1, sizeof(*names));
    for (const struct schedule *schedule = scheduler->list; schedule; schedule = schedule->next, i++) {
        if (!strcmp(schedule->spec->name, name)) {
            *index = i;
            return 0;
        }
        if (names)
            names[i] = schedule->spec->name;
    }
    const char *near = names ? fy_text_nearest(name, names, count) : NULL;
    fy_error_set(err, FY_E_NOT_FOUND, "no schedule is called %.64s", name);
    if (near)
        return fy_error_next(err, "did you mean %s? See: ferry schedule list", near);
    return fy_error_next(err, "see: ferry schedule list; install one with: ferry schedule add FILE");
}

static void describe_when(const struct fy_schedule_spec *spec, char *text, size_t size)
{
    char every[FY_DURATION_TEXT_SIZE];
    fy_duration_format(spec->every_ms, every);
    if (spec->cron_text)
        (void)snprintf(text, size, "cron %.300s %s", spec->cron_text, spec->timezone);
    else
        (void)snprintf(text, size, "every %s", every);
}

static void join(char *const *words, char *text, size_t size)
{
    size_t length = strlen(text);
    for (size_t i = 0; words[i] && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%s", length ? ", " : "", words[i]);
}

static void describe_workloads(const struct fy_schedule_spec *spec, char *text, size_t size)
{
    text[0] = '\0';
    if (spec->received_from.name)
        (void)snprintf(text, size, "copies from %s", spec->received_from.name);
    join(spec->workloads, text, size);
    join(spec->labels, text, size);
}

/* What the peer has not, and why. */
static void show_copies(const struct schedule *schedule, Ferry__Control__Schedule *message)
{
    const struct copying *copying = &schedule->copying;
    int64_t now_s = fy_clock_wall_us() / 1000000;
    if (!schedule->spec->replicate_to.name)
        return;
    message->replicate_to = schedule->spec->replicate_to.name;
    message->has_copies_behind = 1;
    message->copies_behind = (uint32_t)copy_behind(schedule);
    if (!message->copies_behind || !fy_error_is_set(&copying->why))
        return;
    message->copy_failure = (char *)(uintptr_t)copying->why.message;
    message->has_copy_retry_s = !copying->job.job[0] && !schedule->state.paused;
    message->copy_retry_s = fy_copies_due_s(&copying->state, now_s);
}

/* Of what is due now it is the oldest. */
static int64_t next_start(const struct schedule *schedule)
{
    int64_t slot_s = fy_schedule_next_slot(schedule->spec, schedule->state.settled_s);
    return fy_schedule_start_s(schedule->spec, schedule->seed, slot_s);
}

void fy_scheduler_show(const struct fy_scheduler *scheduler, size_t index, struct fy_schedule_shown *shown)
{
    const struct schedule *schedule = scheduler_at(scheduler, index);
    const struct schedule_row *last = &schedule->last;
    Ferry__Control__Schedule *message = &shown->message;
    int64_t next_s = next_start(schedule);
    ferry__control__schedule__init(message);
    describe_when(schedule->spec, shown->when, sizeof shown->when);
    describe_workloads(schedule->spec, shown->workloads, sizeof shown->workloads);
    message->name = schedule->spec->name;
    message->file = schedule->file;
    message->when = shown->when;
    message->workloads = shown->workloads;
    message->paused = schedule->state.paused;
    message->running = schedule->run != NULL;
    message->missed = (char *)(uintptr_t)fy_missed_rule_name(schedule->spec->missed);
    message->has_next_s = next_s != INT64_MAX && !schedule->state.paused;
    message->next_s = next_s;
    message->has_last_slot_s = last->last_slot_s != 0;
    message->last_slot_s = last->last_slot_s;
    message->has_last_started_us = last->last_started_us != 0;
    message->last_started_us = last->last_started_us;
    message->has_last_ended_us = last->last_ended_us != 0;
    message->last_ended_us = last->last_ended_us;
    message->has_last_failed = last->last_result[0] != '\0';
    message->last_failed = last->last_failed;
    show_copies(schedule, message);
    message->last_result = last->last_result[0] ? (char *)(uintptr_t)last->last_result : NULL;
}
