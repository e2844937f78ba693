/* A migration that an earlier ferryd began: taken up from the journal, and what is left of its dump settled. */
#include "job_directory.h"
#include "migrate_source.h"
#include "proc.h"

#include <ferry/base/cleanup.h>
#include <stdio.h>
#include <string.h>

static int fill(struct fy_migration *migration, const struct fy_journal_entry *entry, struct fy_error *err)
{
    Ferry__Journal__Details *details = fy_migrate_recorded(entry, err);
    if (!details)
        return -1;
    int result = fy_migrate_offer_to_spec(details->offer, &migration->spec, err);
    if (result == 0)
        result =
            fy_wire_hooks_read(details->source_hooks, details->n_source_hooks, FY_HOOK_SOURCE, &migration->spec, err);
    if (result == 0) {
        migration->offer = fy_migrate_copy_offer(details->offer, err);
        migration->root = fy_migrate_recorded_root(details);
        migration->epoch = details->offer->epoch;
        (void)snprintf(migration->options.group, sizeof migration->options.group, "%s",
                       details->group ? details->group : "");
        (void)snprintf(migration->spec.peer, sizeof migration->spec.peer, "%s", details->peer);
        result = migration->offer ? 0 : -1;
    }
    if (result == 0 && details->offer->bundle)
        (void)snprintf(migration->facts.bundle, sizeof migration->facts.bundle, "%s", details->offer->bundle);
    ferry__journal__details__free_unpacked(details, NULL);
    return result;
}

static bool noted_or_runs(const struct fy_host *host, const Ferry__Journal__Details *details, const char *job_id)
{
    struct fy_process root = fy_migrate_recorded_root(details);
    bool was_noted = false;
    if (root.pid == 0) /* of an earlier boot */
        return false;
    if (fy_dump_was_pinned(host->settings->run_dir, job_id, &was_noted))
        return false;
    return was_noted || fy_process_runs(&root);
}

void fy_migration_look_back(const struct fy_host *host, const struct fy_journal_entry *entry,
                            struct fy_migration_trace *trace)
{
    *trace = (struct fy_migration_trace){.evidence = {.stage = entry->stage}};
    Ferry__Journal__Details *details = entry->is_source ? fy_migrate_recorded(entry, NULL) : NULL;
    if (details && details->group) {
        (void)snprintf(trace->group, sizeof trace->group, "%s", details->group);
        trace->evidence.stands_or_runs = noted_or_runs(host, details, entry->job);
    }
    if (details)
        ferry__journal__details__free_unpacked(details, NULL);
}

int fy_migration_take_up(const struct fy_host *host, const struct fy_journal_entry *entry, bool goes_on,
                         const char *log_dir, const struct fy_migration_events *events, void *data,
                         struct fy_migration **migration, struct fy_error *err)
{
    struct fy_migration_options options = {.log_dir = (char *)log_dir};
    struct fy_migration_spec nobody;
    fy_migration_spec_init(&nobody);
    (void)snprintf(options.job_id, sizeof options.job_id, "%s", entry->job);
    struct fy_migration *new = fy_migration_new(host, &nobody, &options, events, data, err);
    if (!new)
        return -1;
    if (fill(new, entry, err) < 0 ||
        fy_job_directory_make(host->settings->run_dir, new->options.job_id, &new->job_dir, &new->images_dir, err) < 0) {
        fy_migration_free(new);
        return -1;
    }
    /* Without it the job is taken up all the same: what was frozen must run on, or be known to be gone. */
    (void)fy_migrate_find_peer(host, new->spec.peer, &new->peer, NULL);
    fy_hooks_sweep(new->job_dir);
    new->accepted = true;
    new->core.epoch = new->epoch;
    new->restarted_from = entry->stage;
    new->report.workload = new->spec.workload;
    (void)snprintf(new->report.peer, sizeof new->report.peer, "%s", new->spec.peer);
    fy_migration_open(new);
    *migration = new;
    if (new->options.group[0] && entry->stage == FY_STAGE_COMMIT)
        fy_source_restart_together(&new->core, goes_on);
    else
        fy_source_restart(&new->core, entry->stage);
    return 0;
}

/* ---- what is left of the dump ---- */

static void settled(struct fy_dump *dump, enum fy_workload_state state, const struct fy_error *err, void *data)
{
    (void)dump;
    struct fy_migration *migration = data;
    bool runs = state == FY_WORKLOAD_RUNNING;
    migration->dump = NULL;
    if (!fy_source_is_decided(&migration->core))
        migration->report.workload_state = runs ? "runs at the source" : "is gone at the source";
    /* That it runs on is what was wanted; why CRIU gave up is no failure of ours. */
    fy_source_settled(&migration->core, runs ? FY_TASKS_WHOLE : FY_TASKS_GONE, runs ? NULL : err);
}

static void settled_restore(struct fy_restore *restore, enum fy_workload_state state, pid_t root_pid,
                            const struct fy_error *err, void *data)
{
    (void)restore;
    (void)err; /* it is restored once more */
    struct fy_migration *migration = data;
    migration->restore = NULL;
    migration->report.root_pid = root_pid;
    fy_source_settled(&migration->core, state == FY_WORKLOAD_RUNNING ? FY_TASKS_WHOLE : FY_TASKS_GONE, NULL);
}

static int settle_restore(struct fy_migration *migration, struct fy_error *err)
{
    static const struct fy_restore_events events = {.done = settled_restore};
    struct fy_restore_request request = {
        .spec = &migration->spec,
        .job_id = migration->options.job_id,
        .images_dir = migration->images_dir,
        .work_dir = migration->options.log_dir,
        .bundle = migration->facts.bundle,
    };
    return fy_restore_take_up(migration->host, &request, &events, migration, &migration->restore, err);
}

static int settle_dump(struct fy_migration *migration, enum fy_dump_taking taking, struct fy_error *err)
{
    static const struct fy_dump_events events = {.done = settled};
    struct fy_dump_request request = {
        .spec = &migration->spec,
        .job_id = migration->options.job_id,
        .images_dir = migration->images_dir,
        .work_dir = migration->options.log_dir,
        .root_pid = migration->root.pid,
        .root_start_ticks = migration->root.start_ticks,
    };
    return fy_dump_take_up(migration->host, &request, taking, &events, migration, &migration->dump, err);
}

void fy_migration_settle(void *ctx, enum fy_source_settling settling)
{
    static const enum fy_dump_taking takings[] = {
        [FY_SETTLE_LOOK] = FY_DUMP_LOOK,
        [FY_SETTLE_KILL] = FY_DUMP_KILL,
        [FY_SETTLE_RELEASE] = FY_DUMP_RELEASE,
    };
    struct fy_migration *migration = ctx;
    struct fy_error err = FY_ERROR_INIT;
    int result = settling == FY_SETTLE_RESTORED ? settle_restore(migration, &err)
                                                : settle_dump(migration, takings[settling], &err);
    if (result < 0) /* nothing is known of them: the next attempt looks again */
        fy_source_settled(&migration->core, FY_TASKS_PARTIAL, &err);
}
