/* Migrations, both sides: the source coordinates, the destination answers. One struct per migration; the caller (the
 * daemon's job table) hears of progress by events and keeps the record.
 *
 * State names follow QEMU's; proto/PROTOCOL.md has the order of messages, migrate_source.c and migrate_destination.c
 * the tables of phases. */
#ifndef FERRY_AGENT_MIGRATE_H
#define FERRY_AGENT_MIGRATE_H

#include <ferry/agent/driver.h>
#include <ferry/agent/journal.h>
#include <ferry/agent/switchover_group.h>
#include <ferry/base/error.h>
#include <ferry/config/plan.h>
#include <ferry/transport/link.h>
#include <stdbool.h>
#include <stdint.h>

enum fy_migration_state {
    FY_MIGRATION_SETUP,
    FY_MIGRATION_ACTIVE,
    FY_MIGRATION_PRE_SWITCHOVER,
    FY_MIGRATION_DEVICE,
    FY_MIGRATION_COMPLETED,
    FY_MIGRATION_FAILED,
    FY_MIGRATION_CANCELLED,
};

#define FY_MAX_PHASES 16
#define FY_MAX_PREFLIGHT 24
#define FY_MAX_LOGS 8

struct fy_phase {
    const char *name;     /* static */
    uint64_t start_us;    /* since the migration's start */
    uint64_t duration_us; /* valid when ended */
    bool ended;
};

struct fy_preflight_item {
    char name[32];
    bool ok;
    char detail[256];
    char next[256];
};

/* What became of the bytes of an image set on their way; together they are all that was sent so far. */
struct fy_page_counts {
    uint64_t zero_bytes;       /* not sent */
    uint64_t duplicate_bytes;  /* not sent: the destination had the same page already */
    uint64_t compressed_bytes; /* as they were before */
    uint64_t plain_bytes;      /* sent as they were */
};

/* What is known of a migration at any moment; all of it may be shown to people. */
struct fy_migration_report {
    enum fy_migration_state state;
    bool is_source;
    bool dry_run;
    struct fy_workload workload;
    char peer[FY_PEER_NAME_SIZE];
    struct fy_phase phases[FY_MAX_PHASES];
    size_t phase_count;
    uint64_t elapsed_us;
    uint64_t bytes_total; /* image set; 0 until the dump is complete */
    uint64_t bytes_sent;  /* kept by the destination, as it acknowledged */
    uint64_t wire_bytes;
    uint64_t wire_again_bytes; /* of them: had gone over a connection that was lost before they were acknowledged */
    struct fy_page_counts pages;
    uint64_t rate_bytes;  /* a second, over the last second */
    uint64_t downtime_us; /* 0 until known */
    pid_t root_pid;       /* at the destination, once running */
    struct fy_preflight_item preflight[FY_MAX_PREFLIGHT];
    size_t preflight_count;
    const char *workload_state;               /* static words: where it runs now */
    const struct fy_switch_phase *switchover; /* static: where the machine stands; NULL before it has moved */
    struct fy_error error;                    /* set when failed or cancelled */
};

struct fy_migration;

struct fy_migration_events {
    /* All is prepared: fy_migration_go(), now or later, decides. NULL: it decides by itself. */
    void (*ready)(struct fy_migration *migration, void *data);
    /* Of a group: it stands still whatever becomes of ferryd, or cannot be made to. fy_migration_conclude() is awaited.
     */
    void (*pinned)(struct fy_migration *migration, const struct fy_error *err, void *data);
    /* It is given up, because of report->error, and rolls back; `ended` follows. NULL is legal. */
    void (*given_up)(struct fy_migration *migration, const struct fy_migration_report *report, void *data);
    /* State, phase or progress changed; at most about ten times a second for progress alone. */
    void (*changed)(struct fy_migration *migration, const struct fy_migration_report *report, void *data);
    /* Last and exactly once; the migration is freed after it. report->state is COMPLETED, FAILED or CANCELLED. */
    void (*ended)(struct fy_migration *migration, const struct fy_migration_report *report, void *data);
};

struct fy_migration_options {
    char job_id[FY_JOB_ID_SIZE];
    char *log_dir;              /* exists; CRIU's, the runtime's and the destination's logs are kept in it; copied */
    bool dry_run;               /* stop after the preflight's answer */
    char group[FY_JOB_ID_SIZE]; /* "": it moves alone; else what all that move with it have in common */
};

/* Source: starts migrating as `spec` says (copied). If it fails no event fires. */
int fy_migration_start(const struct fy_host *host, const struct fy_migration_spec *spec,
                       const struct fy_migration_options *options, const struct fy_migration_events *events, void *data,
                       struct fy_migration **migration, struct fy_error *err);
/* After `ready`: decides. Harmless when it has been given up meanwhile. */
void fy_migration_go(struct fy_migration *migration);
/* After `pinned`, when it is known of all of the group: its tasks are killed, or with `why_not` it is taken back. */
void fy_migration_conclude(struct fy_migration *migration, const struct fy_error *why_not);

/* What a restart finds of a migration in the journal. */
struct fy_migration_trace {
    char group[FY_JOB_ID_SIZE]; /* "": it moves alone */
    struct fy_group_evidence evidence;
};
void fy_migration_look_back(const struct fy_host *host, const struct fy_journal_entry *entry,
                            struct fy_migration_trace *trace);
