/* The memory of a task, or of a shared segment, as an image set holds it: which pages, and their bytes.
 *
 * A set keeps only pages that cannot be had otherwise: a page in no run is zero, or as in the file mapped there. Pages
 * that are in an older set are found through the link `parent` of each directory, level by level; only directories that
 * these links lead to are opened, and in them only regular files with the names that CRIU gives them.
 *
 * An opened memory does not change and holds its own descriptors; threads may read one at the same time. It takes 40
 * bytes a run, and no memory for pages. */
#ifndef FERRY_IMGCORE_MEMORY_H
#define FERRY_IMGCORE_MEMORY_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a set says about the memory it has: one of these for each pagemap image. */
struct fy_memory_id {
    bool is_shared; /* pagemap-shmem-ID.img, else pagemap-PID.img */
    uint64_t id;
};

enum fy_memory_kind {
    FY_MEMORY_STORED, /* the bytes are in a pages file */
    FY_MEMORY_LAZY,   /* still on the source, which was to be asked for them while the task runs */
    FY_MEMORY_LOST,   /* said to be in a parent set, and not found there */
};

/* Pages that follow each other, all of one kind and in one place. */
struct fy_memory_run {
    uint64_t address; /* of the first byte; in a shared segment, from its begin */
    uint64_t pages;
    enum fy_memory_kind kind;
    unsigned level;        /* the set they are in: 0 this one, 1 its parent and so on; LOST: the set that says so */
    uint64_t offset_bytes; /* in that set's pages file; STORED only */
};

struct fy_memory;

/* Every memory of the set, tasks first, by number; free() it. Errors: FY_E_IO, FY_E_NOMEM. */
int fy_memory_list(int dir_fd, struct fy_memory_id **ids, size_t *count, struct fy_error *err);

/* Opens one. FY_E_NOT_FOUND when this set has no such pagemap; FY_E_FORMAT when it is damaged or its runs are not in
 * ascending order; FY_E_UNSUPPORTED for compressed pages. What is wrong with parents or pages files does not stop it:
 * see fy_memory_trouble, runs of kind LOST, and fy_memory_read. */
int fy_memory_open(int dir_fd, const struct fy_memory_id *id, struct fy_memory **memory, struct fy_error *err);
void fy_memory_free(struct fy_memory *memory);
/* Why runs are LOST; FY_OK in it when nothing is wrong with the parents. */
const struct fy_error *fy_memory_trouble(const struct fy_memory *memory);

/* From the task's auxiliary vector; of a segment, and where there is none, from the size of the pages file; or 4096. */
uint32_t fy_memory_page_bytes(const struct fy_memory *memory);

/* Sorted by address, not overlapping; neighbours are not joined. */
size_t fy_memory_run_count(const struct fy_memory *memory);
const struct fy_memory_run *fy_memory_run(const struct fy_memory *memory, size_t index);
/* The first run that ends above `address`, which it contains or which lies before it; the count when there is none. */
size_t fy_memory_find(const struct fy_memory *memory, uint64_t address);

/* Reads what is stored from `address` on, up to `size` bytes, over the borders of runs that touch. *got is how many
 * bytes there were before the first that is not stored; 0 is no error. FY_E_FORMAT when a pages file is too short,
 * FY_E_NOT_FOUND when it is missing, FY_E_IO. */
int fy_memory_read(const struct fy_memory *memory, uint64_t address, void *buffer, size_t size, size_t *got,
                   struct fy_error *err);

#endif
