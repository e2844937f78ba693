/* The played agent. */
#include "played_agent.h"

#include <ferry/base/cleanup.h>
#include <string.h>

struct played_agent played;
struct fy_receiver *played_receiver;

struct played_migration *played_find(const char *workload)
{
    char text[FY_WORKLOAD_TEXT_SIZE];
    for (size_t i = 0; i < played.count; i++) {
        fy_workload_format(&played.migrations[i].report.workload, text);
        if (played.migrations[i].running && strcmp(text, workload) == 0)
            return &played.migrations[i];
    }
    return NULL;
}

void played_progress(struct played_migration *migration, uint64_t bytes_sent)
{
    migration->report.bytes_sent = bytes_sent;
    migration->events->changed((struct fy_migration *)migration, &migration->report, migration->data);
}

void played_phase(struct played_migration *migration, enum fy_migration_state state, const char *phase)
{
    struct fy_migration_report *report = &migration->report;
    report->state = state;
    if (report->phase_count > 0)
        report->phases[report->phase_count - 1].ended = true;
    report->phases[report->phase_count++] = (struct fy_phase){.name = phase, .start_us = report->elapsed_us};
    report->elapsed_us += 1000;
    migration->events->changed((struct fy_migration *)migration, report, migration->data);
}

void played_end(struct played_migration *migration, enum fy_migration_state state, enum fy_code code)
{
    migration->running = false;
    migration->report.state = state;
    if (code != FY_OK)
        fy_error_set(&migration->report.error, code, "played: %s", fy_code_name(code));
    migration->events->ended((struct fy_migration *)migration, &migration->report, migration->data);
}

static int start(const struct fy_host *host, const struct fy_migration_spec *spec,
                 const struct fy_migration_options *options, const struct fy_migration_events *events, void *data,
                 struct fy_migration **migration, struct fy_error *err)
{
    if (fy_error_is_set(&played.fail_start)) {
        fy_error_propagate(err, &played.fail_start);
        return -1;
    }
    struct played_migration *new = &played.migrations[played.count++];
    *new = (struct played_migration){.events = events, .data = data, .running = true, .dry_run = options->dry_run};
    (void)snprintf(new->job_id, sizeof(new->job_id), "%s", options->job_id);
    (void)snprintf(new->group, sizeof(new->group), "%s", options->group);
    new->report.is_source = true;
    new->report.workload = spec->workload;
    new->report.dry_run = options->dry_run;
    new->report.workload_state = "runs at the source";
    new->bandwidth = spec->bandwidth_bytes;
    new->loop = host->loop;
    *migration = (struct fy_migration *)new;
    return 0;
}

static void conclude(struct fy_migration *migration, const struct fy_error *why_not)
{
    ((struct played_migration *)migration)->concluded = why_not ? 2 : 1;
}

static void look_back(const struct fy_host *host, const struct fy_journal_entry *entry,
                      struct fy_migration_trace *trace)
{
    (void)host;
    *trace = (struct fy_migration_trace){.evidence = {.stage = entry->stage}};
    (void)snprintf(trace->group, sizeof(trace->group), "%s", played.group ? played.group : "");
    trace->evidence.stands_or_runs = played.unpinned && strcmp(entry->job, played.unpinned) == 0;
}

static int take_up(const struct fy_host *host, const struct fy_journal_entry *entry, bool goes_on, const char *log_dir,
                   const struct fy_migration_events *events, void *data, struct fy_migration **migration,
                   struct fy_error *err)
{
    struct played_migration *new = &played.migrations[played.count++];
    (void)log_dir;
    (void)err;
    *new = (struct played_migration){.events = events, .data = data, .running = true, .taken_up = entry->stage};
    (void)snprintf(new->job_id, sizeof(new->job_id), "%s", entry->job);
    new->goes_on = goes_on;
    new->report.is_source = true;
    (void)fy_workload_parse("runc/web", &new->report.workload, NULL);
    new->report.workload_state = "looked for at the source";
    new->loop = host->loop;
    *migration = (struct fy_migration *)new;
    return 0;
}

static int resolve(struct fy_migration *migration, bool commit, struct fy_error *err)
{
    (void)err;
    ((struct played_migration *)migration)->resolved = commit ? 1 : 2;
    return 0;
}

static void on_end_soon(uv_timer_t *timer)
{
    struct played_migration *migration = fy_container_of(timer, struct played_migration, end_soon);
    uv_close((uv_handle_t *)timer, NULL);
    if (migration->running)
        played_end(migration, FY_MIGRATION_CANCELLED, FY_E_CANCELLED);
}

static void set_bandwidth(struct fy_migration *migration, uint64_t bytes_per_second)
{
    ((struct played_migration *)migration)->bandwidth = bytes_per_second;
}

static void go(struct fy_migration *migration)
{
    ((struct played_migration *)migration)->decided = true;
}

