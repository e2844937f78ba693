/* INSPECT, OFFER: everything that can be known before anything is frozen. */
#include "bind_mounts.h"
#include "migrate_source.h"

#include <ferry/agent/address.h>
#include <ferry/base/cleanup.h>
#include <string.h>

/* A login takes about ten times the way to the peer and back. */
#define LANES_LIMIT_MS 3000u

static void files_known(struct fy_open_files *files, void *data)
{
    struct fy_migration *migration = data;
    migration->files = *files;
    fy_source_inspected(&migration->core, NULL);
}

/* A process's are those that it uses; a container's come with its root, but for what it binds. podman makes its own. */
static int look_at_files(struct fy_migration *migration, struct fy_error *err)
{
    uv_loop_t *loop = migration->host->loop;
    return migration->spec.workload.kind == FY_WORKLOAD_RUNC
               ? fy_bind_mounts_start(loop, migration->facts.bundle, files_known, migration, err)
               : fy_open_files_start(loop, migration->facts.root_pid, files_known, migration, err);
}

static void version_known(int version, const struct fy_error *err, void *data)
{
    struct fy_migration *migration = data;
    struct fy_error wrong = FY_ERROR_INIT;
    migration->criu_version = version;
    if (!err && (fy_address_check_source(migration->spec.addresses, migration->spec.address_count, &wrong) < 0 ||
                 fy_hooks_check(migration->host, &migration->spec, FY_HOOK_SOURCE, &wrong) < 0))
        err = &wrong;
    if (err || migration->spec.workload.kind == FY_WORKLOAD_PODMAN)
        fy_source_inspected(&migration->core, err);
    else if (look_at_files(migration, &wrong) < 0)
        fy_source_inspected(&migration->core, &wrong);
}

static void inspected(const struct fy_workload_facts *facts, const struct fy_error *err, void *data)
{
    struct fy_migration *migration = data;
    struct fy_error failure = FY_ERROR_INIT;
    if (facts) {
        migration->facts = *facts;
        (void)fy_process_identify(facts->root_pid, &migration->root);
    }
    if (err)
        fy_source_inspected(&migration->core, err);
    else if (fy_criu_version(migration->host, version_known, migration, &failure) < 0)
        fy_source_inspected(&migration->core, &failure);
}

void fy_migration_inspect(void *ctx)
{
    struct fy_migration *migration = ctx;
    struct fy_error err = FY_ERROR_INIT;
    if (fy_driver_inspect(migration->host, &migration->spec.workload, inspected, migration, &err) < 0)
        fy_source_inspected(&migration->core, &err);
}

/* Whether one runs between the look at the files and the restore. */
static bool has_hook_before_restore(const struct fy_migration_spec *spec)
{
    for (size_t i = 0; i < spec->hook_count; i++) {
        if (spec->hooks[i].stage <= FY_HOOK_PRE_RESTORE)
            return true;
    }
    return false;
}

/* Only for the wire: what is kept of an offer has no use for them. */
static void add_files(const struct fy_migration *migration, Ferry__Peer__Offer *message)
{
    message->files = migration->files.list;
    message->n_files = migration->files.count;
    message->has_files_may_come = true;
    message->files_may_come = has_hook_before_restore(&migration->spec);
}

void fy_migration_offer(void *ctx)
{
    struct fy_migration *migration = ctx;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_migrate_offer offer;
    uint64_t hold_ms = migration->host->settings->timeouts.hold_ms +
                       fy_hooks_deadline_ms(&migration->spec, FY_HOOK_SOURCE, FY_HOOK_PRE_DUMP);
    int result = fy_migrate_offer_init(&offer, migration->options.job_id, &migration->spec, &migration->facts,
                                       migration->criu_version, hold_ms, &err);
    if (result == 0) {
        offer.message.has_dry_run = migration->options.dry_run;
        offer.message.dry_run = migration->options.dry_run;
        offer.message.has_epoch = true;
        offer.message.epoch = migration->core.epoch;
        offer.message.store = migration->host->journal ? migration->host->journal->store_id : NULL;
        Ferry__Peer__Frame frame = FY_PEER_FRAME(offer, FERRY__PEER__FRAME__KIND_OFFER, &offer.message);
        migration->offer = fy_migrate_copy_offer(&offer.message, &err);
        add_files(migration, &offer.message);
        result = migration->offer ? fy_session_send(&migration->session, &frame, NULL, 0, &err) : -1;
    }
    fy_migrate_offer_done(&offer);
    fy_open_files_done(&migration->files);
    if (result < 0)
        (void)fy_source_fail(&migration->core, &err);
}

