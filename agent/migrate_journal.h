/* A migration's record in the journal: what a restart needs to take it up. */
#ifndef FERRY_AGENT_MIGRATE_JOURNAL_H
#define FERRY_AGENT_MIGRATE_JOURNAL_H

#include "proc.h"

#include <ferry/agent/driver.h>
#include <ferry/agent/journal.h>
#include <ferry/journal.pb-c.h>

struct fy_migrate_record {
    const char *job_id;
    bool is_source;
    const Ferry__Peer__Offer *offer;
    const char *peer;
    struct fy_process root;
    const char *images_dir;                      /* NULL: not at this side */
    const char *group;                           /* of the source's; NULL or "": none */
    const struct fy_migration_spec *source_spec; /* whose source's hooks are recorded; NULL: not at this side */
};

/* `done` comes once, also when it cannot even be started, and then at once. */
void fy_migrate_record(const struct fy_host *host, const struct fy_migrate_record *record, enum fy_stage stage,
                       fy_journal_cb done, void *data);
/* What the journal gave back; free with ferry__journal__details__free_unpacked(). FY_E_FORMAT. */
Ferry__Journal__Details *fy_migrate_recorded(const struct fy_journal_entry *entry, struct fy_error *err);
/* The workload's root as it was recorded; pid 0 when it was not, or before this boot. */
struct fy_process fy_migrate_recorded_root(const Ferry__Journal__Details *details);
/* A deep copy; NULL with FY_E_NOMEM. */
Ferry__Peer__Offer *fy_migrate_copy_offer(const Ferry__Peer__Offer *offer, struct fy_error *err);

#endif
