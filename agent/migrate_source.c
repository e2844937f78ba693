/* A migration's life at the source: start, cancel, the dispatch of what the peer says, deadlines. */
#include "migrate_source.h"
#include "job_directory.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define TICK_MS 100u

static const struct {
    enum fy_migration_state state;
    const char *shown; /* name of the phase for people; NULL: goes on under the one before */
    const char *where; /* NULL: unchanged */
} faces[FY_SOURCE_PHASES] = {
    [FY_SOURCE_INSPECT] = {FY_MIGRATION_SETUP, "preflight", "not touched"},
    [FY_SOURCE_CONNECT] = {FY_MIGRATION_SETUP, NULL, "runs at the source"},
    [FY_SOURCE_OFFER] = {FY_MIGRATION_SETUP, NULL, "runs at the source"},
    [FY_SOURCE_BEGIN] = {FY_MIGRATION_ACTIVE, NULL, "runs at the source"},
    [FY_SOURCE_DUMP] = {FY_MIGRATION_ACTIVE, "dump", "frozen at the source"},
    [FY_SOURCE_CHECK] = {FY_MIGRATION_ACTIVE, "check", "frozen at the source"},
    [FY_SOURCE_SEND] = {FY_MIGRATION_ACTIVE, "transfer", "frozen at the source"},
    [FY_SOURCE_PREPARE] = {FY_MIGRATION_PRE_SWITCHOVER, "restore", "frozen at the source"},
    [FY_SOURCE_READY] = {FY_MIGRATION_PRE_SWITCHOVER, NULL, "frozen at the source"},
    [FY_SOURCE_DECIDE] = {FY_MIGRATION_DEVICE, "switchover", "frozen at the source"},
    [FY_SOURCE_PIN] = {FY_MIGRATION_DEVICE, NULL, "frozen at the source"},
    [FY_SOURCE_KILL] = {FY_MIGRATION_DEVICE, NULL, "on its way to the destination"},
    [FY_SOURCE_WITHDRAW] = {FY_MIGRATION_DEVICE, NULL, "on its way to the destination"},
    [FY_SOURCE_COMMIT] = {FY_MIGRATION_DEVICE, NULL, "on its way to the destination"},
    [FY_SOURCE_FINISH] = {FY_MIGRATION_DEVICE, NULL, "runs at the destination"},
    [FY_SOURCE_RECOVER] = {FY_MIGRATION_DEVICE, "recover", "in its image set at the source"},
    [FY_SOURCE_LOOK] = {FY_MIGRATION_DEVICE, "switchover", "looked for at the source"},
    [FY_SOURCE_ROLLBACK] = {FY_MIGRATION_ACTIVE, "rollback", NULL},
    [FY_SOURCE_END] = {FY_MIGRATION_ACTIVE, NULL, NULL},
};

void fy_migration_changed(struct fy_migration *migration)
{
    struct fy_session_stats stats;
    fy_session_get_stats(&migration->session, &stats);
    if (stats.bytes_sent > migration->report.wire_bytes)
        migration->report.wire_bytes = stats.bytes_sent;
    if (stats.bytes_sent_again > migration->report.wire_again_bytes)
        migration->report.wire_again_bytes = stats.bytes_sent_again;
    fy_report_touch(&migration->report, &migration->clock);
    migration->events->changed(migration, &migration->report, migration->data);
}

static void note_downtime(struct fy_migration *migration)
{
    if (migration->clock.freeze_ns != 0)
        migration->report.downtime_us = (fy_clock_monotonic_ns() - migration->clock.freeze_ns) / 1000;
}

