/* Memory of a task out of a set and its parents: see ferry/imgcore/memory.h.
 *
 * Opening reads this set's pagemap; as long as runs remain that a parent has, the next directory is opened and those
 * runs are cut by what its pagemap says. The pages files stay open, one a level. */
#include <ferry/imgcore/memory.h>

#include "page_bytes.h"
#include "pagemap.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LEVELS 128 /* each may keep a file open */
#define PAGES_NAME_SIZE 32

struct level {
    dev_t device; /* of the directory, to notice a circle */
    ino_t inode;
    uint32_t pages_id;
    int pages_fd;           /* -1: could not be opened */
    uint64_t pages_bytes;   /* size of the file when it was opened */
    struct fy_error reason; /* why not */
};

struct fy_memory {
    char name[PAGEMAP_NAME_SIZE];
    uint32_t page_bytes;
    struct runs runs;
    struct level *levels[MAX_LEVELS];
    unsigned level_count;
    struct fy_error trouble;
};

/* ---- levels ---- */

static void open_pages(struct level *level, int dir_fd)
{
    char name[PAGES_NAME_SIZE];
    struct stat status;

    (void)snprintf(name, sizeof(name), "pages-%" PRIu32 ".img", level->pages_id);
    /* Not to hang on a FIFO; regular files do not care. */
    level->pages_fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (level->pages_fd < 0) {
        (void)fy_error_errno(&level->reason, errno, "%s", name);
        return;
    }
    if (fstat(level->pages_fd, &status) == 0 && S_ISREG(status.st_mode)) {
        level->pages_bytes = (uint64_t)status.st_size;
        return;
    }
    (void)fy_error_set(&level->reason, FY_E_FORMAT, "%s is not a regular file", name);
    (void)close(level->pages_fd);
    level->pages_fd = -1;
}

static struct level *add_level(struct fy_memory *memory, int dir_fd, const struct pagemap *pagemap,
                               struct fy_error *err)
{
    struct level *level = calloc(1, sizeof(*level));
    struct stat status;

    if (!level || fstat(dir_fd, &status) < 0) {
        free(level);
        (void)fy_error_set(err, FY_E_NOMEM, "no memory for %s", memory->name);
        return NULL;
    }
    level->device = status.st_dev;
    level->inode = status.st_ino;
    level->pages_id = pagemap->pages_id;
    level->pages_fd = -1;
    if (pagemap->stored_pages > 0)
        open_pages(level, dir_fd);
    memory->levels[memory->level_count++] = level;
    return level;
}

static bool is_circle(const struct fy_memory *memory, int dir_fd)
{
    struct stat status;

    if (fstat(dir_fd, &status) < 0)
        return true;
    for (unsigned i = 0; i < memory->level_count; i++)
        if (memory->levels[i]->device == status.st_dev && memory->levels[i]->inode == status.st_ino)
            return true;
    return false;
}

/* ---- parents ---- */

static int push_part(struct runs *runs, const struct run *from, uint64_t start, uint64_t end, uint32_t page_bytes,
                     struct fy_error *err)
{
    struct run part = *from;

    if (part.place.kind == FY_MEMORY_STORED)
        part.place.offset_bytes += start - part.place.address;
    part.place.address = start;
    part.place.pages = (end - start) / page_bytes;
    return vector_push(runs, err, part);
}

/* Cuts `wanted`, which is in a parent, by the runs of that parent from *next on. */
static int resolve_run(struct runs *runs, const struct run *wanted, const struct runs *parent, size_t *next,
                       uint32_t page_bytes, struct fy_error *err)
{
    uint64_t at = wanted->place.address, end = fy_pagemap_run_end(wanted, page_bytes);
    const struct run lost = {.place = {.kind = FY_MEMORY_LOST, .level = wanted->place.level}};

    while (*next < parent->count && fy_pagemap_run_end(&parent->items[*next], page_bytes) <= at)
        ++*next;
    while (at < end) {
        const struct run *source = *next < parent->count ? &parent->items[*next] : NULL;
        uint64_t stop = source ? source->place.address : end;
        if (stop > at) {
            stop = stop < end ? stop : end;
            if (push_part(runs, &lost, at, stop, page_bytes, err) < 0)
                return -1;
        } else {
            uint64_t source_end = fy_pagemap_run_end(source, page_bytes);
            stop = source_end < end ? source_end : end;
            if (push_part(runs, source, at, stop, page_bytes, err) < 0)
                return -1;
            *next += stop == source_end;
        }
        at = stop;
    }
    return 0;
}