static void say_why_refused(const struct fy_migration *migration, const Ferry__Peer__Answer *answer,
                            struct fy_error *err)
{
    const struct fy_preflight_item *bad = NULL;
    for (size_t i = 0; i < migration->report.preflight_count && !bad; i++)
        bad = migration->report.preflight[i].ok ? NULL : &migration->report.preflight[i];
    if (bad) {
        fy_error_set(err, FY_E_PREFLIGHT, "%s cannot take %s/%s: %s: %s", migration->spec.peer,
                     fy_workload_kind_name(migration->spec.workload.kind), migration->spec.workload.id, bad->name,
                     bad->detail);
        if (bad->next[0])
            fy_error_next(err, "%s", bad->next);
    } else {
        fy_error_set(err, FY_E_PREFLIGHT, "%s refused without naming one of its %zu answers", migration->spec.peer,
                     answer->n_items);
    }
}

static unsigned lanes_of(const struct fy_migration *migration)
{
    if (migration->spec.lanes > 0)
        return migration->spec.lanes;
    return migration->peer->lanes > 0 ? migration->peer->lanes : FY_SESSION_DEFAULT_LANES;
}

static void accepted(struct fy_migration *migration)
{
    migration->lanes_are_due = false;
    (void)uv_timer_stop(&migration->redial);
    fy_source_answered(&migration->core, FY_OFFER_ACCEPTED, NULL);
}

static void lanes_are_late(uv_timer_t *timer)
{
    accepted(fy_container_of(timer, struct fy_migration, redial));
}

void fy_migration_lanes_known(struct fy_migration *migration)
{
    if (migration->lanes_are_due && migration->core.phase == FY_SOURCE_OFFER)
        accepted(migration);
}

/* While the workload still runs: a login costs both sides as much as dozens of blocks, and CRIU would wait for the
 * processors meanwhile. A lane that takes too long is no reason not to begin. */
static void accept_with_lanes(struct fy_migration *migration)
{
    migration->lanes_are_due = true;
    fy_migration_expect(migration, NULL, 0);
    fy_session_set_lanes(&migration->session, lanes_of(migration));
    if (!fy_session_lanes_are_due(&migration->session))
        accepted(migration);
    else
        (void)uv_timer_start(&migration->redial, lanes_are_late, LANES_LIMIT_MS, 0);
}

/* An agent that is older than hooks says nothing of them, and would run none. */
static bool knows_too_few_hooks(const struct fy_migration *migration, const Ferry__Peer__Answer *answer,
                                struct fy_error *err)
{
    size_t wanted = 0;
    for (size_t i = 0; i < migration->spec.hook_count; i++)
        wanted += migration->spec.hooks[i].side == FY_HOOK_DESTINATION;
    if (answer->hooks == wanted)
        return false;
    fy_error_set(err, FY_E_UNSUPPORTED, "%s would run %u of the %zu hooks that it is to run", migration->spec.peer,
                 answer->hooks, wanted);
    fy_error_next(err, "install the same version of ferry on both hosts, or take its hooks out of the plan");
    return true;
}

void fy_migration_answer(struct fy_migration *migration, const Ferry__Peer__Answer *answer)
{
    struct fy_error err = FY_ERROR_INIT;
    for (size_t i = 0; i < answer->n_items; i++)
        fy_report_preflight(&migration->report, answer->items[i]->name, answer->items[i]->ok, answer->items[i]->detail,
                            answer->items[i]->next);
    if (!answer->accepted) {
        say_why_refused(migration, answer, &err);
        fy_source_answered(&migration->core, FY_OFFER_REFUSED, &err);
    } else if (knows_too_few_hooks(migration, answer, &err)) {
        (void)fy_source_fail(&migration->core, &err);
    } else if (migration->options.dry_run) {
        fy_source_answered(&migration->core, FY_OFFER_ANSWERED, NULL);
    } else {
        accept_with_lanes(migration);
    }
}
