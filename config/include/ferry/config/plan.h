/* A plan: a YAML file of migrations, schedules of checkpoints, or both.
 *
 *     version: 1
 *     migrations:
 *       - workload: runc/web
 *         to: b
 *         mode: stop                 # the only mode so far
 *         tcp: established           # or close, refuse
 *         addresses:                 # service addresses that move with the workload
 *           - {ip: 10.77.0.100/24, device: eth0}
 *         file_locks: true
 *         shell_job: false
 *         ext_unix_sockets: false
 *         link_remap: false
 *         durable: false
 *         any_cpu: false
 *         max_freeze: 5s             # longest time that the workload may stay frozen here
 *         group: shop                # moves together with the others of its group, or not at all
 *         hooks:                     # hook.h
 *           - {stage: pre-dump, on: source, run: drain-web, deadline: 10s}
 *     on_failure: stop               # or continue
 *     schedules:
 *       - name: web
 *         workloads: [runc/web]
 *         every: 15m                 # or cron: "0 3 * * *" with timezone: Europe/Berlin
 *         keep: {last: 5, daily: 7}  # ferry-plan(5) has all keys
 */
#ifndef FERRY_CONFIG_PLAN_H
#define FERRY_CONFIG_PLAN_H

#include <ferry/base/error.h>
#include <ferry/config/hook.h>
#include <ferry/config/workload.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fy_migration_mode { FY_MODE_STOP };
/* What becomes of established TCP connections: kept, closed at the destination, or their presence refused. */
enum fy_tcp_mode { FY_TCP_ESTABLISHED, FY_TCP_CLOSE, FY_TCP_REFUSE };

#define FY_PEER_NAME_SIZE 64
#define FY_GROUP_NAME_SIZE 64
#define FY_MAX_ADDRESSES 16

struct fy_service_address {
    int family; /* AF_INET or AF_INET6 */
    union {
        struct in_addr v4;
        struct in6_addr v6;
    } ip;
    uint8_t prefix_length;
    char device[IFNAMSIZ];
};

struct fy_migration_spec {
    struct fy_workload workload;
    char peer[FY_PEER_NAME_SIZE];
    enum fy_migration_mode mode;
    enum fy_tcp_mode tcp;
    struct fy_service_address addresses[FY_MAX_ADDRESSES];
    size_t address_count;
    bool file_locks;          /* CRIU: dump file locks */
    bool shell_job;           /* CRIU: the tree's session leader is outside of it */
    bool ext_unix_sockets;    /* CRIU: allow unix sockets whose peer is outside */
    bool link_remap;          /* CRIU: hard-link open files that were unlinked */
    bool any_cpu;             /* also to a host whose processor lacks features of the source's */
    bool durable;             /* the destination has the image set on disk before it is prepared */
    uint64_t bandwidth_bytes; /* a second; 0: no limit of its own */
    uint32_t lanes;           /* SSH connections; 0: as the peer's settings say */
    uint64_t max_freeze_ms;   /* the workload stays frozen at the source no longer; 0: timeouts.hold alone counts */
    char group[FY_GROUP_NAME_SIZE];     /* "": it moves alone */
    struct fy_hook hooks[FY_MAX_HOOKS]; /* in the order in which those of one stage run */
    size_t hook_count;
};

struct fy_schedule_spec; /* schedule.h */

struct fy_plan {
    struct fy_migration_spec *migrations;
    size_t migration_count; /* may be 0 when there are schedules */
    struct fy_schedule_spec *schedules;
    size_t schedule_count;
    bool continue_on_failure;
};

/* A spec with every default: mode stop, tcp established, the rest off. */
void fy_migration_spec_init(struct fy_migration_spec *spec);
/* "10.77.0.100/24@eth0", also IPv6. FY_E_USAGE. */
int fy_service_address_parse(const char *text, struct fy_service_address *address, struct fy_error *err);
#define FY_SERVICE_ADDRESS_TEXT_SIZE (INET6_ADDRSTRLEN + 8 + IFNAMSIZ)
/* The form that fy_service_address_parse reads. */
void fy_service_address_format(const struct fy_service_address *address, char text[FY_SERVICE_ADDRESS_TEXT_SIZE]);
int fy_migration_mode_parse(const char *text, enum fy_migration_mode *mode, struct fy_error *err);
const char *fy_migration_mode_name(enum fy_migration_mode mode);
int fy_tcp_mode_parse(const char *text, enum fy_tcp_mode *mode, struct fy_error *err);
const char *fy_tcp_mode_name(enum fy_tcp_mode mode);

/* All mistakes of the file are found in one pass: `errors` receives one line for each, in file order, at most 100;
 * free() it. Returns -1 with FY_E_CONFIG (the first mistake) when there is any. `errors` may be NULL. */
int fy_plan_parse(const char *file_name, const char *text, size_t size, struct fy_plan **plan, char **errors,
                  struct fy_error *err);
void fy_plan_free(struct fy_plan *plan);

#endif
