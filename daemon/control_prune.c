/* What retention says. One schedule after the other is judged, in the thread pool, and its verdicts go out as the
 * client takes them:
 *
 *     judge_next --(thread pool)--> judged --> prune_pump ... all sent --> judge_next ... until none is left */
#include "control.h"

#include <ferry/base/cleanup.h>
#include <ferry/daemon/scheduler.h>

/* While a schedule is judged it lives on without its client. */
struct prune {
    struct fy_control_server *server;
    struct client *client; /* NULL: gone */
    bool dry_run, only_one;
    struct fy_judgement *judgement; /* being sent; NULL: waited for */
    size_t next;
};

static void prune_free(struct prune *prune)
{
    fy_judgement_free(prune->judgement);
    free(prune);
}

void prune_forget(struct client *client)
{
    struct prune *prune = fy_take(client->prune);
    if (prune && prune->judgement)
        prune_free(prune);
    else if (prune)
        prune->client = NULL;
}

static void end(struct client *client, const struct fy_error *err)
{
    prune_free(fy_take(client->prune));
    if (err)
        client_reply_failure(client, err);
    else
        reply_end(client);
}

/* ---- judging ---- */

static void judged(struct fy_judgement *judgement, const struct fy_error *err, void *data)
{
    struct prune *prune = data;
    struct fy_control_server *server = prune->server;
    struct fy_scheduler *scheduler = server->options.scheduler;
    prune->judgement = judgement;
    size_t index = 0;
    if (!prune->client) {
        prune_free(prune);
    } else if (err) {
        end(prune->client, err);
    } else {
        if (!prune->dry_run && fy_scheduler_find(scheduler, judgement->schedule, &index, NULL) == 0)
            fy_scheduler_prune(scheduler, index);
        prune_pump(prune->client);
    }
    server_release(server);
}

static int judge(struct prune *prune, size_t index, struct fy_error *err)
{
    if (fy_scheduler_judge(prune->server->options.scheduler, index, judged, prune, err) < 0)
        return -1;
    prune->server->outstanding++;
    return 0;
}

/* ---- telling ---- */

static void reply_verdict(struct client *client, const struct fy_judgement *judgement, size_t i)
{
    const struct fy_kept *kept = &judgement->list[i];
    const struct fy_verdict *verdict = &judgement->verdicts[i];
    Ferry__Control__Reply reply = FERRY__CONTROL__REPLY__INIT;
    Ferry__Control__PruneVerdict message = FERRY__CONTROL__PRUNE_VERDICT__INIT;
    message.schedule = (char *)(uintptr_t)judgement->schedule;
    message.checkpoint = (char *)(uintptr_t)kept->id;
    message.workload = (char *)(uintptr_t)kept->workload;
    message.taken_s = kept->taken_us / 1000000;
    message.real_bytes = kept->real_bytes;
    message.remove = verdict->remove;
    message.why = (char *)(uintptr_t)verdict->why;
    reply.kind_case = FERRY__CONTROL__REPLY__KIND_PRUNE;
    reply.prune = &message;
    client_reply(client, &reply, false, NULL, 0);
}

static void on_pump(uv_timer_t *timer)
{
    prune_pump(fy_container_of(timer, struct client, pump));
}

/* The next schedule; schedules may come and go meanwhile. */
static void judge_next(struct client *client)
{
    struct prune *prune = client->prune;
    struct fy_scheduler *scheduler = prune->server->options.scheduler;
    struct fy_error err = FY_ERROR_INIT;
    size_t index = fy_scheduler_after(scheduler, prune->judgement->schedule);
    if (prune->only_one || index == fy_scheduler_count(scheduler)) {
        end(client, NULL);
        return;
    }
    fy_judgement_free(fy_take(prune->judgement));
    prune->next = 0;
    if (judge(prune, index, &err) < 0)
        end(client, &err);
}

void prune_pump(struct client *client)
{
    struct prune *prune = client->prune;
    const struct fy_judgement *judgement = prune->judgement;
    if (!judgement || prune->server->closing) /* the scheduler may be gone before the clients are */
        return;
    size_t first = prune->next;
    while (prune->next < judgement->count && client_unsent_frames(client) < LIST_WINDOW_FRAMES)
        reply_verdict(client, judgement, prune->next++);
    if (prune->next < judgement->count) {
        (void)uv_timer_start(&client->pump, on_pump, prune->next > first ? LIST_PUMP_MS : LIST_SLOW_MS, 0);
        return;
    }
    (void)uv_timer_stop(&client->pump);
    judge_next(client);
}

int handle_checkpoint_prune(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    const Ferry__Control__CheckpointPrune *asked = request->checkpoint_prune;
    struct fy_scheduler *scheduler = client->server->options.scheduler;
    size_t index = 0;
    if (asked->schedule && fy_scheduler_find(scheduler, asked->schedule, &index, err) < 0)
        return -1;
    if (!fy_scheduler_count(scheduler)) {
        reply_end(client);
        return 0;
    }
    struct prune *prune = calloc(1, sizeof *prune);
    if (!prune)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a request");
    prune->server = client->server;
    prune->client = client;
    prune->dry_run = asked->has_dry_run && asked->dry_run;
    prune->only_one = asked->schedule != NULL;
    if (judge(prune, index, err) < 0) {
        prune_free(prune);
        return -1;
    }
    client->prune = prune;
    return 0;
}
