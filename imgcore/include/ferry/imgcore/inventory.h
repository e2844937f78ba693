/* What inventory.img says about a whole set. */
#ifndef FERRY_IMGCORE_INVENTORY_H
#define FERRY_IMGCORE_INVENTORY_H

#include <criu/pstree.pb-c.h>
#include <ferry/base/error.h>
#include <stdbool.h>
#include <stdint.h>

/* Namespaces of a task by CRIU's numbering within the set; 0: not stated. */
struct fy_namespace_ids {
    uint32_t pid, net, ipc, uts, mnt, user, cgroup, time;
};

/* How the dump kept packets away; numbered as in the image. */
enum fy_network_lock { FY_NETWORK_LOCK_IPTABLES, FY_NETWORK_LOCK_NFTABLES, FY_NETWORK_LOCK_NONE };

#define FY_CRIU_RUN_ID_SIZE 64

struct fy_inventory {
    uint32_t img_version; /* 1 and 2: a whole set; 0: a pre-dump */
    bool fdinfo_per_id;
    bool tcp_close;                   /* connections were left out and come back closed */
    bool has_root_ids;                /* false in a pre-dump */
    struct fy_namespace_ids root_ids; /* of CRIU itself */
    uint32_t root_cg_set;             /* the control groups of CRIU itself, which are not in the set; 0: not stated */
    enum fy_network_lock network_lock;
    /* Part of the name of the nftables table that locks the network, on both hosts; "" when CRIU did not say. */
    char criu_run_id[FY_CRIU_RUN_ID_SIZE];
};

/* The numbers in an ids image, or in the inventory. */
struct fy_namespace_ids fy_namespace_ids_from(const TaskKobjIdsEntry *ids);

/* Reads `dir_fd`/inventory.img. Errors as of fy_image_open and fy_image_next. */
int fy_inventory_read(int dir_fd, struct fy_inventory *inventory, struct fy_error *err);

#endif
