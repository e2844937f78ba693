/* A migration's life at the source: start, cancel, the dispatch of what the peer says, deadlines. */
#include "migrate_source.h"
#include "job_directory.h"

#include <assert.h>
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <stdio.h>
#include <string.h>

#define TICK_MS 100u
#define BIT(phase) (1u << (phase))

static const unsigned successors[] = {
    [FY_SOURCE_INSPECT] = BIT(FY_SOURCE_CONNECT) | BIT(FY_SOURCE_ROLLBACK),
    [FY_SOURCE_CONNECT] = BIT(FY_SOURCE_OFFER) | BIT(FY_SOURCE_ROLLBACK),
    [FY_SOURCE_OFFER] = BIT(FY_SOURCE_DUMP) | BIT(FY_SOURCE_END) | BIT(FY_SOURCE_ROLLBACK),
    [FY_SOURCE_DUMP] = BIT(FY_SOURCE_CHECK) | BIT(FY_SOURCE_ROLLBACK),
    [FY_SOURCE_CHECK] = BIT(FY_SOURCE_SEND) | BIT(FY_SOURCE_ROLLBACK),
    [FY_SOURCE_SEND] = BIT(FY_SOURCE_PREPARE) | BIT(FY_SOURCE_ROLLBACK),
    [FY_SOURCE_PREPARE] = BIT(FY_SOURCE_KILL) | BIT(FY_SOURCE_ROLLBACK),
    [FY_SOURCE_KILL] = BIT(FY_SOURCE_WITHDRAW) | BIT(FY_SOURCE_ROLLBACK),
    [FY_SOURCE_WITHDRAW] = BIT(FY_SOURCE_COMMIT) | BIT(FY_SOURCE_RECOVER),
    [FY_SOURCE_COMMIT] = BIT(FY_SOURCE_END) | BIT(FY_SOURCE_RECOVER),
    [FY_SOURCE_RECOVER] = BIT(FY_SOURCE_END),
    [FY_SOURCE_ROLLBACK] = BIT(FY_SOURCE_END),
    [FY_SOURCE_END] = 0,
};

static const struct {
    enum fy_migration_state state;
    const char *shown; /* name of the phase for people; NULL: goes on under the one before */
    const char *where;
} faces[] = {
    [FY_SOURCE_INSPECT] = {FY_MIGRATION_SETUP, "preflight", "not touched"},
    [FY_SOURCE_CONNECT] = {FY_MIGRATION_SETUP, NULL, "runs at the source"},
    [FY_SOURCE_OFFER] = {FY_MIGRATION_SETUP, NULL, "runs at the source"},
    [FY_SOURCE_DUMP] = {FY_MIGRATION_ACTIVE, "dump", "frozen at the source"},
    [FY_SOURCE_CHECK] = {FY_MIGRATION_ACTIVE, "check", "frozen at the source"},
    [FY_SOURCE_SEND] = {FY_MIGRATION_ACTIVE, "transfer", "frozen at the source"},
    [FY_SOURCE_PREPARE] = {FY_MIGRATION_PRE_SWITCHOVER, "restore", "frozen at the source"},
    [FY_SOURCE_KILL] = {FY_MIGRATION_DEVICE, "switchover", "on its way to the destination"},
    [FY_SOURCE_WITHDRAW] = {FY_MIGRATION_DEVICE, NULL, "on its way to the destination"},
    [FY_SOURCE_COMMIT] = {FY_MIGRATION_DEVICE, NULL, "on its way to the destination"},
    [FY_SOURCE_RECOVER] = {FY_MIGRATION_DEVICE, "recover", "in its image set at the source"},
    [FY_SOURCE_ROLLBACK] = {FY_MIGRATION_ACTIVE, "rollback", NULL},
    [FY_SOURCE_END] = {FY_MIGRATION_ACTIVE, NULL, NULL},
};

void fy_source_changed(struct fy_migration *migration)
{
    struct fy_link_stats stats = {0};
    if (migration->session.link)
        fy_link_get_stats(migration->session.link, &stats);
    if (stats.bytes_sent > migration->report.wire_bytes)
        migration->report.wire_bytes = stats.bytes_sent;
    fy_report_touch(&migration->report, &migration->clock);
    migration->events->changed(migration, &migration->report, migration->data);
}

void fy_source_enter(struct fy_migration *migration, enum fy_source_phase phase)
{
    assert(successors[migration->phase] & BIT(phase));
    migration->phase = phase;
    if (faces[phase].shown)
        fy_report_phase(&migration->report, &migration->clock, faces[phase].shown);
    if (faces[phase].where) {
        migration->report.state = faces[phase].state;
        migration->report.workload_state = faces[phase].where;
    }
    fy_source_expect(migration, NULL, 0);
    fy_source_changed(migration);
}