static void note_end(struct fy_migration *migration)
{
    const struct fy_source *core = &migration->core;
    struct fy_migration_report *report = &migration->report;
    if (core->runs_here)
        report->workload_state = "runs at the source, restored there";
    else if (core->keep_images) {
        report->workload_state = "safe in its image set at the source, runs nowhere";
        fy_error_next(&report->error,
                      "look on %s first; the image set is kept in %s: restore it by hand when the cause is mended",
                      migration->spec.peer, migration->images_dir);
    } else if (core->prepare_said && !core->peer_settled)
        fy_error_next(
            &report->error,
            "the workload runs on here; %s could not be told and may keep a frozen copy, which never runs. It "
            "asks when it is back; if it cannot, end it there: ferry job resolve %s --abort",
            migration->spec.peer, migration->options.job_id);
}

static void note_restart(struct fy_migration *migration)
{
    if (migration->restarted_from == FY_STAGE_NONE)
        return;
    fy_error_set(&migration->report.error, FY_E_INTERRUPTED,
                 "ferryd was restarted before the workload had been given away");
    fy_error_next(&migration->report.error, "start it again: ferry migrate %s/%s --to %s",
                  fy_workload_kind_name(migration->spec.workload.kind), migration->spec.workload.id,
                  migration->spec.peer);
}

static void entered(void *ctx, enum fy_source_phase phase)
{
    struct fy_migration *migration = ctx;
    if (phase == FY_SOURCE_ROLLBACK)
        note_restart(migration);
    if (phase == FY_SOURCE_FINISH)
        note_downtime(migration);
    if (phase == FY_SOURCE_END)
        note_end(migration);
    if (phase == FY_SOURCE_BEGIN)
        migration->accepted = true;
    if (phase == FY_SOURCE_ROLLBACK)
        fy_hook_point_stop(&migration->hooks);
    if (phase == FY_SOURCE_DECIDE)
        (void)uv_timer_stop(&migration->hold);
    migration->report.switchover = fy_source_phase_row(phase);
    if (faces[phase].shown)
        fy_report_phase(&migration->report, &migration->clock, faces[phase].shown);
    if (faces[phase].where) {
        migration->report.state = faces[phase].state;
        migration->report.workload_state = faces[phase].where;
    }
    if (phase == FY_SOURCE_ROLLBACK && migration->events->given_up)
        migration->events->given_up(migration, &migration->report, migration->data);
    fy_migration_changed(migration);
}

static void blame(void *ctx, const struct fy_error *why)
{
    struct fy_migration *migration = ctx;
    if (why)
        fy_error_propagate(&migration->report.error, why);
}

/* ---- deadlines ---- */

static void deadline_passed(uv_timer_t *timer)
{
    struct fy_migration *migration = fy_container_of(timer, struct fy_migration, deadline);
    struct fy_error err = FY_ERROR_INIT;
    if (fy_session_is_interrupted(&migration->session))
        return; /* how long that may last is the session's to say */
    (void)uv_timer_stop(timer);
    fy_error_set(&err, FY_E_TIMEOUT, "waited %llu ms for %s, in vain", (unsigned long long)uv_timer_get_repeat(timer),
                 (const char *)timer->data);
    fy_error_next(&err, "look at ferryd's log on %s; the deadlines are set under 'timeouts:'", migration->spec.peer);
    fy_source_late(&migration->core, &err);
}

void fy_migration_expect(struct fy_migration *migration, const char *what, uint64_t timeout_ms)
{
    (void)uv_timer_stop(&migration->deadline);
    if (timeout_ms == 0)
        return;
    migration->deadline.data = (void *)what;
    /* The repeat value only remembers how long was waited. */
    (void)uv_timer_start(&migration->deadline, deadline_passed, timeout_ms, timeout_ms);
}

/* Those of both sides from when the set has arrived until PREPARED. */
static uint64_t restore_hooks_ms(const struct fy_migration *migration)
{
    return fy_migration_hooks_ms(migration, FY_HOOK_POST_DUMP) + fy_migration_hooks_ms(migration, FY_HOOK_PRE_RESTORE) +
           fy_hooks_deadline_ms(&migration->spec, FY_HOOK_DESTINATION, FY_HOOK_POST_RESTORE);
}