static int resolve(struct fy_memory *memory, const struct runs *parent, struct fy_error *err)
{
    struct runs resolved = {0};
    size_t next = 0;
    int result = 0;

    for (size_t i = 0; result == 0 && i < memory->runs.count; i++) {
        const struct run *run = &memory->runs.items[i];
        result = run->in_parent ? resolve_run(&resolved, run, parent, &next, memory->page_bytes, err)
                                : vector_push(&resolved, err, *run);
    }
    if (result < 0) {
        free(resolved.items);
        return -1;
    }
    free(memory->runs.items);
    memory->runs = resolved;
    return 0;
}

static bool needs_parent(const struct fy_memory *memory)
{
    for (size_t i = 0; i < memory->runs.count; i++)
        if (memory->runs.items[i].in_parent)
            return true;
    return false;
}

/* One level down from `dir_fd`; *parent_fd is that directory, to be closed by the caller. */
static int descend(struct fy_memory *memory, int dir_fd, int *parent_fd, struct fy_error *err)
{
    struct pagemap pagemap = {0};
    int result;

    if (memory->level_count == MAX_LEVELS)
        return fy_error_set(err, FY_E_LIMIT, "parent: more than %d sets one after the other", MAX_LEVELS - 1);
    *parent_fd = openat(dir_fd, "parent", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*parent_fd < 0)
        return fy_error_errno(err, errno, "parent: cannot be opened, but %s says that pages are there", memory->name);
    if (is_circle(memory, *parent_fd))
        return fy_error_set(err, FY_E_FORMAT, "parent: the links lead in a circle");
    result = fy_pagemap_read(*parent_fd, memory->name, memory->level_count, &pagemap, err);
    if (result == 0)
        result = fy_pagemap_place(&pagemap, memory->name, memory->page_bytes, err);
    if (result == 0)
        result = add_level(memory, *parent_fd, &pagemap, err) ? resolve(memory, &pagemap.runs, err) : -1;
    fy_pagemap_done(&pagemap);
    return result < 0 ? fy_error_wrap(err, "parent set, %u down", memory->level_count) : 0;
}

/* What cannot be resolved stays LOST. */
static void follow_parents(struct fy_memory *memory, int dir_fd)
{
    int current_fd = dir_fd;

    while (needs_parent(memory)) {
        int parent_fd = -1;
        int result = descend(memory, current_fd, &parent_fd, &memory->trouble);
        if (current_fd != dir_fd)
            (void)close(current_fd);
        current_fd = parent_fd;
        if (result < 0)
            break;
    }
    if (current_fd != dir_fd && current_fd >= 0)
        (void)close(current_fd);
}

/* A parent that was read and does not have a page it should have is trouble too. */
static void note_lost(struct fy_memory *memory)
{
    for (size_t i = 0; i < memory->runs.count; i++) {
        const struct run *run = &memory->runs.items[i];
        if (run->place.kind == FY_MEMORY_LOST) {
            (void)fy_error_set(&memory->trouble, FY_E_FORMAT, "%s: the page at %#" PRIx64 " is not in the parent set",
                               memory->name, run->place.address);
            return;
        }
    }
}

/* ---- opening ---- */

static uint32_t find_page_bytes(const struct fy_memory *memory, int dir_fd, const struct fy_memory_id *id,
                                const struct pagemap *pagemap)
{
    uint32_t bytes = id->is_shared ? 0 : fy_page_bytes_of_task(dir_fd, id->id);

    if (!bytes)
        bytes = fy_page_bytes_of_file(memory->levels[0]->pages_bytes, pagemap->stored_pages);
    return bytes ? bytes : PAGE_BYTES_DEFAULT;
}

