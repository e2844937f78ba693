/* Connecting a session to a configured peer, and translating a migration's terms to the wire and back. */
#ifndef FERRY_AGENT_MIGRATE_PEER_H
#define FERRY_AGENT_MIGRATE_PEER_H

#include "cpu_features.h"
#include "migrate_hooks.h"

#include <ferry/agent/driver.h>
#include <ferry/transport/session.h>

/* FY_E_NOT_FOUND when no such peer is configured (names the known ones). */
int fy_migrate_find_peer(const struct fy_host *host, const char *name, const struct fy_peer_settings **peer,
                         struct fy_error *err);
/* Prepares a session with this host's name and time limits. */
void fy_migrate_session_init(const struct fy_host *host, struct fy_session *session,
                             const struct fy_session_events *events);
/* Starts an initialised session by dialing over SSH. */
int fy_migrate_connect(const struct fy_host *host, const struct fy_peer_settings *peer, struct fy_session *session,
                       struct fy_error *err);
/* The words of the decision; each names the epoch that the offer brought. */
int fy_migrate_send_prepare(struct fy_session *session, uint64_t epoch, struct fy_error *err);
int fy_migrate_send_commit(struct fy_session *session, uint64_t epoch, struct fy_error *err);
int fy_migrate_send_resolve(struct fy_session *session, const char *job_id, uint64_t epoch, bool commit,
                            struct fy_error *err);
int fy_migrate_send_received(struct fy_session *session, uint32_t chunks, uint64_t bytes, struct fy_error *err);
int fy_migrate_send_prepared(struct fy_session *session, uint64_t epoch, uint64_t check_us, uint64_t restore_us,
                             struct fy_error *err);
int fy_migrate_send_done(struct fy_session *session, uint64_t epoch, pid_t root_pid, uint64_t resume_us,
                         struct fy_error *err);
int fy_migrate_send_abort(struct fy_session *session, uint64_t epoch, const struct fy_error *reason,
                          struct fy_error *err);
/* `reason` may be NULL: the source asked for it. */
int fy_migrate_send_aborted(struct fy_session *session, uint64_t epoch, const struct fy_error *reason,
                            struct fy_error *err);
int fy_migrate_send_unready(struct fy_session *session, uint64_t epoch, const struct fy_error *reason,
                            struct fy_error *err);
/* At most the last 256 KiB of the file, as a Log frame; a file that is not there is left out. */
void fy_migrate_send_log(struct fy_session *session, const char *directory, const char *name);
/* So of every file in the directory, FY_MAX_LOGS at most. NULL: there is none. */
void fy_migrate_send_logs(struct fy_session *session, const char *directory);
/* Keeps a Log frame of the peer as DIRECTORY/peer-NAME. A bad name or a full disk loses it, which harms nobody. */
void fy_migrate_keep_log(const char *directory, const Ferry__Peer__Log *log, const uint8_t *body, size_t body_bytes);

/* Source: everything the destination has to know. The arrays inside are borrowed from spec and facts; free with
 * fy_migrate_offer_done(). */
struct fy_migrate_offer {
    Ferry__Peer__Offer message;
    Ferry__Peer__HostFacts facts;
    Ferry__Peer__ServiceAddress addresses[FY_MAX_ADDRESSES];
    Ferry__Peer__ServiceAddress *address_list[FY_MAX_ADDRESSES];
    char address_texts[FY_MAX_ADDRESSES][FY_SERVICE_ADDRESS_TEXT_SIZE];
    struct fy_wire_hooks hooks;
    char arch[65];
    char kernel[65];
    const char *cpu_features[FY_CPU_FEATURES_MOST];
    char cpu_model[128];
    uint32_t *pids;
};
int fy_migrate_offer_init(struct fy_migrate_offer *offer, const char *job_id, const struct fy_migration_spec *spec,
                          const struct fy_workload_facts *facts, int criu_version, uint64_t hold_ms,
                          struct fy_error *err);
void fy_migrate_offer_done(struct fy_migrate_offer *offer);
/* The list of files is long, and of no use once it has been looked at: the offer is kept without it. */
void fy_migrate_forget_files(Ferry__Peer__Offer *offer);
/* Destination: checks every field and makes a spec of it (`peer` stays empty). FY_E_PROTOCOL. */
int fy_migrate_offer_to_spec(const Ferry__Peer__Offer *offer, struct fy_migration_spec *spec, struct fy_error *err);

#endif