static void expect(void *ctx, enum fy_source_wait wait)
{
    struct fy_migration *migration = ctx;
    const struct fy_timeouts *timeouts = &migration->host->settings->timeouts;
    /* The link has a deadline of its own for connecting. */
    const struct {
        const char *what;
        uint64_t ms;
    } waits[] = {
        [FY_SOURCE_WAIT_NOTHING] = {NULL, 0},
        [FY_SOURCE_WAIT_HELLO] = {"the peer's hello", timeouts->connect_ms + timeouts->link_ms},
        [FY_SOURCE_WAIT_ANSWER] = {"the destination's answer to the offer",
                                   timeouts->link_ms + fy_migration_hooks_ms(migration, FY_HOOK_PRE_DUMP)},
        [FY_SOURCE_WAIT_RECEIVED] = {"the destination to acknowledge data", timeouts->link_ms},
        [FY_SOURCE_WAIT_PREPARED] = {"the destination to restore",
                                     timeouts->restore_ms + timeouts->link_ms + restore_hooks_ms(migration)},
        [FY_SOURCE_WAIT_DONE] = {"the destination to say DONE", timeouts->link_ms},
        [FY_SOURCE_WAIT_ABORTED] = {"the destination to discard", timeouts->link_ms},
    };
    fy_migration_expect(migration, waits[wait].what, waits[wait].ms);
}

static void ticked(uv_timer_t *timer)
{
    struct fy_migration *migration = fy_container_of(timer, struct fy_migration, tick);
    fy_report_sample(&migration->report, &migration->clock);
    fy_migration_changed(migration);
}

/* ---- what the peer says ---- */

static void greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    (void)hello;
    struct fy_migration *migration = fy_container_of(session, struct fy_migration, session);
    if (migration->shows_unreachable)
        fy_error_clear(&migration->report.error);
    migration->shows_unreachable = false;
    fy_source_greeted(&migration->core);
}

static void out_of_order(struct fy_migration *migration, const Ferry__Peer__Frame *frame)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_PROTOCOL, "%s sent a frame of kind %d out of order", migration->spec.peer,
                 (int)frame->kind_case);
    fy_session_fail(&migration->session, &err);
}

static void why_not(const struct fy_migration *migration, const Ferry__Peer__Failure *reason, const char *otherwise,
                    struct fy_error *err)
{
    if (reason)
        fy_session_failure_to_error(reason, migration->spec.peer, err);
    else
        fy_error_set(err, FY_E_REMOTE, "%s %s", migration->spec.peer, otherwise);
}

/* Of the decision; FY_HEARD_WRONG for anything else. */
static enum fy_heard hear(struct fy_migration *migration, const Ferry__Peer__Frame *frame)
{
    struct fy_source *core = &migration->core;
    struct fy_error why = FY_ERROR_INIT;
    switch (frame->kind_case) {
    case FERRY__PEER__FRAME__KIND_PREPARED:
        return fy_source_heard(core, FY_SAY_PREPARED, frame->prepared->epoch, NULL);
    case FERRY__PEER__FRAME__KIND_DONE:
        migration->report.root_pid = (pid_t)frame->done->root_pid;
        return fy_source_heard(core, FY_SAY_DONE, frame->done->epoch, NULL);
    case FERRY__PEER__FRAME__KIND_UNREADY:
        why_not(migration, frame->unready->reason, "has lost the prepared workload", &why);
        return fy_source_heard(core, FY_SAY_UNREADY, frame->unready->epoch, &why);
    case FERRY__PEER__FRAME__KIND_ABORTED:
        why_not(migration, frame->aborted->reason, "discarded the workload", &why);
        return fy_source_heard(core, why.code == FY_E_NOT_FOUND ? FY_SAY_UNKNOWN : FY_SAY_ABORTED,
                               frame->aborted->epoch, &why);
    default:
        return FY_HEARD_WRONG;
    }
}

