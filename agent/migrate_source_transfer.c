/* DUMP, CHECK, SEND: from the freeze to the last acknowledged byte. Pages are sent from when CRIU writes the first;
 * CHECK reads all but these, and what is left goes out meanwhile. */
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

/* ---- SEND, beside DUMP and CHECK ---- */

/* PREPARE follows the last byte at once, when the set has been found whole; that the bytes have arrived is acknowledged
 * on its own. */
static void prepare_if_sent(struct fy_migration *migration)
{
    struct fy_error failure = FY_ERROR_INIT;
    if (migration->phase != FY_SOURCE_SEND || !migration->set_queued)
        return;
    if (!migration->prepare_sent) {
        migration->prepare_sent = true;
        if (fy_migrate_send_prepare(&migration->session, &failure) < 0) {
            fy_source_fail(migration, &failure);
            return;
        }
    }
    if (migration->set_kept)
        fy_source_prepare(migration);
}

static void set_queued(void *data)
{
    struct fy_migration *migration = data;
    migration->set_queued = true;
    prepare_if_sent(migration);
}

static void set_sent(const struct fy_error *err, void *data)
{
    struct fy_migration *migration = data;
    migration->send = NULL;
    if (!fy_source_is_over(migration) && err && !migration->set_kept)
        fy_source_fail(migration, err);
}

void fy_source_transfer_received(struct fy_migration *migration, const Ferry__Peer__Received *received)
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
    migration->set_kept = stats.is_kept;
    if (migration->phase == FY_SOURCE_SEND)
        fy_source_expect(migration, "the destination to acknowledge data", migration->host->settings->timeouts.link_ms);
    prepare_if_sent(migration);
}

static int start_sending(struct fy_migration *migration, struct fy_error *err)
{
    static const struct fy_send_set_events events = {.queued = set_queued, .done = set_sent};
    return fy_send_set_start(migration->host->loop, migration->images_dir, &migration->session, &events, migration,
                             &migration->send, err);
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
    else {
        fy_source_enter(migration, FY_SOURCE_SEND);
        fy_source_expect(migration, "the destination to acknowledge data", migration->host->settings->timeouts.link_ms);
        prepare_if_sent(migration);
    }
}

static void held(struct fy_dump *dump, void *data)
{
    (void)dump;
    struct fy_migration *migration = data;
    if (migration->phase != FY_SOURCE_DUMP)
        return; /* rolling back: the driver has its decision */
    fy_source_enter(migration, FY_SOURCE_CHECK);
    fy_send_set_complete(migration->send);
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
    if (start_sending(migration, &err) < 0 ||
        fy_dump_start(migration->host, &request, &events, migration, &migration->dump, &err) < 0)
        fy_source_fail(migration, &err);
}
