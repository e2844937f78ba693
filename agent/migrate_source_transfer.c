/* DUMP, CHECK, SEND: from the freeze to the last acknowledged byte. */
#include "migrate_check.h"
#include "migrate_source.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>

static void held_too_long(uv_timer_t *timer)
{
    struct fy_migration *migration = fy_container_of(timer, struct fy_migration, hold);
    if (migration->phase >= FY_SOURCE_KILL)
        return; /* decided in the meantime */
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_TIMEOUT, "the workload has been frozen for %llu ms, longer than timeouts.hold allows",
                 (unsigned long long)migration->host->settings->timeouts.hold_ms);
    fy_error_next(&err, "use a faster link, or raise timeouts.hold");
    fy_source_fail(migration, &err);
}

static void freezing(struct fy_dump *dump, void *data)
{
    (void)dump;
    struct fy_migration *migration = data;
    if (migration->clock.freeze_ns != 0)
        return;
    migration->clock.freeze_ns = fy_clock_monotonic_ns();
    (void)uv_timer_start(&migration->hold, held_too_long, migration->host->settings->timeouts.hold_ms, 0);
}

static void dump_done(struct fy_dump *dump, enum fy_workload_state state, const struct fy_error *err, void *data)
{
    (void)dump;
    struct fy_migration *migration = data;
    migration->dump = NULL;
    (void)uv_timer_stop(&migration->hold);
    if (state == FY_WORKLOAD_RUNNING)
        migration->report.workload_state = "runs at the source";
    if (migration->phase == FY_SOURCE_KILL && state == FY_WORKLOAD_GONE) {
        fy_source_killed(migration);
        return;
    }
    struct fy_error failure = FY_ERROR_INIT;
    fy_error_propagate(&failure, err);
    fy_error_set(&failure, FY_E_DUMP, "the dump ended before it was decided upon");
    if (state == FY_WORKLOAD_GONE) {
        migration->report.workload_state = "is gone at the source";
        migration->keep_images = true;
        fy_error_propagate(&migration->report.error, &failure);
        fy_error_next(&migration->report.error, "the image set is kept in %s", migration->images_dir);
    }
    if (migration->phase < FY_SOURCE_ROLLBACK)
        fy_source_fail(migration, &failure);
    else
        fy_source_try_end(migration);
}

/* ---- SEND ---- */

static void sent(const struct fy_error *err, uint64_t bytes, void *data)
{
    (void)bytes;
    struct fy_migration *migration = data;
    migration->send = NULL;
    if (fy_source_is_over(migration))
        return;
    struct fy_error failure = FY_ERROR_INIT;
    if (err) {
        fy_source_fail(migration, err);
        return;
    }
    /* PREPARE follows the last byte at once; that the bytes have arrived is acknowledged on its own. */
    migration->prepare_sent = true;
    if (fy_migrate_send_prepare(&migration->session, &failure) < 0)
        fy_source_fail(migration, &failure);
    else if (migration->report.bytes_sent == migration->report.bytes_total)
        fy_source_prepare(migration); /* a small set may be acknowledged before we hear that it is on its way */
}

void fy_source_transfer_received(struct fy_migration *migration, uint64_t bytes)
{
    if (bytes > migration->report.bytes_total || bytes < migration->report.bytes_sent) {
        struct fy_error err = FY_ERROR_INIT;
        fy_error_set(&err, FY_E_PROTOCOL, "%s acknowledges %llu bytes of %llu", migration->spec.peer,
                     (unsigned long long)bytes, (unsigned long long)migration->report.bytes_total);
        fy_session_fail(&migration->session, &err);
        return;
    }
    migration->report.bytes_sent = bytes;
    if (bytes == migration->report.bytes_total && migration->prepare_sent)
        fy_source_prepare(migration);
    else
        fy_source_expect(migration, "the destination to acknowledge data", migration->host->settings->timeouts.link_ms);
}

static void send_set(struct fy_migration *migration)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_source_enter(migration, FY_SOURCE_SEND);
    if (fy_send_set_start(migration->host->loop, migration->images_dir, &migration->session, sent, migration,
                          &migration->send, &err) < 0) {
        fy_source_fail(migration, &err);
        return;
    }
    migration->report.bytes_total = fy_send_set_total_bytes(migration->send);
    fy_source_expect(migration, "the destination to acknowledge data", migration->host->settings->timeouts.link_ms);
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
    migration->pending--;
    if (fy_source_is_over(migration))
        return;
    if (fy_error_is_set(&migration->work_error))
        fy_source_fail(migration, &migration->work_error);
    else
        send_set(migration);
}

static void held(struct fy_dump *dump, void *data)
{
    (void)dump;
    struct fy_migration *migration = data;
    if (migration->phase != FY_SOURCE_DUMP)
        return; /* rolling back: the driver has its decision */
    fy_source_enter(migration, FY_SOURCE_CHECK);
    if (uv_queue_work(migration->host->loop, &migration->work, check, checked) == 0) {
        migration->pending++;
        return;
    }
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_NOMEM, "the thread pool takes no work");
    fy_source_fail(migration, &err);
}

/* ---- DUMP ---- */

void fy_source_transfer_start(struct fy_migration *migration)
{
    static const struct fy_dump_events events = {.freezing = freezing, .held = held, .done = dump_done};
    struct fy_dump_request request = {
        .spec = &migration->spec,
        .job_id = migration->options.job_id,
        .images_dir = migration->images_dir,
        .work_dir = migration->options.log_dir,
    };
    struct fy_error err = FY_ERROR_INIT;
    fy_source_enter(migration, FY_SOURCE_DUMP);
    if (fy_dump_start(migration->host, &request, &events, migration, &migration->dump, &err) < 0)
        fy_source_fail(migration, &err);
}