static int load(struct fy_memory *memory, int dir_fd, const struct fy_memory_id *id, struct fy_error *err)
{
    struct pagemap pagemap = {0};
    int result = -1;

    if (fy_pagemap_read(dir_fd, memory->name, 0, &pagemap, err) == 0 && add_level(memory, dir_fd, &pagemap, err)) {
        memory->page_bytes = find_page_bytes(memory, dir_fd, id, &pagemap);
        result = fy_pagemap_place(&pagemap, memory->name, memory->page_bytes, err);
        memory->runs = pagemap.runs;
        pagemap.runs = (struct runs){0};
    }
    fy_pagemap_done(&pagemap);
    return result;
}

int fy_memory_open(int dir_fd, const struct fy_memory_id *id, struct fy_memory **memory, struct fy_error *err)
{
    struct fy_memory *opened = calloc(1, sizeof(*opened));

    if (!opened)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a memory map");
    fy_pagemap_name(id, opened->name);
    if (load(opened, dir_fd, id, err) < 0) {
        fy_memory_free(opened);
        return -1;
    }
    follow_parents(opened, dir_fd);
    note_lost(opened);
    *memory = opened;
    return 0;
}

void fy_memory_free(struct fy_memory *memory)
{
    if (!memory)
        return;
    for (unsigned i = 0; i < memory->level_count; i++) {
        if (memory->levels[i]->pages_fd >= 0)
            (void)close(memory->levels[i]->pages_fd);
        free(memory->levels[i]);
    }
    free(memory->runs.items);
    free(memory);
}

/* ---- asking ---- */

const struct fy_error *fy_memory_trouble(const struct fy_memory *memory)
{
    return &memory->trouble;
}

uint32_t fy_memory_page_bytes(const struct fy_memory *memory)
{
    return memory->page_bytes;
}

size_t fy_memory_run_count(const struct fy_memory *memory)
{
    return memory->runs.count;
}

const struct fy_memory_run *fy_memory_run(const struct fy_memory *memory, size_t index)
{
    return &memory->runs.items[index].place;
}

size_t fy_memory_find(const struct fy_memory *memory, uint64_t address)
{
    size_t low = 0, high = memory->runs.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (fy_pagemap_run_end(&memory->runs.items[middle], memory->page_bytes) > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int read_stored(const struct fy_memory *memory, const struct fy_memory_run *run, uint64_t skip_bytes,
                       uint8_t *buffer, size_t size, struct fy_error *err)
{
    const struct level *level = memory->levels[run->level];
    uint64_t offset = run->offset_bytes + skip_bytes;

    if (level->pages_fd < 0) {
        fy_error_propagate(err, &level->reason);
        return -1;
    }
    while (size > 0) {
        ssize_t got = pread(level->pages_fd, buffer, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fy_error_errno(err, errno, "pages-%" PRIu32 ".img: read at byte %" PRIu64, level->pages_id, offset);
        if (got == 0)
            return fy_error_set(err, FY_E_FORMAT, "pages-%" PRIu32 ".img: ends at byte %" PRIu64 ", but %s goes on",
                                level->pages_id, offset, memory->name);
        buffer += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

int fy_memory_read(const struct fy_memory *memory, uint64_t address, void *buffer, size_t size, size_t *got,
                   struct fy_error *err)
{
    size_t done = 0;

    for (size_t i = fy_memory_find(memory, address); i < memory->runs.count && done < size; i++) {
        const struct run *run = &memory->runs.items[i];
        uint64_t at = address + done, left = fy_pagemap_run_end(run, memory->page_bytes) - at;
        size_t part = left < size - done ? (size_t)left : size - done;
        if (run->place.address > at || run->place.kind != FY_MEMORY_STORED)
            break;
        if (read_stored(memory, &run->place, at - run->place.address, (uint8_t *)buffer + done, part, err) < 0)
            return -1;
        done += part;
    }
    *got = done;
    return 0;
}
