/* What a client that watches jobs is sent, and what waits when it is slow.
 *
 * At most WINDOW_FRAMES are under way in the link; further records wait here. Of those, a record that only brings
 * progress replaces the one before it, so what waits is bounded by the number of states and phases that a job can go
 * through. */
#include "control.h"

#include <ferry/base/cleanup.h>
#include <string.h>

#define WINDOW_FRAMES 16
#define PUMP_MS 50 /* how often a slow client is looked at again */

struct waiting_record {
    struct waiting_record *next;
    struct fy_record *record;
};

static void on_pump(uv_timer_t *timer)
{
    watch_pump(fy_container_of(timer, struct client, pump));
}

static int append(struct watch *watch, struct fy_record *record, struct fy_error *err)
{
    struct waiting_record *waiting = calloc(1, sizeof(*waiting));
    if (!waiting)
        return fy_error_set(err, FY_E_NOMEM, "no memory for an event of job %s", watch->id);
    waiting->record = fy_record_ref(record);
    if (watch->last)
        watch->last->next = waiting;
    else
        watch->first = waiting;
    watch->last = waiting;
    return 0;
}

static void take_first(struct watch *watch)
{
    struct waiting_record *waiting = watch->first;
    watch->first = waiting->next;
    if (!watch->first)
        watch->last = NULL;
    fy_record_unref(waiting->record);
    free(waiting);
}

static void drop(struct watch *watch)
{
    while (watch->first)
        take_first(watch);
    free(watch);
}

void watch_drop_all(struct client *client)
{
    while (client->watches) {
        struct watch *watch = client->watches;
        client->watches = watch->next;
        drop(watch);
    }
}

int watch_add(struct client *client, struct fy_record *record, struct fy_error *err)
{
    struct watch **tail = &client->watches;
    struct watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return fy_error_set(err, FY_E_NOMEM, "no memory for watching job %s", record->job->id);
    (void)snprintf(watch->id, sizeof(watch->id), "%s", record->job->id);
    watch->ended = fy_record_ended(record);
    if (append(watch, record, err) < 0) {
        free(watch);
        return -1;
    }
    while (*tail)
        tail = &(*tail)->next;
    *tail = watch;
    return 0;
}

/* Whether all that will ever be sent for this request has been sent once this watch's first record is. */
static bool is_last(const struct client *client, const struct watch *watch)
{
    return watch->ended && watch->first == watch->last && client->watches == watch && !watch->next;
}

static struct watch *first_with_something(struct client *client)
{
    for (struct watch *watch = client->watches; watch; watch = watch->next) {
        if (watch->first)
            return watch;
    }
    return NULL;
}

static void unlink_watch(struct client *client, struct watch *watch)
{
    struct watch **at = &client->watches;
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    drop(watch);
}

void watch_pump(struct client *client)
{
    struct watch *watch = NULL;
    while (client->link && client_unsent_frames(client) < WINDOW_FRAMES && (watch = first_with_something(client))) {
        client_reply_job(client, watch->first->record->job, is_last(client, watch));
        take_first(watch);
        if (watch->ended && !watch->first)
            unlink_watch(client, watch);
    }
    if (client->link && first_with_something(client))
        (void)uv_timer_start(&client->pump, on_pump, PUMP_MS, 0);
    else
        (void)uv_timer_stop(&client->pump);
}

void watch_publish(struct client *client, struct fy_record *record, bool step)
{
    struct watch *watch = client->watches;
    while (watch && strcmp(watch->id, record->job->id) != 0)
        watch = watch->next;
    if (!watch || watch->ended)
        return;
    watch->ended = fy_record_ended(record);
    if (!step && watch->last) {
        fy_record_unref(watch->last->record);
        watch->last->record = fy_record_ref(record);
    } else if (append(watch, record, NULL) < 0) {
        fy_link_close(client->link);
        return;
    }
    watch_pump(client);
}

int watch_job(struct client *client, struct fy_record *record, struct fy_error *err)
{
    int result = watch_add(client, record, err);
    fy_record_unref(record);
    if (result == 0)
        watch_pump(client);
    return result;
}
