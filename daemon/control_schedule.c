/* Requests about schedules. */
#include "control.h"

#include <ferry/base/cleanup.h>
#include <ferry/daemon/scheduler.h>

static struct fy_scheduler *scheduler_of(const struct client *client)
{
    return client->server->options.scheduler;
}

static void reply_schedule(struct client *client, size_t index, bool last)
{
    Ferry__Control__Reply reply = FERRY__CONTROL__REPLY__INIT;
    struct fy_schedule_shown shown;
    fy_scheduler_show(scheduler_of(client), index, &shown);
    reply.kind_case = FERRY__CONTROL__REPLY__KIND_SCHEDULE;
    reply.schedule = &shown.message;
    client_reply(client, &reply, last, NULL, 0);
}

int handle_schedule_list(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    (void)request;
    (void)err;
    size_t count = fy_scheduler_count(scheduler_of(client));
    for (size_t i = 0; i < count; i++)
        reply_schedule(client, i, false);
    reply_end(client);
    return 0;
}

/* Answers with those of the plan, as they are now. */
static int reply_plan(struct client *client, const Ferry__Control__ScheduleAdd *add, struct fy_error *err)
{
    struct fy_plan *plan = NULL;
    size_t index;
    if (fy_plan_parse(add->file_name, (const char *)add->text.data, add->text.len, &plan, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->schedule_count; i++) {
        if (fy_scheduler_find(scheduler_of(client), plan->schedules[i].name, &index, NULL) == 0)
            reply_schedule(client, index, false);
    }
    fy_plan_free(plan);
    reply_end(client);
    return 0;
}

int handle_schedule_add(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    const Ferry__Control__ScheduleAdd *add = request->schedule_add;
    if (fy_scheduler_add(scheduler_of(client), add->file_name, add->text.data, add->text.len, err) < 0)
        return -1;
    return reply_plan(client, add, err);
}

int handle_schedule_remove(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    size_t index;
    if (fy_scheduler_find(scheduler_of(client), request->schedule_remove->schedule, &index, err) < 0 ||
        fy_scheduler_remove(scheduler_of(client), index, err) < 0)
        return -1;
    reply_end(client);
    return 0;
}

int handle_schedule_run(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    size_t index;
    if (fy_scheduler_find(scheduler_of(client), request->schedule_run->schedule, &index, err) < 0 ||
        fy_scheduler_run(scheduler_of(client), index, err) < 0)
        return -1;
    reply_schedule(client, index, true);
    return 0;
}

static int set_paused(struct client *client, const char *name, bool paused, struct fy_error *err)
{
    size_t index;
    if (fy_scheduler_find(scheduler_of(client), name, &index, err) < 0)
        return -1;
    fy_scheduler_pause(scheduler_of(client), index, paused);
    reply_schedule(client, index, true);
    return 0;
}

int handle_schedule_pause(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    return set_paused(client, request->schedule_pause->schedule, true, err);
}

int handle_schedule_resume(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    return set_paused(client, request->schedule_resume->schedule, false, err);
}

/* ---- proof ---- */

int handle_checkpoint_rehearse(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    const Ferry__Control__CheckpointRehearse *rehearse = request->checkpoint_rehearse;
    struct fy_record *record;
    if (fy_checkpoints_rehearse(client->server->options.checkpoints, rehearse->checkpoint, rehearse->probe, false,
                                &record, err) < 0)
        return -1;
    return watch_job(client, record, err);
}
