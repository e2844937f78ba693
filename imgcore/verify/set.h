/* The index of an image set: the facts that rules need, taken from every file in one pass.
 *
 *   set_list.c       what is in the directory
 *   set_load.c       reads every image once and hands its entries to collectors
 *   edges.h          numbers by which entries of different images refer to one another
 *   collect_*.c      put facts of entries into the index, by subject
 *   rules_*.c        compare the facts with one another, by subject
 *   report.c         what is wrong goes out through it
 *   verify.c         runs all of these and sums up
 *
 * Nothing stops at the first finding. What follows from a finding that has been made already is not reported: rules ask
 * fy_set_is_whole() before they call something missing that may stand in a damaged image. */
#ifndef FERRY_IMGCORE_VERIFY_SET_H
#define FERRY_IMGCORE_VERIFY_SET_H

#include "edges.h"
#include "pagemap.h"
#include "report.h"
#include "vector.h"
#include <criu/core.pb-c.h>
#include <ferry/base/error.h>
#include <ferry/imgcore/catalogue.h>
#include <ferry/imgcore/image.h>
#include <ferry/imgcore/inventory.h>
#include <stdbool.h>
#include <stdint.h>

struct set_file {
    char *name;
    const struct fy_image_type *type; /* NULL: not CRIU's */
    uint64_t id;                      /* the number in the name */
    uint64_t size_bytes;
    bool is_regular;
    bool is_damaged; /* not all of its entries were read */
};

struct set_task {
    uint32_t pid, ppid;
    size_t first_thread, thread_count; /* in set.threads; of a zombie: garbage */
};

enum task_state { TASK_NOT_STATED = 0, TASK_ALIVE = 1, TASK_ZOMBIE = 2, TASK_STOPPED = 3 };

struct set_core {
    const struct set_file *file;
    uint32_t tid;
    int march;           /* CORE_ENTRY__MARCH__… */
    uint32_t task_state; /* 0: the core of a thread that is not a leader */
    size_t signal_actions;
    bool has_task_core;
    bool has_thread_core;
    bool has_registers; /* of the processor that march says */
    bool is_32bit;
};

struct set_ids {
    uint32_t pid, files_id;
    struct fy_namespace_ids ns;
};

/* The page size as the auxiliary vector gives it, read in both of the layouts it may have; 0: not found. */
struct set_mm {
    const struct set_file *file;
    uint32_t pid;
    uint32_t page_bytes_64bit, page_bytes_32bit;
    size_t auxv_words;
    size_t first_vma, vma_count;      /* in set.vmas, in the order of addresses */
    const struct set_file *vmas_from; /* an image of their own; NULL: the mm itself */
    bool has_unsound_vmas;            /* which are not in set.vmas */
};

struct set_vma {
    uint64_t start, end;
    uint32_t status;
};

/* Something says that the shared segment has at least that size. */
struct set_segment {
    uint64_t shmid, size_bytes;
};

struct set_fd {
    const struct set_file *file;
    uint32_t files_id, fd, id;
    int type;
};

#define ANY_TYPE (-1)

struct set_open_file {
    uint32_t id;
    int type; /* FD_TYPES__… */
    bool is_referenced;
    bool is_external; /* of somebody outside, so that no descriptor leads to it */
};

/* An entry of `from` that names an open file. */
struct set_file_ref {
    const struct set_file *from;
    const char *what;
    uint32_t id;
    int type; /* or ANY_TYPE */
};

/* An entry of `from` that needs another image to be there. */
struct set_image_ref {
    const struct set_file *from;
    const char *what;
    enum fy_image_kind kind;
    uint64_t id;
};

struct set_pagemap {
    const struct set_file *file;
    uint32_t pages_id;
    uint64_t present_pages, parent_pages, lazy_pages;
    uint64_t pages_bytes; /* of the pages image */
    bool has_size;        /* which is known */
};

struct set_mount {
    const struct set_file *file;
    uint32_t mnt_id, root_dev;
    bool is_tmpfs;
    bool is_external; /* its content comes from elsewhere */
};

struct fy_set {
    int dir_fd;
    VECTOR(struct set_file) files; /* CRIU's sorted by kind and id, then the others by name */
    size_t known_count;
    struct fy_report *report;
    bool is_damaged[FY_IMAGE_KIND_COUNT]; /* some image of the kind is */
    bool has_inventory;                   /* false: what it says is not known */
    struct fy_inventory inventory;
    VECTOR(struct set_task) tasks; /* in the order of pstree.img */
    VECTOR(uint32_t) threads;
    VECTOR(struct set_core) cores; /* from here on sorted by the first number, for looking up */
    VECTOR(struct set_ids) ids;
    VECTOR(struct set_mm) mms;
    VECTOR(struct set_vma) vmas; /* of one mm after the other */
    VECTOR(struct set_segment) segments;
    VECTOR(struct set_fd) fds;
    VECTOR(struct set_open_file) open_files; /* by type and id */
    VECTOR(struct set_file_ref) file_refs;   /* in the order they were found */
    VECTOR(struct set_image_ref) image_refs;
    VECTOR(struct set_pagemap) pagemaps;
    VECTOR(struct set_mount) mounts;
    struct fy_edges edges;
    struct page_map map; /* of the pagemap that is being judged: one at a time, they may be long */
};