void played_pinned(struct played_migration *migration, enum fy_code code)
{
    struct fy_error err = FY_ERROR_INIT;
    if (code != FY_OK)
        fy_error_set(&err, code, "played: %s", fy_code_name(code));
    migration->events->pinned((struct fy_migration *)migration, code != FY_OK ? &err : NULL, migration->data);
}

void played_given_up(struct played_migration *migration, enum fy_code code)
{
    fy_error_set(&migration->report.error, code, "played: %s", fy_code_name(code));
    migration->events->given_up((struct fy_migration *)migration, &migration->report, migration->data);
}

void played_ready(struct played_migration *migration)
{
    migration->events->ready((struct fy_migration *)migration, migration->data);
}

static int cancel(struct fy_migration *migration, const char *why, struct fy_error *err)
{
    (void)why;
    struct played_migration *played_one = (struct played_migration *)migration;
    if (played_one->decided)
        return fy_error_set(err, FY_E_BUSY, "played: decided");
    (void)uv_timer_init(played_one->loop, &played_one->end_soon);
    return uv_timer_start(&played_one->end_soon, on_end_soon, 1, 0);
}

/* ---- receiving ---- */

/* It is over when its link and its timer are closed. */
static void free_if_over(struct fy_receiver *receiver)
{
    if (receiver->over && !receiver->link)
        free(receiver);
}

static void link_closed(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    (void)err;
    struct fy_receiver *receiver = data;
    receiver->link = NULL;
    free_if_over(receiver);
}

static void link_frame(struct fy_link *link, const struct fy_frame *frame, void *data)
{
    (void)link;
    (void)frame;
    (void)data;
}

static int receive(const struct fy_host *host, struct fy_link *link, const struct fy_receiver_events *events,
                   void *data, struct fy_receiver **receiver, struct fy_error *err)
{
    static const struct fy_link_events link_events = {.frame = link_frame, .closed = link_closed};
    struct fy_receiver *new = calloc(1, sizeof(*new));
    if (!new)
        return fy_error_set(err, FY_E_NOMEM, "no memory");
    new->events = events;
    new->data = data;
    new->link = link;
    (void)uv_timer_init(host->loop, &new->end_soon);
    fy_link_set_events(link, &link_events, new);
    played_receiver = *receiver = new;
    return 0;
}

int played_offer(struct fy_receiver *receiver, const char *job_id, const char *workload, struct fy_error *err)
{
    struct fy_migration_options options = {0};
    if (fy_workload_parse(workload, &receiver->report.workload, err) < 0 ||
        receiver->events->offered(receiver, job_id, &receiver->report.workload, "far", &options, err, receiver->data) <
            0)
        return -1;
    receiver->accepted = true;
    free(options.log_dir);
    return 0;
}

static void receiver_gone(uv_handle_t *handle)
{
    struct fy_receiver *receiver = fy_container_of((uv_timer_t *)handle, struct fy_receiver, end_soon);
    receiver->over = true;
    free_if_over(receiver);
}

void played_receiver_end(struct fy_receiver *receiver, enum fy_migration_state state)
{
    receiver->report.state = state;
    receiver->report.root_pid = state == FY_MIGRATION_COMPLETED ? 77 : 0;
    if (receiver->link)
        fy_link_close(receiver->link);
    receiver->events->ended(receiver, receiver->accepted ? &receiver->report : NULL, receiver->data);
    uv_close((uv_handle_t *)&receiver->end_soon, receiver_gone);
}

void played_receiver_crash(struct fy_receiver *receiver)
{
    receiver->events->ended(receiver, NULL, receiver->data);
    if (receiver->link)
        fy_link_close(receiver->link);
    uv_close((uv_handle_t *)&receiver->end_soon, receiver_gone);
}

static void on_receiver_end(uv_timer_t *timer)
{
    played_receiver_end(fy_container_of(timer, struct fy_receiver, end_soon), FY_MIGRATION_CANCELLED);
}

static int receive_cancel(struct fy_receiver *receiver, const char *why, struct fy_error *err)
{
    (void)why;
    (void)err;
    receiver->cancelled = true;
    return uv_timer_start(&receiver->end_soon, on_receiver_end, 1, 0);
}

static int peer_check(const struct fy_host *host, const char *peer, fy_peer_check_cb done, void *data,
                      struct fy_peer_check **check, struct fy_error *err)
{
    (void)host;
    (void)done;
    (void)data;
    (void)check;
    return fy_error_set(err, FY_E_UNREACHABLE, "played: %s is away", peer);
}

const struct fy_migration_ops played_ops = {
    .start = start,
    .conclude = conclude,
    .look_back = look_back,
    .take_up = take_up,
    .resolve = resolve,
    .go = go,
    .cancel = cancel,
    .set_bandwidth = set_bandwidth,
    .receive = receive,
    .receive_cancel = receive_cancel,
    .peer_check = peer_check,
};
