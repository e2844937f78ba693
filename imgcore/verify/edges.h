/* Numbers by which entries of different images refer to one another.
 *
 * An entry that has a number defines it in a space; an entry that names it needs it there. What is needed and not
 * defined, and what is defined twice where a number may be there once, is reported after all images have been read. */
#ifndef FERRY_IMGCORE_VERIFY_EDGES_H
#define FERRY_IMGCORE_VERIFY_EDGES_H

#include "vector.h"
#include <ferry/imgcore/verify.h>
#include <stdbool.h>
#include <stdint.h>

struct fy_set;
struct set_file;

enum edge_space {
    EDGE_PIPE,      /* pipe_id of pipes */
    EDGE_PIPE_DATA, /* and of what is in them */
    EDGE_FIFO,
    EDGE_FIFO_DATA,
    EDGE_TTY_INFO,
    EDGE_MEMFD_INODE,
    EDGE_UNIX_INODE,
    EDGE_MOUNT,
    EDGE_CGROUP_SET,
    EDGE_SECCOMP_FILTER, /* index */
    EDGE_REMAP,          /* id of the regular file whose path is gone */
    EDGE_NET_NAMESPACE,
    EDGE_NAMESPACE, /* of any kind */
    EDGE_SPACE_COUNT
};

struct edge_end {
    enum edge_space space;
    enum fy_finding_id finding; /* of what is needed: when it is not there */
    uint64_t number;
    const struct set_file *file;
    uint64_t entry;
    const char *what; /* of what is needed: "the other end of a UNIX socket" */
};

/* An epoll file waits for a descriptor in the table of whoever has it open. */
struct edge_epoll {
    const struct set_file *file;
    uint64_t entry;
    uint32_t id, fd;
};

struct edge_lock {
    const struct set_file *file;
    uint64_t entry;
    int32_t pid, fd;
};

/* A named FIFO that is open; how is known from the REG entry with its path. */
struct edge_fifo {
    const struct set_file *file;
    uint64_t entry;
    uint32_t pipe_id, regf_id;
};

struct edge_pidfd {
    const struct set_file *file;
    uint64_t entry;
    int32_t pid;
};

/* An open file whose path is gone, and where its content is. */
struct edge_remap {
    const struct set_file *file;
    uint64_t entry;
    uint32_t orig_id;
    bool is_ghost;
    uint32_t ghost_id;
};

struct edge_size {
    const struct set_file *file;
    uint64_t bytes;
    uint32_t id;
};

struct edge_mount {
    const struct set_file *file;
    uint64_t entry;
    uint32_t mnt_id, parent_mnt_id;
    bool is_root;
    uint8_t visit; /* while looking for circles */
};

struct edge_device {
    const struct set_file *file;
    uint64_t entry;
    uint32_t ifindex, master;
    bool is_loopback;
};

struct fy_edges {
    VECTOR(struct edge_end) defined, needed;
    VECTOR(struct edge_epoll) epolls;
    VECTOR(struct edge_lock) locks;
    VECTOR(struct edge_fifo) fifos;
    VECTOR(struct edge_pidfd) pidfds;
    VECTOR(struct edge_mount) mounts;
    VECTOR(struct edge_device) devices;
    VECTOR(struct edge_remap) remaps;
    VECTOR(struct edge_size) regular_sizes, ghost_sizes; /* of those that state it */
    VECTOR(uint32_t) external_nets;                      /* network namespaces that are supplied from outside */
    VECTOR(uint32_t) written_only;                       /* ids of REG entries that are open for writing only */
};

void fy_edges_done(struct fy_edges *edges);

/* 0, or -1 with FY_E_NOMEM. */
int fy_edge_define(struct fy_set *set, enum edge_space space, uint64_t number, const struct set_file *file,
                   uint64_t entry, struct fy_error *err);
/* `what` is a literal. */
int fy_edge_need(struct fy_set *set, enum edge_space space, uint64_t number, enum fy_finding_id finding,
                 const struct set_file *file, uint64_t entry, const char *what, struct fy_error *err);
/* Whether it is defined; only after fy_rules_edges has sorted what is. */
bool fy_edge_is_defined(const struct fy_set *set, enum edge_space space, uint64_t number);

#endif
