/* What is in an image set, as somebody asks who looks for a process in it: tasks, descriptors, mappings, sockets.
 *
 * Made for sets in any state. Files that are missing or damaged are taken down as troubles, and all others are read;
 * zombies have no more than a name. Nothing here judges whether a set can be restored: fy_imageset_check does.
 *
 * Strings come from the set: any byte but NUL, of any length. fy_text_printable makes them fit for a terminal. Pointers
 * are valid until fy_explore_free, and nothing changes after fy_explore_open. Numbers of tasks, files and so on are
 * bounded by the size of the images. */
#ifndef FERRY_IMGCORE_EXPLORE_H
#define FERRY_IMGCORE_EXPLORE_H

#include <ferry/base/buf.h>
#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What to read beside the process tree; the rest is left empty and is no trouble when it is missing. */
enum fy_explore_part {
    FY_EXPLORE_DESCRIPTORS = 1, /* tables, open files, sockets, places in the file system */
    FY_EXPLORE_QUEUES = 2,      /* bytes waiting in sockets; with DESCRIPTORS */
    FY_EXPLORE_MAPPINGS = 4,    /* and the files that are mapped */
    FY_EXPLORE_COMMANDS = 8,    /* where command lines are */
};

/* Numbered as in images. */
enum fy_task_state { FY_TASK_NOT_KNOWN = 0, FY_TASK_ALIVE = 1, FY_TASK_ZOMBIE = 2, FY_TASK_STOPPED = 3 };

struct fy_explore_descriptor {
    uint32_t fd;
    uint32_t file_id;
    int file_type; /* FD_TYPES__… */
    bool close_on_exec;
};

/* A table of descriptors; tasks with the same table share it. */
struct fy_explore_table {
    uint32_t id;
    bool is_there; /* there is an image of it; none is legal when nothing is open */
    const struct fy_explore_descriptor *descriptors;
    size_t descriptor_count;
    const uint32_t *pids; /* whose it is */
    size_t pid_count;
};

/* Bits of fy_explore_mapping.status, as in images. */
enum {
    FY_MAPPING_REGULAR = 1 << 0, /* the restore makes it; others come from the kernel */
    FY_MAPPING_STACK = 1 << 1,
    FY_MAPPING_VSYSCALL = 1 << 2,
    FY_MAPPING_VDSO = 1 << 3,
    FY_MAPPING_HEAP = 1 << 5,
    FY_MAPPING_FILE_PRIVATE = 1 << 6,
    FY_MAPPING_FILE_SHARED = 1 << 7,
    FY_MAPPING_ANON_SHARED = 1 << 8,
    FY_MAPPING_ANON_PRIVATE = 1 << 9,
    FY_MAPPING_SYSV = 1 << 10,
    FY_MAPPING_SOCKET = 1 << 11,
    FY_MAPPING_VVAR = 1 << 12,
    FY_MAPPING_AIO_RING = 1 << 13,
    FY_MAPPING_MEMFD = 1 << 14, /* with FILE_…: `object` is a MEMFD, else a REG file */
    FY_MAPPING_SHADOW_STACK = 1 << 15,
    FY_MAPPING_GUARD = 1 << 16,
};

struct fy_explore_mapping {
    uint64_t start, end;
    uint64_t offset_bytes;
    uint64_t object;           /* id of the file or of the shared memory */
    uint32_t protection;       /* PROT_… */
    uint32_t flags;            /* MAP_… */
    uint32_t status;           /* FY_MAPPING_… */
    uint32_t shared_by_number; /* the same for all mappings of one shared memory, from 1 on; 0: not shared memory */
};

struct fy_explore_task {
    uint32_t pid, ppid, pgid, sid;
    enum fy_task_state state;
    const char *comm; /* NULL: not known */
    uint32_t exit_code;
    const uint32_t *threads; /* tids, the leader's first; none for a zombie */
    size_t thread_count;
    bool has_credentials, has_ids, has_fs, has_mm;
    uint32_t uid, gid, euid, egid;
    uint32_t table_id;        /* with has_ids */
    uint32_t cwd_id, root_id; /* REG files, with has_fs */
    uint32_t exe_id;          /* REG file, with has_mm */
    uint64_t arguments_start, arguments_end;
    uint32_t page_bytes;
    const struct fy_explore_mapping *mappings;
    size_t mapping_count;
};

struct fy_explore_socket {
    uint32_t file_id;
    int file_type; /* FD_TYPES__INETSK, UNIXSK, PACKETSK, NETLINKSK */
    uint32_t family, type, protocol, state;
    uint32_t inode;      /* 0: not stated */
    uint32_t peer_inode; /* of a unix socket; 0: none */
    uint32_t net_ns;     /* 0: not stated */
    uint32_t backlog;
    bool has_state, is_listening;
    bool is_shut_read, is_shut_write;
    uint64_t receive_bytes, send_bytes; /* waiting, with FY_EXPLORE_QUEUES */
    const char *local;                  /* "10.0.0.1:80", "[::1]:80", a path, "@name", …; NULL: none */
    const char *remote;                 /* NULL: none */
    const char *quoted_name;            /* of a unix socket, with =XX for what is not printable; NULL: none */
};

