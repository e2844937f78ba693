/* DUMP, CHECK, SEND: from the freeze to the last acknowledged byte. Pages are sent from when CRIU writes the first;
 * CHECK reads all but these, and what is left goes out meanwhile. */
#include "migrate_check.h"
#include "migrate_source.h"
#include "storage.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>

/* ---- DUMP ---- */

static uint64_t freeze_limit_ms(const struct fy_migration *migration)
{
    uint64_t hold_ms = migration->host->settings->timeouts.hold_ms;
    uint64_t wanted_ms = migration->spec.max_freeze_ms;
    return wanted_ms && wanted_ms < hold_ms ? wanted_ms : hold_ms;
}

static void held_too_long(uv_timer_t *timer)
{
    struct fy_migration *migration = fy_container_of(timer, struct fy_migration, hold);
    struct fy_error err = FY_ERROR_INIT;
    const char *limit = migration->spec.max_freeze_ms == freeze_limit_ms(migration) ? "max_freeze" : "timeouts.hold";
    fy_error_set(&err, FY_E_TIMEOUT, "the workload has been frozen for %llu ms, longer than %s allows",
                 (unsigned long long)freeze_limit_ms(migration), limit);
    fy_error_next(&err, "use a faster link, or raise %s", limit);
    (void)fy_source_fail(&migration->core, &err);
}

static void freezing(struct fy_dump *dump, void *data)
{
    (void)dump;
    struct fy_migration *migration = data;
    if (migration->clock.freeze_ns != 0)
        return;
    migration->clock.freeze_ns = fy_clock_monotonic_ns();
    (void)uv_timer_start(&migration->hold, held_too_long, freeze_limit_ms(migration), 0);
}

static void held(struct fy_dump *dump, void *data)
{
    (void)dump;
    struct fy_migration *migration = data;
    fy_source_held(&migration->core);
}

static void dump_done(struct fy_dump *dump, enum fy_workload_state state, const struct fy_error *err, void *data)
{
    (void)dump;
    struct fy_migration *migration = data;
    migration->dump = NULL;
    (void)uv_timer_stop(&migration->hold);
    if (state == FY_WORKLOAD_RUNNING)
        migration->report.workload_state = "runs at the source";
    else if (!fy_source_is_decided(&migration->core))
        migration->report.workload_state = "is gone at the source";
    fy_source_dumped(&migration->core, state == FY_WORKLOAD_RUNNING ? FY_TASKS_WHOLE : FY_TASKS_GONE, err);
}

static void tell_pinned(struct fy_migration *migration, const struct fy_error *err)
{
    if (migration->events->pinned)
        migration->events->pinned(migration, err, migration->data);
    else
        fy_source_pinned(&migration->core, err);
}

static void pinned(struct fy_dump *dump, const struct fy_error *err, void *data)
{
    (void)dump;
    tell_pinned(data, err);
}

static void start_dump(void *data, const struct fy_error *hook_error)
{
    static const struct fy_dump_events events = {
        .freezing = freezing, .held = held, .pinned = pinned, .done = dump_done};
    struct fy_migration *migration = data;
    struct fy_dump_request request = {
        .spec = &migration->spec,
        .job_id = migration->options.job_id,
        .images_dir = migration->images_dir,
        .work_dir = migration->options.log_dir,
    };
    struct fy_error err = FY_ERROR_INIT;
    if (hook_error)
        fy_source_dumped(&migration->core, FY_TASKS_WHOLE, hook_error);
    else if (fy_dump_start(migration->host, &request, &events, migration, &migration->dump, &err) < 0)
        fy_source_dumped(&migration->core, FY_TASKS_WHOLE, &err);
}

void fy_migration_dump(void *ctx)
{
    fy_migration_run_hooks(ctx, FY_HOOK_PRE_DUMP, start_dump);
}

