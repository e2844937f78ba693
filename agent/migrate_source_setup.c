/* INSPECT, CONNECT, OFFER: everything that can be known before anything is frozen. */
#include "migrate_source.h"

#include <ferry/agent/address.h>
#include <string.h>

static void connect_to_peer(struct fy_migration *migration)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_source_enter(migration, FY_SOURCE_CONNECT);
    if (fy_migrate_connect(migration->host, migration->peer, &migration->session, &err) < 0)
        fy_source_fail(migration, &err);
    else /* the link has a deadline for connecting; this one is for the hello */
        fy_source_expect(migration, "the peer's hello",
                         migration->host->settings->timeouts.connect_ms + migration->host->settings->timeouts.link_ms);
}

static void version_known(int version, const struct fy_error *err, void *data)
{
    struct fy_migration *migration = data;
    migration->pending--;
    if (fy_source_is_over(migration))
        return;
    if (err) {
        fy_source_fail(migration, err);
        return;
    }
    migration->criu_version = version;
    struct fy_error wrong = FY_ERROR_INIT;
    if (fy_address_check_source(migration->spec.addresses, migration->spec.address_count, &wrong) < 0)
        fy_source_fail(migration, &wrong);
    else
        connect_to_peer(migration);
}

static void inspected(const struct fy_workload_facts *facts, const struct fy_error *err, void *data)
{
    struct fy_migration *migration = data;
    migration->pending--;
    if (fy_source_is_over(migration))
        return;
    if (err) {
        fy_source_fail(migration, err);
        return;
    }
    migration->facts = *facts;
    struct fy_error failure = FY_ERROR_INIT;
    if (fy_criu_version(migration->host, version_known, migration, &failure) < 0)
        fy_source_fail(migration, &failure);
    else
        migration->pending++;
}

void fy_source_setup_start(struct fy_migration *migration)
{
    struct fy_error err = FY_ERROR_INIT;
    if (fy_driver_inspect(migration->host, &migration->spec.workload, inspected, migration, &err) < 0)
        fy_source_fail(migration, &err);
    else
        migration->pending++;
}

void fy_source_setup_greeted(struct fy_migration *migration)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_migrate_offer offer;
    const struct fy_timeouts *timeouts = &migration->host->settings->timeouts;
    fy_source_enter(migration, FY_SOURCE_OFFER);
    int result = fy_migrate_offer_init(&offer, migration->options.job_id, &migration->spec, &migration->facts,
                                       migration->criu_version, timeouts->hold_ms, &err);
    if (result == 0) {
        offer.message.has_dry_run = migration->options.dry_run;
        offer.message.dry_run = migration->options.dry_run;
        Ferry__Peer__Frame frame = FY_PEER_FRAME(offer, FERRY__PEER__FRAME__KIND_OFFER, &offer.message);
        result = fy_session_send(&migration->session, &frame, NULL, 0, &err);
    }
    fy_migrate_offer_done(&offer);
    if (result < 0)
        fy_source_fail(migration, &err);
    else
        fy_source_expect(migration, "the destination's answer to the offer", timeouts->link_ms);
}

static void refused(struct fy_migration *migration, const Ferry__Peer__Answer *answer)
{
    struct fy_error err = FY_ERROR_INIT;
    const struct fy_preflight_item *bad = NULL;
    for (size_t i = 0; i < migration->report.preflight_count && !bad; i++)
        bad = migration->report.preflight[i].ok ? NULL : &migration->report.preflight[i];
    if (bad) {
        fy_error_set(&err, FY_E_PREFLIGHT, "%s cannot take %s/%s: %s: %s", migration->spec.peer,
                     fy_workload_kind_name(migration->spec.workload.kind), migration->spec.workload.id, bad->name,
                     bad->detail);
        if (bad->next[0])
            fy_error_next(&err, "%s", bad->next);
    } else {
        fy_error_set(&err, FY_E_PREFLIGHT, "%s refused without naming one of its %zu answers", migration->spec.peer,
                     answer->n_items);
    }
    fy_source_fail(migration, &err);
}

void fy_source_setup_answer(struct fy_migration *migration, const Ferry__Peer__Answer *answer)
{
    for (size_t i = 0; i < answer->n_items; i++)
        fy_report_preflight(&migration->report, answer->items[i]->name, answer->items[i]->ok, answer->items[i]->detail,
                            answer->items[i]->next);
    /* A destination that refused, or was only asked, keeps nothing. */
    migration->peer_knows_end = !answer->accepted || migration->options.dry_run;
    if (!answer->accepted)
        refused(migration, answer);
    else if (migration->options.dry_run) {
        fy_source_enter(migration, FY_SOURCE_END);
        fy_source_try_end(migration);
    } else
        fy_source_transfer_start(migration);
}
