/* The link and the words of the decision, from READY to COMMIT, and the address that leaves this host. */
#include "migrate_source.h"

#include <ferry/agent/address.h>
#include <ferry/base/cleanup.h>

#define FAREWELL_MS 2000u
#define FIRST_PAUSE_MS 250u
#define LONGEST_PAUSE_MS 5000u

/* ---- the journal ---- */

static void journaled(const struct fy_error *err, void *data)
{
    struct fy_migration *migration = data;
    fy_source_journaled(&migration->core, migration->writing, err);
}

void fy_migration_journal(void *ctx, enum fy_stage stage)
{
    struct fy_migration *migration = ctx;
    struct fy_migrate_record record = {
        .job_id = migration->options.job_id,
        .is_source = true,
        .offer = migration->offer,
        .peer = migration->spec.peer,
        .root = migration->root,
        .source_spec = &migration->spec,
        .group = migration->options.group,
    };
    migration->writing = stage;
    fy_migrate_record(migration->host, &record, stage, journaled, migration);
}

/* ---- the address ---- */

static void withdrawn(const struct fy_error *err, void *data)
{
    struct fy_migration *migration = data;
    fy_source_withdrawn(&migration->core, err);
}

void fy_migration_withdraw(void *ctx)
{
    struct fy_migration *migration = ctx;
    struct fy_error err = FY_ERROR_INIT;
    if (fy_address_withdraw(migration->host, migration->options.job_id, migration->spec.addresses,
                            migration->spec.address_count, withdrawn, migration, &err) < 0)
        withdrawn(&err, migration);
}

/* ---- the link ---- */

void fy_migration_dial(void *ctx)
{
    struct fy_migration *migration = ctx;
    struct fy_error err = FY_ERROR_INIT;
    if ((!migration->peer && fy_migrate_find_peer(migration->host, migration->spec.peer, &migration->peer, &err) < 0) ||
        fy_migrate_connect(migration->host, migration->peer, &migration->session, &err) < 0)
        fy_migration_unreachable(migration, &err);
}

void fy_migration_hang_up(void *ctx, const struct fy_error *why)
{
    struct fy_migration *migration = ctx;
    fy_session_fail(&migration->session, why);
}

void fy_migration_farewell(void *ctx)
{
    struct fy_migration *migration = ctx;
    if (migration->session.greeted)
        fy_session_finish(&migration->session, FAREWELL_MS);
    else
        fy_session_close(&migration->session);
}

static int send_word(struct fy_migration *migration, enum fy_saying saying, const struct fy_error *why,
                     struct fy_error *err)
{
    struct fy_session *session = &migration->session;
    uint64_t epoch = migration->core.epoch;
    switch (saying) {
    case FY_SAY_PREPARE:
        return fy_migrate_send_prepare(session, epoch, err);
    case FY_SAY_COMMIT:
        return fy_migrate_send_commit(session, epoch, err);
    case FY_SAY_ABORT:
        return fy_migrate_send_abort(session, epoch, why ? why : &migration->report.error, err);
    default:
        return fy_migrate_send_resolve(session, migration->options.job_id, epoch, saying == FY_SAY_RESOLVE_COMMIT, err);
    }
}

/* A link that does not take it is lost. */
static void say(struct fy_migration *migration, enum fy_saying saying, const struct fy_error *why)
{
    struct fy_error err = FY_ERROR_INIT;
    if (send_word(migration, saying, why, &err) < 0)
        fy_session_fail(&migration->session, &err);
}

void fy_migration_say_prepare(struct fy_migration *migration)
{
    say(migration, FY_SAY_PREPARE, NULL);
}

void fy_migration_say(void *ctx, enum fy_saying saying, const struct fy_error *why)
{
    if (saying == FY_SAY_PREPARE)
        fy_migration_prepare(ctx);
    else
        say(ctx, saying, why);
}

static void paused(uv_timer_t *timer)
{
    struct fy_migration *migration = fy_container_of(timer, struct fy_migration, redial);
    fy_source_retry(&migration->core);
}

void fy_migration_retry_later(void *ctx, unsigned attempt)
{
    struct fy_migration *migration = ctx;
    uint64_t pause_ms = FIRST_PAUSE_MS << (attempt < 8 ? attempt : 8);
    if (pause_ms > LONGEST_PAUSE_MS)
        pause_ms = LONGEST_PAUSE_MS;
    (void)uv_timer_start(&migration->redial, paused, pause_ms, 0);
}