/* What has ended by itself needs only the note. */
void fy_migration_pin(void *ctx)
{
    struct fy_migration *migration = ctx;
    struct fy_error err = FY_ERROR_INIT;
    if (migration->dump ? fy_dump_pin(migration->dump, &err) < 0
                        : fy_dump_note_pinned(migration->host->settings->run_dir, migration->options.job_id, &err) < 0)
        tell_pinned(migration, &err);
    else if (!migration->dump)
        tell_pinned(migration, NULL);
}

void fy_migration_conclude(struct fy_migration *migration, const struct fy_error *why_not)
{
    fy_source_pinned(&migration->core, why_not);
}

void fy_migration_kill(void *ctx)
{
    struct fy_migration *migration = ctx;
    fy_dump_decide(migration->dump, FY_DECIDE_KILL);
}

void fy_migration_resume(void *ctx)
{
    struct fy_migration *migration = ctx;
    fy_hook_point_stop(&migration->hooks);
    if (migration->dump) /* else its hooks still run, and it will not begin */
        fy_dump_decide(migration->dump, FY_DECIDE_RESUME);
}

/* ---- CHECK ---- */

static void check(uv_work_t *work)
{
    struct fy_migration *migration = fy_container_of(work, struct fy_migration, work);
    (void)fy_migrate_check_set(migration->images_dir, &migration->work_error);
}

static void checked(uv_work_t *work, int status)
{
    (void)status;
    struct fy_migration *migration = fy_container_of(work, struct fy_migration, work);
    const struct fy_error *err = &migration->work_error;
    fy_source_checked(&migration->core, fy_error_is_set(err) ? err : NULL);
}

static void start_check(void *data, const struct fy_error *hook_error)
{
    struct fy_migration *migration = data;
    struct fy_error err = FY_ERROR_INIT;
    if (hook_error) {
        fy_source_checked(&migration->core, hook_error);
        return;
    }
    if (uv_queue_work(migration->host->loop, &migration->work, check, checked) == 0)
        return;
    fy_error_set(&err, FY_E_NOMEM, "the thread pool takes no work");
    fy_source_checked(&migration->core, &err);
}

void fy_migration_check(void *ctx)
{
    fy_migration_run_hooks(ctx, FY_HOOK_POST_DUMP, start_check);
}

/* ---- SEND, beside DUMP and CHECK ---- */

static void set_queued(void *data)
{
    struct fy_migration *migration = data;
    fy_source_queued(&migration->core);
}

static void set_sent(const struct fy_error *err, void *data)
{
    struct fy_migration *migration = data;
    migration->send = NULL;
    fy_source_sent(&migration->core, err);
}

static bool criu_waited(uint64_t *wait_ns, void *data)
{
    const struct fy_migration *migration = data;
    return migration->dump && fy_dump_waited(migration->dump, wait_ns);
}

void fy_migration_received(struct fy_migration *migration, const Ferry__Peer__Received *received)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_send_set_stats stats;
    if (!migration->send || fy_send_set_acknowledged(migration->send, received, &err) < 0) {
        fy_error_set(&err, FY_E_PROTOCOL, "%s acknowledges what was not sent", migration->spec.peer);
        fy_session_fail(&migration->session, &err);
        return;
    }
    fy_send_set_get_stats(migration->send, &stats);
    migration->report.bytes_sent = stats.kept_bytes;
    migration->report.bytes_total = stats.total_bytes;
    migration->report.pages = stats.pages;
    fy_source_received(&migration->core, stats.is_kept);
}

void fy_migration_send(void *ctx)
{
    static const struct fy_send_set_events events = {.queued = set_queued, .done = set_sent, .waited = criu_waited};
    struct fy_migration *migration = ctx;
    struct fy_error err = FY_ERROR_INIT;
    if (fy_send_set_start(migration->host->loop, migration->images_dir, &migration->session, &events, migration,
                          &migration->send, &err) < 0)
        fy_source_sent(&migration->core, &err);
}

void fy_migration_send_complete(void *ctx)
{
    struct fy_migration *migration = ctx;
    fy_send_set_complete(migration->send, fy_storage_memory_bytes());
}

void fy_migration_send_stop(void *ctx)
{
    struct fy_migration *migration = ctx;
    fy_send_set_stop(migration->send);
}