static void frame_arrived(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                          size_t body_bytes)
{
    struct fy_migration *migration = fy_container_of(session, struct fy_migration, session);
    enum fy_source_phase phase = migration->core.phase;
    bool over = phase == FY_SOURCE_ROLLBACK || phase == FY_SOURCE_END;
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_LOG)
        fy_migrate_keep_log(migration->options.log_dir, frame->log, body, body_bytes);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_ANSWER && phase == FY_SOURCE_OFFER &&
             !migration->lanes_are_due)
        fy_migration_answer(migration, frame->answer);
    else if (frame->kind_case == FERRY__PEER__FRAME__KIND_RECEIVED && phase >= FY_SOURCE_DUMP &&
             phase <= FY_SOURCE_SEND)
        fy_migration_received(migration, frame->received);
    else if (hear(migration, frame) == FY_HEARD_WRONG && !over) /* when it is over: it was on its way */
        out_of_order(migration, frame);
}

static void drained(struct fy_session *session)
{
    struct fy_migration *migration = fy_container_of(session, struct fy_migration, session);
    if (migration->send)
        fy_send_set_drained(migration->send);
}

/* The peer gets the whole time again for what it owes. */
static void interrupted(struct fy_session *session, const struct fy_error *why)
{
    struct fy_migration *migration = fy_container_of(session, struct fy_migration, session);
    if (!why && uv_is_active((uv_handle_t *)&migration->deadline))
        (void)uv_timer_again(&migration->deadline);
}

static void lanes_known(struct fy_session *session)
{
    fy_migration_lanes_known(fy_container_of(session, struct fy_migration, session));
}

static void link_lost(struct fy_session *session, const struct fy_error *err)
{
    struct fy_migration *migration = fy_container_of(session, struct fy_migration, session);
    struct fy_error lost = FY_ERROR_INIT;
    fy_error_propagate(&lost, err);
    fy_error_set(&lost, FY_E_UNREACHABLE, "the link to %s was closed", migration->spec.peer);
    fy_migration_unreachable(migration, &lost);
}

/* Behind the decision it is tried for ever, so people are told while it goes on. */
void fy_migration_unreachable(struct fy_migration *migration, const struct fy_error *err)
{
    struct fy_migration_report *report = &migration->report;
    if (migration->core.phase == FY_SOURCE_COMMIT &&
        (!fy_error_is_set(&report->error) || migration->shows_unreachable)) {
        fy_error_clear(&report->error);
        fy_error_propagate(&report->error, err);
        fy_error_next(&report->error,
                      "it is tried again until %s answers; if it is gone for good: ferry job resolve %s",
                      migration->spec.peer, migration->options.job_id);
        migration->shows_unreachable = true;
        fy_migration_changed(migration);
    }
    fy_source_link_lost(&migration->core, err);
}

static const struct fy_session_events session_events = {
    .greeted = greeted,
    .frame = frame_arrived,
    .drained = drained,
    .interrupted = interrupted,
    .lanes_known = lanes_known,
    .closed = link_lost,
};

/* ---- start and cancel ---- */

static const struct fy_source_ops ops = {
    .entered = entered,
    .blame = blame,
    .expect = expect,
    .retry_later = fy_migration_retry_later,
    .inspect = fy_migration_inspect,
    .dial = fy_migration_dial,
    .hang_up = fy_migration_hang_up,
    .farewell = fy_migration_farewell,
    .offer = fy_migration_offer,
    .say = fy_migration_say,
    .dump = fy_migration_dump,
    .kill = fy_migration_kill,
    .resume = fy_migration_resume,
    .check = fy_migration_check,
    .send = fy_migration_send,
    .send_complete = fy_migration_send_complete,
    .send_stop = fy_migration_send_stop,
    .ready = fy_migration_ready,
    .pin = fy_migration_pin,
    .withdraw = fy_migration_withdraw,
    .can_recover = fy_migration_can_recover,
    .restore = fy_migration_restore,
    .settle = fy_migration_settle,
    .journal = fy_migration_journal,
    .finish = fy_migration_finish,
};

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