void fy_set_init(struct fy_set *set, int dir_fd, struct fy_report *report);
void fy_set_done(struct fy_set *set);

/* Takes down what is in the directory. */
int fy_set_list(struct fy_set *set, struct fy_error *err);
/* Reads the inventory, if it can be read. */
int fy_set_load_inventory(struct fy_set *set, struct fy_error *err);
/* Reads all other images, each to its last byte; pagemaps are left to their rules. */
int fy_set_load(struct fy_set *set, struct fy_error *err);
int fy_set_load_file(struct fy_set *set, struct set_file *file, struct fy_error *err);

/* Reports that the rule `id` is broken in `file`; the text says what is wrong, without the file's name. */
__attribute__((format(printf, 4, 5))) void fy_set_report(const struct fy_set *set, enum fy_finding_id id,
                                                         const char *file, const char *format, ...);
/* The same about one entry, counted from 0. */
__attribute__((format(printf, 5, 6))) void fy_set_report_entry(const struct fy_set *set, enum fy_finding_id id,
                                                               const char *file, uint64_t entry, const char *format,
                                                               ...);

/* Whether every image of the kind was read to its end, so that what is not in the index is not in the set. */
bool fy_set_is_whole(const struct fy_set *set, enum fy_image_kind kind);
/* NULL when it is not there. */
const struct set_file *fy_set_find_image(const struct fy_set *set, enum fy_image_kind kind, uint64_t id);
/* The images of one kind: the first, and how many. */
const struct set_file *fy_set_images(const struct fy_set *set, enum fy_image_kind kind, size_t *count);
/* The name that an image of the kind has: "ghost-file-1f.img". */
void fy_set_image_name(enum fy_image_kind kind, uint64_t id, char name[64]);
const struct set_core *fy_set_find_core(const struct fy_set *set, uint32_t tid);
const struct set_ids *fy_set_find_ids(const struct fy_set *set, uint32_t pid);
const struct set_mm *fy_set_find_mm(const struct fy_set *set, uint32_t pid);
struct set_open_file *fy_set_find_open_file(const struct fy_set *set, int type, uint32_t id);
bool fy_set_is_zombie(const struct fy_set *set, const struct set_task *task);
/* Of the task `pid`, or of any task that says it, or 4096. */
uint32_t fy_set_page_bytes(const struct fy_set *set, uint64_t pid);
/* CLONE_NEW… bits of the namespaces that are part of the set. */
int fy_set_namespaces(const struct fy_set *set);

/* Entries of one image to facts; `file` is the image. What is wrong with an entry is reported. -1 with an error that is
 * no finding, mostly FY_E_NOMEM. */
typedef int fy_collector(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                         struct fy_error *err);
fy_collector fy_collect_pstree, fy_collect_core, fy_collect_ids, fy_collect_mm, fy_collect_fs, fy_collect_vma;
fy_collector fy_collect_fdinfo, fy_collect_file, fy_collect_legacy_file, fy_collect_packet, fy_collect_remap;
fy_collector fy_collect_memfd, fy_collect_ipc_segment, fy_collect_mount;
/* As the ones without the last word, and the size of the segment. */
fy_collector fy_collect_memfd_segment, fy_collect_ipc_segment_size;
fy_collector fy_collect_pagemap;
fy_collector fy_collect_pipe_data, fy_collect_tty_info, fy_collect_tty_data, fy_collect_lock, fy_collect_tcp_stream;
fy_collector fy_collect_seccomp, fy_collect_cgroup, fy_collect_netns, fy_collect_netdev, fy_collect_legacy_epoll,
    fy_collect_ghost;
/* An open file of the type FD_TYPES__…, from the entry with that number. */
int fy_collect_member(struct fy_set *set, const struct set_file *file, uint64_t entry, int type,
                      const ProtobufCMessage *member, struct fy_error *err);
/* What a core names in other images. */
int fy_collect_core_edges(struct fy_set *set, const struct set_file *file, const CoreEntry *core, struct fy_error *err);

/* The rules of one subject: every broken one is reported. -1 as with collectors. */
typedef int fy_rules(struct fy_set *set, struct fy_error *err);
fy_rules fy_rules_edges, fy_rules_descriptors, fy_rules_mounts, fy_rules_net_dumps, fy_rules_ghosts;
fy_rules fy_rules_tasks, fy_rules_cores, fy_rules_statistics, fy_rules_strays, fy_rules_files, fy_rules_references,
    fy_rules_namespaces, fy_rules_pages;
/* Whether what set.map holds has its place: mappings of the task, or the segment. */
void fy_rules_sort_segments(struct fy_set *set); /* once, before */
void fy_rules_places(const struct fy_set *set, const struct set_file *file, uint32_t page_bytes);
/* Warns of fields and numbers that this schema does not know. */
void fy_rules_unknown(const struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry);

#endif
