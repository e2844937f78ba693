/* The seam between the job table and the agent: tests drive the table without moving anything. */
#ifndef FERRY_DAEMON_OPS_H
#define FERRY_DAEMON_OPS_H

#include <ferry/agent/migrate.h>

/* Each as the function of migrate.h of the same purpose. */
struct fy_migration_ops {
    int (*start)(const struct fy_host *host, const struct fy_migration_spec *spec,
                 const struct fy_migration_options *options, const struct fy_migration_events *events, void *data,
                 struct fy_migration **migration, struct fy_error *err);
    void (*go)(struct fy_migration *migration);
    void (*conclude)(struct fy_migration *migration, const struct fy_error *why_not);
    void (*look_back)(const struct fy_host *host, const struct fy_journal_entry *entry,
                      struct fy_migration_trace *trace);
    int (*take_up)(const struct fy_host *host, const struct fy_journal_entry *entry, bool goes_on, const char *log_dir,
                   const struct fy_migration_events *events, void *data, struct fy_migration **migration,
                   struct fy_error *err);
    enum fy_saying (*decision)(const struct fy_migration *migration);
    int (*resolve)(struct fy_migration *migration, bool commit, struct fy_error *err);
    int (*cancel)(struct fy_migration *migration, const char *why, struct fy_error *err);
    void (*set_bandwidth)(struct fy_migration *migration, uint64_t bytes_per_second);
    int (*receive)(const struct fy_host *host, struct fy_link *link, const struct fy_receiver_events *events,
                   void *data, struct fy_receiver **receiver, struct fy_error *err);
    int (*receive_take_up)(const struct fy_host *host, const struct fy_journal_entry *entry, const char *log_dir,
                           const struct fy_receiver_events *events, void *data, struct fy_receiver **receiver,
                           struct fy_error *err);
    int (*receive_decide)(struct fy_receiver *receiver, bool commit, struct fy_error *err);
    int (*receive_cancel)(struct fy_receiver *receiver, const char *why, struct fy_error *err);
    int (*peer_check)(const struct fy_host *host, const char *peer, fy_peer_check_cb done, void *data,
                      struct fy_peer_check **check, struct fy_error *err);
    void (*peer_check_cancel)(struct fy_peer_check *check, const char *why);
};

/* The real ones. */
extern const struct fy_migration_ops fy_agent_ops;

#endif
