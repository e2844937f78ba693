/* The opened set, and what its loaders share.
 *
 *   explore.c       opening, troubles, asking
 *   load_tasks.c    process tree, cores, ids, fs, mm
 *   load_files.c    descriptor tables and open files, in today's and in the old images
 *   load_sockets.c  addresses, and what waits in queues
 *   tree.c, text.c, names.c, command_line.c, pages_of.c   answers */
#ifndef FERRY_EXPLORE_MODEL_H
#define FERRY_EXPLORE_MODEL_H

#include "vector.h"
#include <ferry/imgcore/explore.h>
#include <ferry/imgcore/image.h>

#define MAX_TROUBLES 100
#define MAX_PATH_BYTES 4096

struct table {
    struct fy_explore_table said;
    VECTOR(struct fy_explore_descriptor) descriptors;
    VECTOR(uint32_t) pids;
};

struct file {
    struct fy_explore_file said;
    size_t order;  /* in the image: of two with one id the first counts */
    size_t socket; /* index + 1 */
};

struct holder {
    int type;
    uint32_t file_id;
    struct fy_explore_holder said;
};

struct memfd_inode {
    uint64_t id;
    const char *name;
};

struct fy_explore {
    int dir_fd;
    unsigned parts;
    bool fdinfo_per_task; /* old sets: one table image a task, by its pid */
    bool tcp_close;
    bool is_pre_dump; /* all but memory is missing */
    VECTOR(char *) troubles;
    size_t more_troubles;
    VECTOR(struct fy_explore_task) tasks;
    VECTOR(struct table) tables;                  /* by id */
    VECTOR(struct file) files;                    /* by type and id */
    VECTOR(struct holder) holders;                /* by type, id, table, fd */
    VECTOR(struct fy_explore_holder) holder_list; /* the same order, as it is handed out */
    VECTOR(struct fy_explore_socket) sockets;
    VECTOR(struct memfd_inode) memfds; /* by id */
    VECTOR(char *) strings;            /* all that `said` parts point to */
};

/* Takes down a trouble; -1 only without memory. */
__attribute__((format(printf, 3, 4))) int fy_explore_note_trouble(struct fy_explore *explore, struct fy_error *err,
                                                                  const char *format, ...);

/* Sees one entry; -1 stops everything (no memory). */
typedef int entry_visit(struct fy_explore *explore, const struct fy_image_entry *entry, void *data,
                        struct fy_error *err);
/* Visits the entries of an image up to its end or its first damage, which is taken down. A file that is not there is
 * taken down when it `must_exist`. 1 when it is there, 0 when not, -1 without memory. */
int fy_explore_read(struct fy_explore *explore, const char *name, bool must_exist, entry_visit *visit, void *data,
                    struct fy_error *err);

/* A copy that lives as long as the set; NULL without memory. */
const char *fy_explore_keep(struct fy_explore *explore, const char *text, size_t size, struct fy_error *err);

/* Quoted-printable as crit has it, but without its line breaks; it lives as long as the set. */
const char *fy_explore_keep_quoted(struct fy_explore *explore, const uint8_t *data, size_t size, struct fy_error *err);

int fy_explore_load_tasks(struct fy_explore *explore, struct fy_error *err);
int fy_explore_load_files(struct fy_explore *explore, struct fy_error *err);
int fy_explore_load_sockets(struct fy_explore *explore, struct fy_error *err);
/* Adds the socket that is in a member of a files.img entry; *index is its place + 1. */
int fy_explore_add_socket(struct fy_explore *explore, int type, const ProtobufCMessage *member, size_t *index,
                          struct fy_error *err);
/* Numbers what is shared, by the order in which mappings show it first. */
int fy_explore_number_shared(struct fy_explore *explore, struct fy_error *err);
const char *fy_explore_memfd_name(const struct fy_explore *explore, uint64_t inode_id);

#endif