static uint64_t new_epoch(void)
{
    uint64_t epoch = 0;
    while (epoch == 0)
        if (getrandom(&epoch, sizeof epoch, 0) != (ssize_t)sizeof epoch)
            epoch = fy_clock_monotonic_ns(); /* no random source yet, this early after the boot */
    return epoch;
}

struct fy_migration *fy_migration_new(const struct fy_host *host, const struct fy_migration_spec *spec,
                                      const struct fy_migration_options *options,
                                      const struct fy_migration_events *events, void *data, struct fy_error *err)
{
    struct fy_migration *migration = calloc(1, sizeof *migration);
    if (!migration) {
        fy_error_set(err, FY_E_NOMEM, "no memory for a migration");
        return NULL;
    }
    migration->host = host;
    migration->events = events;
    migration->data = data;
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
        fy_migration_free(migration);
        return NULL;
    }
    fy_source_init(&migration->core, &ops, migration, new_epoch());
    migration->core.together = options->group[0] != '\0';
    return migration;
}

void fy_migration_open(struct fy_migration *migration)
{
    fy_migrate_session_init(migration->host, &migration->session, &session_events);
    init_timers(migration);
    fy_report_start(&migration->report, &migration->clock);
}

static void begin(uv_timer_t *timer)
{
    struct fy_migration *migration = fy_container_of(timer, struct fy_migration, redial);
    if (migration->core.phase == FY_SOURCE_INSPECT) /* else it was cancelled at once */
        fy_source_start(&migration->core);
}

int fy_migration_start(const struct fy_host *host, const struct fy_migration_spec *spec,
                       const struct fy_migration_options *options, const struct fy_migration_events *events, void *data,
                       struct fy_migration **migration, struct fy_error *err)
{
    const struct fy_peer_settings *peer = NULL;
    if (fy_migrate_find_peer(host, spec->peer, &peer, err) < 0)
        return -1;
    struct fy_migration *new = fy_migration_new(host, spec, options, events, data, err);
    if (!new)
        return -1;
    new->peer = peer;
    if (fy_job_directory_make(host->settings->run_dir, new->options.job_id, &new->job_dir, &new->images_dir, err) < 0) {
        fy_migration_free(new);
        return -1;
    }
    fy_migration_open(new);
    fy_session_set_rate(&new->session, spec->bandwidth_bytes);
    fy_report_phase(&new->report, &new->clock, faces[FY_SOURCE_INSPECT].shown);
    (void)uv_timer_start(&new->redial, begin, 0, 0);
    *migration = new;
    return 0;
}

void fy_migration_set_bandwidth(struct fy_migration *migration, uint64_t bytes_per_second)
{
    fy_session_set_rate(&migration->session, bytes_per_second);
}

int fy_migration_cancel(struct fy_migration *migration, const char *why, struct fy_error *err)
{
    struct fy_error cancelled = FY_ERROR_INIT;
    if (fy_source_is_decided(&migration->core)) {
        fy_error_set(err, FY_E_BUSY, "the switchover has been decided; the migration completes at %s",
                     migration->spec.peer);
        return fy_error_next(err, "wait for it, then migrate back if that is what you want");
    }
    fy_error_set(&cancelled, FY_E_CANCELLED, "%s", why);
    /* Else it is on its way back already. */
    if (migration->core.phase != FY_SOURCE_ROLLBACK && migration->core.phase != FY_SOURCE_END)
        migration->was_cancelled = true;
    (void)fy_source_fail(&migration->core, &cancelled);
    return 0;
}

enum fy_saying fy_migration_decision(const struct fy_migration *migration)
{
    return fy_source_decision(&migration->core);
}

int fy_migration_resolve(struct fy_migration *migration, bool commit, struct fy_error *err)
{
    return fy_source_resolve(&migration->core, commit, err);
}