struct fy_explore_file {
    int type; /* FD_TYPES__… */
    uint32_t id;
    bool has_flags, has_position;
    uint32_t flags; /* O_… */
    uint64_t position_bytes;
    const char *path;                       /* of a REG file */
    uint64_t number;                        /* of the pipe, or of a memory file's inode */
    const struct fy_explore_socket *socket; /* NULL: not a socket */
};

/* A descriptor that leads to a file. */
struct fy_explore_holder {
    uint32_t table_id, fd;
};

struct fy_explore;

/* Reads the set in `dir_fd`, which must stay open. `parts` are FY_EXPLORE_… bits. Only what is no property of the set
 * is an error: FY_E_NOMEM, or a directory that cannot be read. */
int fy_explore_open(int dir_fd, unsigned parts, struct fy_explore **explore, struct fy_error *err);
void fy_explore_free(struct fy_explore *explore);

/* What was missing or damaged, one line each; at most a hundred are kept, and the last one says how many more. */
size_t fy_explore_trouble_count(const struct fy_explore *explore);
const char *fy_explore_trouble(const struct fy_explore *explore, size_t index);

/* In the order of pstree.img. */
size_t fy_explore_task_count(const struct fy_explore *explore);
const struct fy_explore_task *fy_explore_task(const struct fy_explore *explore, size_t index);
/* The same as a tree: every task once, children after their parent. `tasks` and `depths` have room for the count. A
 * task whose parent is not there, or that is its own ancestor, stands at depth 0. */
int fy_explore_tree(const struct fy_explore *explore, size_t *tasks, unsigned *depths, struct fy_error *err);

/* NULL: not there. */
const struct fy_explore_table *fy_explore_find_table(const struct fy_explore *explore, uint32_t id);
const struct fy_explore_file *fy_explore_find_file(const struct fy_explore *explore, int type, uint32_t id);
/* Every open file, by type and id. */
size_t fy_explore_file_count(const struct fy_explore *explore);
const struct fy_explore_file *fy_explore_file(const struct fy_explore *explore, size_t index);
/* The descriptors that lead to it, by table and number. */
const struct fy_explore_holder *fy_explore_holders(const struct fy_explore *explore, int type, uint32_t id,
                                                   size_t *count);
size_t fy_explore_socket_count(const struct fy_explore *explore);
const struct fy_explore_socket *fy_explore_socket(const struct fy_explore *explore, size_t index);

/* Appends what a file is, as crit has it: a path, "pipe[ID]", "unix[INODE (PEER) NAME]", "INETSK.ID". At most 4096
 * bytes of a path. Also of files that are not there. */
int fy_explore_file_text(const struct fy_explore *explore, int type, uint32_t id, struct fy_buf *text,
                         struct fy_error *err);
/* The same for what is mapped: a file (of a memory file its name), "ips[N]", "shmem[N]", "[stack]", …; nothing for
 * memory of its own. */
int fy_explore_mapping_text(const struct fy_explore *explore, const struct fy_explore_mapping *mapping,
                            struct fy_buf *text, struct fy_error *err);
/* Only the file's name, without offset; nothing when no file is mapped. */
int fy_explore_mapped_file_text(const struct fy_explore *explore, const struct fy_explore_mapping *mapping,
                                struct fy_buf *text, struct fy_error *err);
/* The arguments that the task was started with, each ended by NUL, out of its memory; cut after `limit_bytes`. 1: read;
 * 0: not in the set (a zombie, not dumped yet, or all zero); -1 with an error when memory images are damaged. */
int fy_explore_command_line(const struct fy_explore *explore, const struct fy_explore_task *task, size_t limit_bytes,
                            struct fy_buf *text, struct fy_error *err);

/* Pages of a task as its own pagemap image states them, in that order. */
struct fy_explore_pages {
    uint64_t address, pages;
    bool is_stored, is_in_parent, is_lazy;
};
typedef int fy_explore_pages_visit(void *data, const struct fy_explore_pages *pages, struct fy_error *err);
/* Calls `visit` for each; it returns 0 to go on. Entries before a damage are visited. */
int fy_explore_each_pages(const struct fy_explore *explore, uint32_t pid, fy_explore_pages_visit *visit, void *data,
                          struct fy_error *err);

/* How many pages of a mapping the set has. */
struct fy_explore_resident {
    uint64_t stored_pages, parent_pages, lazy_pages;
};
/* Sums up for each mapping of the task; `residents` has room for them. *outside are the pages in none of them. Pages
 * before a damage in the pagemap image are counted. */
int fy_explore_residents(const struct fy_explore *explore, const struct fy_explore_task *task,
                         struct fy_explore_resident *residents, struct fy_explore_resident *outside,
                         struct fy_error *err);

/* Words for numbers; NULL where there is none. */
const char *fy_explore_type_name(int file_type); /* "INETSK" */
const char *fy_explore_state_name(enum fy_task_state state);
const char *fy_socket_family_name(uint32_t family);
const char *fy_socket_type_name(uint32_t type);
const char *fy_socket_protocol_name(uint32_t family, uint32_t type, uint32_t protocol);
const char *fy_socket_state_name(const struct fy_explore_socket *socket);

#endif
