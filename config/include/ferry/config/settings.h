/* ferryd's configuration: YAML text to typed settings, with defaults filled in.
 *
 * Every mistake is reported as FILE:LINE:COLUMN with what was expected and, for an unknown key, the nearest known one.
 * Durations are written as 500ms, 10s, 5m, 2h, 30d, 4w; sizes as 512KiB, 20MiB, 4GiB; both are checked for overflow. */
#ifndef FERRY_CONFIG_SETTINGS_H
#define FERRY_CONFIG_SETTINGS_H

#include <ferry/base/error.h>
#include <ferry/base/log.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One other host. Strings are never NULL unless said. */
struct fy_peer_settings {
    char *name;
    char *host; /* DNS name or address */
    uint16_t port;
    char *user;
    char *key;                /* private key file; NULL: the SSH agent is used */
    char *known_hosts;        /* OpenSSH known_hosts file */
    uint64_t bandwidth_bytes; /* a second, for all jobs to it together; 0: no limit */
    uint32_t lanes;           /* SSH connections of a job; 0: ferry chooses */
};

struct fy_timeouts {
    uint64_t connect_ms; /* name look-up to authenticated channel */
    uint64_t link_ms;    /* longest silence of a peer that owes an answer */
    uint64_t freeze_ms;  /* CRIU's own limit for freezing all tasks */
    uint64_t dump_ms;    /* dump until held at post-dump */
    uint64_t restore_ms; /* restore until held at post-restore */
    uint64_t hold_ms;    /* longest time a workload stays frozen before the migration is rolled back */
    uint64_t stop_ms;    /* SIGTERM of ferryd until unfinished jobs are rolled back */
};

enum fy_checkpoint_form {
    FY_CHECKPOINTS_COMPRESSED, /* zstd */
    FY_CHECKPOINTS_PLAIN,      /* as CRIU writes and reads them */
};

struct fy_settings {
    char *name;      /* how this host calls itself to peers; default: its host name */
    char *state_dir; /* default /var/lib/ferry */
    char *run_dir;   /* default /run/ferry; image sets in flight live here: memory-backed */
    struct {
        char *socket; /* default RUN_DIR/control.sock */
        char **users; /* who may connect beside root; NULL-terminated, may be empty */
        char **groups;
    } control;
    struct {
        char *socket; /* default RUN_DIR/peer.sock */
        char *user;   /* owner of the socket and the only one beside root who may connect; default ferry */
    } peer;
    struct {
        enum fy_log_level level;
        enum fy_log_format format;
    } log;
    struct {
        char *user; /* defaults that each peer may override */
        char *key;
        char *known_hosts;
    } ssh;
    char *criu; /* program name or path */
    char *runc;
    char *runc_root;   /* runc's --root; default /run/runc */
    char *hooks_dir;   /* whose executables plans may name as hooks; default /etc/ferry/hooks */
    char *podman;      /* program name or absolute path; default "podman" */
    uint32_t max_jobs; /* migrations at once, either direction; default 4 */
    struct fy_timeouts timeouts;
    struct {
        enum fy_checkpoint_form form; /* how they are stored; default compressed */
        uint32_t max_chain;           /* levels that one checkpoint may need; default 16 */
        char *key_file;               /* encrypt with this key; NULL: not */
        char *key_command;            /* or with the one that this command prints */
        char *sign_key;               /* sign manifests with this OpenSSH key; NULL: not */
    } checkpoints;
    struct fy_peer_settings *peers;
    size_t peer_count;
};

/* Parses `text` (`file_name` only names it in errors). On success the caller owns *settings. FY_E_CONFIG. */
int fy_settings_parse(const char *file_name, const char *text, size_t size, struct fy_settings **settings,
                      struct fy_error *err);
/* Reads and parses a file of at most 1 MiB. */
int fy_settings_load(const char *path, struct fy_settings **settings, struct fy_error *err);
void fy_settings_free(struct fy_settings *settings);
/* The peer of that name or NULL. */
const struct fy_peer_settings *fy_settings_peer(const struct fy_settings *settings, const char *name);

#endif