static void deadline_passed(uv_timer_t *timer)
{
    struct fy_migration *migration = fy_container_of(timer, struct fy_migration, deadline);
    struct fy_error err = FY_ERROR_INIT;
    if (migration->phase == FY_SOURCE_COMMIT || migration->phase == FY_SOURCE_ROLLBACK) {
        /* The decision stands; a silent peer is a lost link. */
        fy_error_set(&err, FY_E_TIMEOUT, "%s did not answer", migration->spec.peer);
        if (migration->session.link)
            fy_session_fail(&migration->session, &err);
        return;
    }
    fy_error_set(&err, FY_E_TIMEOUT, "waited %llu ms for %s, in vain", (unsigned long long)uv_timer_get_repeat(timer),
                 (const char *)timer->data);
    fy_error_next(&err, "look at ferryd's log on %s; the deadlines are set under 'timeouts:'", migration->spec.peer);
    fy_source_fail(migration, &err);
}

void fy_source_expect(struct fy_migration *migration, const char *what, uint64_t timeout_ms)
{
    (void)uv_timer_stop(&migration->deadline);
    if (timeout_ms == 0)
        return;
    migration->deadline.data = (void *)what;
    /* The repeat value only remembers how long was waited; the timer is stopped before it could repeat. */
    (void)uv_timer_start(&migration->deadline, deadline_passed, timeout_ms, timeout_ms);
}

static void ticked(uv_timer_t *timer)
{
    struct fy_migration *migration = fy_container_of(timer, struct fy_migration, tick);
    fy_report_sample(&migration->report, &migration->clock);
    fy_source_changed(migration);
}

/* ---- what the peer says ---- */

static void greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    (void)hello;
    struct fy_migration *migration = fy_container_of(session, struct fy_migration, session);
    struct fy_error err = FY_ERROR_INIT;
    if (migration->phase == FY_SOURCE_CONNECT) {
        fy_source_setup_greeted(migration);
        return;
    }
    bool commit = migration->phase == FY_SOURCE_COMMIT;
    if (fy_migrate_send_resolve(session, migration->options.job_id, commit, &err) < 0)
        fy_session_fail(session, &err);
    fy_source_expect(migration, "the peer to take the decision", migration->host->settings->timeouts.link_ms);
}

static void out_of_order(struct fy_migration *migration, const Ferry__Peer__Frame *frame)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_PROTOCOL, "%s sent a frame of kind %d out of order", migration->spec.peer,
                 (int)frame->kind_case);
    if (migration->session.link)
        fy_session_fail(&migration->session, &err);
}

static void peer_aborted(struct fy_migration *migration, const Ferry__Peer__Aborted *aborted)
{
    struct fy_error err = FY_ERROR_INIT;
    if (aborted->reason)
        fy_session_failure_to_error(aborted->reason, migration->spec.peer, &err);
    else
        fy_error_set(&err, FY_E_REMOTE, "%s discarded the workload", migration->spec.peer);
    migration->peer_knows_end = true;
    if (migration->phase == FY_SOURCE_COMMIT && err.code == FY_E_NOT_FOUND)
        fy_source_give_up(migration, &err);
    else if (migration->phase == FY_SOURCE_COMMIT)
        fy_source_recover(migration, &err);
    else if (migration->phase == FY_SOURCE_KILL || migration->phase == FY_SOURCE_WITHDRAW)
        fy_error_propagate(&migration->report.error, &err); /* settled as soon as the tasks here have ended */
    else if (migration->phase == FY_SOURCE_ROLLBACK)
        fy_source_try_end(migration);
    else
        fy_source_fail(migration, &err);
}

static void frame_arrived(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                          size_t body_bytes)
{
    struct fy_migration *migration = fy_container_of(session, struct fy_migration, session);
    enum fy_source_phase phase = migration->phase;
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_LOG)
        fy_migrate_keep_log(migration->options.log_dir, frame->log, body, body_bytes);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_ABORTED)
        peer_aborted(migration, frame->aborted);
    else if (phase >= FY_SOURCE_RECOVER)
        return; /* what was on its way when we gave up */
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_ANSWER && phase == FY_SOURCE_OFFER)
        fy_source_setup_answer(migration, frame->answer);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_RECEIVED && phase >= FY_SOURCE_DUMP &&
             phase <= FY_SOURCE_SEND)
        fy_source_transfer_received(migration, frame->received);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_PREPARED && phase == FY_SOURCE_PREPARE)
        fy_source_decide(migration);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_DONE && phase == FY_SOURCE_COMMIT)
        fy_source_completed(migration, frame->done);
    else
        out_of_order(migration, frame);
}

static void drained(struct fy_session *session)
{
    struct fy_migration *migration = fy_container_of(session, struct fy_migration, session);
    if (migration->send)
        fy_send_set_drained(migration->send);
}

