/* What changed between two checkpoints of (mostly) the same workload: tasks, descriptors, mappings, memory by content.
 *
 * Tasks are matched by pid, descriptors by number, shared memory by what tasks map at the same place, else by number.
 * Pages are compared byte by byte, those in parent sets as well; memory for pages is constant, and the result is
 * proportional to the entries of the images.
 *
 * The rule for a page that a set does not hold: where memory of a task's own or shared memory is mapped it is all zero;
 * where a file is mapped it is as in the file, which is not here, so it is equal to no stored page; where nothing is
 * mapped there is no page. A page that neither set holds is not counted. */
#ifndef FERRY_IMGCORE_DIFF_H
#define FERRY_IMGCORE_DIFF_H

#include <ferry/base/error.h>
#include <ferry/imgcore/explore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pages, each of which is counted once. A receiver that has A needs `changed` and `only_b` to have B. */
struct fy_diff_pages {
    uint64_t equal;
    uint64_t changed;
    uint64_t zeroed;  /* had content in A, and is all zero in B */
    uint64_t only_a;  /* in B nothing is mapped there, or it is as in the file again */
    uint64_t only_b;  /* in A there was none, or it was all zero or as in the file */
    uint64_t unknown; /* one of the sets does not hold it: still on its source, or missing from a parent set */
};

/* Bits of what is different in a pair. */
enum {
    FY_DIFF_STATE = 1 << 0,   /* task: alive, stopped, zombie; socket: its state */
    FY_DIFF_COMMAND = 1 << 1, /* name, command line or program */
    FY_DIFF_PARENT = 1 << 2,
    FY_DIFF_THREADS = 1 << 3, /* how many */
    FY_DIFF_FILE = 1 << 4,    /* another file, or another kind of one */
    FY_DIFF_POSITION = 1 << 5,
    FY_DIFF_FLAGS = 1 << 6,
    FY_DIFF_SIZE = 1 << 7, /* mapping: its range */
    FY_DIFF_PROTECTION = 1 << 8,
};

/* `a` is NULL: opened; `b` is NULL: closed. Only those with a difference. Pipes and other files without a name are
 * compared by kind, since their numbers are different in every set. */
struct fy_diff_descriptor {
    const struct fy_explore_descriptor *a, *b;
    unsigned changes; /* FILE, POSITION, FLAGS, STATE */
};

/* `a` is NULL: new; `b` is NULL: gone. All mappings, sorted by address. */
struct fy_diff_mapping {
    const struct fy_explore_mapping *a, *b;
    unsigned changes; /* SIZE, PROTECTION */
    struct fy_diff_pages pages;
};

struct fy_diff_task {
    uint32_t pid;
    const struct fy_explore_task *a, *b; /* NULL: new, gone */
    unsigned changes;                    /* STATE, COMMAND, PARENT, THREADS */
    char *command_a, *command_b;         /* arguments with spaces between them; NULL: not known */
    struct fy_diff_descriptor *descriptors;
    size_t descriptor_count;
    struct fy_diff_mapping *mappings;
    size_t mapping_count;
    /* Both sets say what they are. If not (a pre-dump has memory only), new and gone ones mean nothing. */
    bool mappings_compared, descriptors_compared;
    uint32_t page_bytes;
    struct fy_diff_pages pages; /* of all mappings, and those of no mapping */
};

struct fy_diff_shared {
    bool in_a, in_b;
    uint64_t memory_a, memory_b; /* numbers of the shared memory in the sets */
    uint32_t page_bytes;
    struct fy_diff_pages pages;
};

struct fy_diff {
    struct fy_diff_task *tasks; /* by pid */
    size_t task_count;
    struct fy_diff_shared *shared;
    size_t shared_count;
    struct fy_diff_pages pages; /* of everything; of pages of different sizes each counts as one */
    uint64_t send_bytes;        /* what a receiver that has A needs to have B */
    uint64_t stored_bytes_b;    /* what it needs without A */
};

struct fy_diff_side {
    int dir_fd;
    const struct fy_explore *explore; /* with FY_EXPLORE_DESCRIPTORS, MAPPINGS and COMMANDS */
};

/* Errors: FY_E_NOMEM; FY_E_FORMAT, FY_E_NOT_FOUND, FY_E_IO when memory cannot be read, with "A: " or "B: " in front. A
 * missing pagemap of a live task is no error: its pages are those that the other set holds. The result points into both
 * explores and is to be given to fy_diff_done. */
int fy_diff_make(const struct fy_diff_side *a, const struct fy_diff_side *b, struct fy_diff *diff,
                 struct fy_error *err);
void fy_diff_done(struct fy_diff *diff);
/* Whether anything at all is different in a task: what is listed, or a page. */
bool fy_diff_task_differs(const struct fy_diff_task *task);
bool fy_diff_pages_differ(const struct fy_diff_pages *pages);

#endif