/* `changed` may come before this returns. Takes up a migration that an earlier ferryd has left at this entry's stage
 * (BEGUN, COMMIT, ABORT or RECOVER), and brings it to its end by rule; `goes_on` is what becomes of its group. */
int fy_migration_take_up(const struct fy_host *host, const struct fy_journal_entry *entry, bool goes_on,
                         const char *log_dir, const struct fy_migration_events *events, void *data,
                         struct fy_migration **migration, struct fy_error *err);
/* Before the decision: rolls back, the workload runs on at the source. After it: FY_E_BUSY, it will complete. */
int fy_migration_cancel(struct fy_migration *migration, const char *why, struct fy_error *err);
/* What a destination that asks is told: DECIDED_COMMIT, DECIDED_ABORT or UNDECIDED. */
enum fy_saying fy_migration_decision(const struct fy_migration *migration);
/* An operator speaks for a destination that is gone. FY_E_BUSY when it can be reached, or nothing is to be decided. */
int fy_migration_resolve(struct fy_migration *migration, bool commit, struct fy_error *err);

/* Limits what it sends to so many bytes a second, from now on; 0: no limit of its own. */
void fy_migration_set_bandwidth(struct fy_migration *migration, uint64_t bytes_per_second);

/* ---- destination ---- */

struct fy_receiver;

enum fy_job_fate {
    FY_FATE_UNKNOWN,   /* never heard of it */
    FY_FATE_OPEN,      /* not ended */
    FY_FATE_WAITING,   /* not ended, and not yet taken up after a restart */
    FY_FATE_COMPLETED, /* the workload was started here */
    FY_FATE_DISCARDED, /* it never ran here and never will */
};

/* What the daemon decides and hears for migrations that arrive. */
struct fy_receiver_events {
    /* An offer arrived: fill `options` (a log directory of its own; log_dir malloc'ed, taken over) or refuse with `err`
     * (too many jobs, shutting down, the workload is busy). The job id is the source's. */
    int (*offered)(struct fy_receiver *receiver, const char *job_id, const struct fy_workload *workload,
                   const char *peer_name, struct fy_migration_options *options, struct fy_error *err, void *data);
    void (*changed)(struct fy_receiver *receiver, const struct fy_migration_report *report, void *data);
    /* The source came back on a new link with its decision for this job: where does the job stand here? For
     * FY_FATE_OPEN `*receiver` is the one that serves it, for FY_FATE_COMPLETED `*root_pid` is set. */
    enum fy_job_fate (*fate)(const char *job_id, struct fy_receiver **receiver, pid_t *root_pid, void *data);
    /* A destination asks about a job whose source is here: DECIDED_COMMIT, DECIDED_ABORT or UNDECIDED. `store` is the
     * store whose word counts. */
    enum fy_saying (*decision)(const char *job_id, const char *store, void *data);
    /* The last callback, exactly once; `report` is NULL when no offer was accepted on this link (a ping, a refused
     * hello). Freed after it. */
    void (*ended)(struct fy_receiver *receiver, const struct fy_migration_report *report, void *data);
};

/* Serves one link that the peer socket accepted; takes it over in any case. */
int fy_receiver_start(const struct fy_host *host, struct fy_link *link, const struct fy_receiver_events *events,
                      void *data, struct fy_receiver **receiver, struct fy_error *err);
/* Takes up a migration that an earlier ferryd has left at this entry's stage (BEGUN, PREPARED or ABORT). */
int fy_receiver_take_up(const struct fy_host *host, const struct fy_journal_entry *entry, const char *log_dir,
                        const struct fy_receiver_events *events, void *data, struct fy_receiver **receiver,
                        struct fy_error *err);
/* Before PREPARED was sent: discards, tells the source. From then on only the source decides: FY_E_BUSY. */
int fy_receiver_cancel(struct fy_receiver *receiver, const char *why, struct fy_error *err);
/* An operator speaks for a source that is gone. FY_E_BUSY as above. */
int fy_receiver_decide(struct fy_receiver *receiver, bool commit, struct fy_error *err);

/* ---- peers ---- */

struct fy_peer_check_result {
    char remote_name[FY_PEER_NAME_SIZE];
    char version[32];
    uint32_t protocol_major;
    uint32_t protocol_minor;
    char link[256];
    uint64_t connect_us;
    uint64_t latency_us;       /* the shortest of five round trips */
    uint64_t throughput_bytes; /* a second, of random bytes on one connection; 0: the peer cannot measure it */
};

/* Connects, says hello, pings five times, then sends random bytes for two seconds or 64 MiB. `result` is NULL on
 * failure. Fires exactly once, never before the start call returned. */
typedef void (*fy_peer_check_cb)(const struct fy_peer_check_result *result, const struct fy_error *err, void *data);
struct fy_peer_check;
int fy_peer_check(const struct fy_host *host, const char *peer, fy_peer_check_cb done, void *data,
                  struct fy_peer_check **check, struct fy_error *err);
/* Nobody waits for it any more; before its callback only, which comes all the same, with FY_E_CANCELLED. */
void fy_peer_check_cancel(struct fy_peer_check *check, const char *why);

#endif