static void link_lost(struct fy_session *session, const struct fy_error *err)
{
    struct fy_migration *migration = fy_container_of(session, struct fy_migration, session);
    struct fy_error lost = FY_ERROR_INIT;
    if (err)
        fy_error_propagate(&lost, err);
    else
        fy_error_set(&lost, FY_E_UNREACHABLE, "the link to %s was closed", migration->spec.peer);
    switch (migration->phase) {
    case FY_SOURCE_KILL:
    case FY_SOURCE_WITHDRAW:
    case FY_SOURCE_RECOVER:
        break; /* COMMIT will find no link and open a new one; recovering needs none */
    case FY_SOURCE_COMMIT:
        fy_source_redial(migration);
        break;
    case FY_SOURCE_ROLLBACK:
    case FY_SOURCE_END:
        fy_source_try_end(migration);
        break;
    default:
        fy_source_fail(migration, &lost);
    }
}

static const struct fy_session_events session_events = {
    .greeted = greeted,
    .frame = frame_arrived,
    .drained = drained,
    .closed = link_lost,
};

/* ---- start and cancel ---- */

static void init_timers(struct fy_migration *migration)
{
    uv_loop_t *loop = migration->host->loop;
    (void)uv_timer_init(loop, &migration->deadline);
    (void)uv_timer_init(loop, &migration->hold);
    (void)uv_timer_init(loop, &migration->redial);
    (void)uv_timer_init(loop, &migration->tick);
    migration->open_timers = 4;
    (void)uv_timer_start(&migration->tick, ticked, TICK_MS, TICK_MS);
}

static struct fy_migration *new_migration(const struct fy_host *host, const struct fy_migration_spec *spec,
                                          const struct fy_migration_options *options, struct fy_error *err)
{
    struct fy_migration *migration = calloc(1, sizeof *migration);
    if (!migration) {
        fy_error_set(err, FY_E_NOMEM, "no memory for a migration");
        return NULL;
    }
    migration->host = host;
    migration->spec = *spec;
    migration->options = *options;
    migration->options.log_dir = strdup(options->log_dir);
    migration->report.is_source = true;
    migration->report.dry_run = options->dry_run;
    migration->report.workload = spec->workload;
    migration->report.workload_state = faces[FY_SOURCE_INSPECT].where;
    (void)snprintf(migration->report.peer, sizeof migration->report.peer, "%s", spec->peer);
    if (!migration->options.log_dir) {
        fy_error_set(err, FY_E_NOMEM, "no memory for a migration");
        fy_source_free(migration);
        return NULL;
    }
    return migration;
}

static void begin(uv_timer_t *timer)
{
    struct fy_migration *migration = fy_container_of(timer, struct fy_migration, redial);
    if (migration->phase == FY_SOURCE_INSPECT) /* else it was cancelled at once */
        fy_source_setup_start(migration);
}

int fy_migration_start(const struct fy_host *host, const struct fy_migration_spec *spec,
                       const struct fy_migration_options *options, const struct fy_migration_events *events, void *data,
                       struct fy_migration **migration, struct fy_error *err)
{
    const struct fy_peer_settings *peer = NULL;
    if (fy_migrate_find_peer(host, spec->peer, &peer, err) < 0)
        return -1;
    struct fy_migration *new = new_migration(host, spec, options, err);
    if (!new)
        return -1;
    new->events = events;
    new->data = data;
    new->peer = peer;
    if (fy_job_directory_make(host->settings->run_dir, new->options.job_id, &new->job_dir, &new->images_dir, err) < 0) {
        fy_source_free(new);
        return -1;
    }
    fy_session_init(&new->session, host->settings->name, &session_events);
    init_timers(new);
    fy_report_start(&new->report, &new->clock);
    fy_report_phase(&new->report, &new->clock, faces[FY_SOURCE_INSPECT].shown);
    (void)uv_timer_start(&new->redial, begin, 0, 0);
    *migration = new;
    return 0;
}

int fy_migration_cancel(struct fy_migration *migration, const char *why, struct fy_error *err)
{
    if (migration->phase >= FY_SOURCE_ROLLBACK)
        return 0; /* it is on its way back already */
    if (migration->phase >= FY_SOURCE_KILL) {
        fy_error_set(err, FY_E_BUSY, "the switchover has been decided; the migration completes at %s",
                     migration->spec.peer);
        return fy_error_next(err, "wait for it, then migrate back if that is what you want");
    }
    struct fy_error cancelled = FY_ERROR_INIT;
    fy_error_set(&cancelled, FY_E_CANCELLED, "%s", why);
    migration->was_cancelled = true;
    fy_source_fail(migration, &cancelled);
    return 0;
}

void fy_source_fail(struct fy_migration *migration, const struct fy_error *err)
{
    if (migration->phase >= FY_SOURCE_ROLLBACK)
        return;
    fy_error_propagate(&migration->report.error, err);
    fy_source_rollback(migration);
}

bool fy_source_is_over(struct fy_migration *migration)
{
    if (migration->phase < FY_SOURCE_ROLLBACK)
        return false;
    fy_source_try_end(migration);
    return true;
}
