/* A mapping names its shared memory itself, or names a memory file, whose inode in memfd.img names it. */
#include "shared_views.h"

#include <criu/files.pb-c.h>
#include <criu/memfd.pb-c.h>
#include <ferry/imgcore/image.h>

struct memory_file {
    uint64_t inode;
    uint64_t memory;
};
typedef VECTOR(struct memory_file) memory_files;

static int compare_files(const void *left, const void *right)
{
    const struct memory_file *a = left, *b = right;
    return (a->inode > b->inode) - (a->inode < b->inode);
}

/* A missing or damaged memfd.img only leaves us without knowing who maps what. */
static int load_files(int dir_fd, memory_files *files, struct fy_error *err)
{
    struct fy_image *image = NULL;
    struct fy_image_entry entry;
    int status = 0;
    if (fy_image_open(dir_fd, "memfd.img", NULL, &image, NULL) < 0)
        return 0;
    while (status == 0 && fy_image_next(image, &entry, NULL) > 0) {
        const MemfdInodeEntry *inode = (const MemfdInodeEntry *)entry.message;
        status = vector_push(files, err, (struct memory_file){inode->inode_id, inode->shmid});
    }
    fy_image_free(image);
    vector_sort(files, compare_files);
    return status;
}

/* Whether the mapping shows shared memory, and which. */
static bool memory_of(const struct fy_explore *explore, const memory_files *files,
                      const struct fy_explore_mapping *mapping, uint64_t *memory)
{
    if (mapping->status & (FY_MAPPING_ANON_SHARED | FY_MAPPING_SYSV)) {
        *memory = mapping->object;
        return true;
    }
    if (!(mapping->status & FY_MAPPING_MEMFD) || mapping->object > UINT32_MAX)
        return false;
    const struct fy_explore_file *file = fy_explore_find_file(explore, FD_TYPES__MEMFD, (uint32_t)mapping->object);
    if (!file)
        return false;
    const struct memory_file key = {file->number, 0};
    const struct memory_file *found = vector_find(files, &key, compare_files);
    if (found)
        *memory = found->memory;
    return found != NULL;
}

static int compare_views(const void *left, const void *right)
{
    const struct shared_view *a = left, *b = right;
    if (a->memory != b->memory)
        return a->memory < b->memory ? -1 : 1;
    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    return (a->mapping->start > b->mapping->start) - (a->mapping->start < b->mapping->start);
}

static int collect(const struct fy_explore *explore, const memory_files *files, shared_views *views,
                   struct fy_error *err)
{
    for (size_t i = 0; i < fy_explore_task_count(explore); i++) {
        const struct fy_explore_task *task = fy_explore_task(explore, i);
        for (size_t j = 0; j < task->mapping_count; j++) {
            struct shared_view view = {.pid = task->pid, .mapping = &task->mappings[j]};
            if (memory_of(explore, files, view.mapping, &view.memory) && vector_push(views, err, view) < 0)
                return -1;
        }
    }
    vector_sort(views, compare_views);
    return 0;
}

int fy_shared_views_make(int dir_fd, const struct fy_explore *explore, shared_views *views, struct fy_error *err)
{
    memory_files files = {0};
    shared_views made = {0};
    int status = load_files(dir_fd, &files, err) < 0 ? -1 : collect(explore, &files, &made, err);
    free(files.items);
    if (status < 0) {
        free(made.items);
        return -1;
    }
    *views = made;
    return 0;
}

size_t fy_shared_views_find(const shared_views *views, uint64_t memory)
{
    size_t low = 0, high = views->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (views->items[middle].memory < memory)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct shared_view *fy_shared_views_of(const shared_views *views, uint64_t memory, uint64_t offset)
{
    for (size_t i = fy_shared_views_find(views, memory); i < views->count && views->items[i].memory == memory; i++) {
        const struct fy_explore_mapping *mapping = views->items[i].mapping;
        if (offset >= mapping->offset_bytes && offset - mapping->offset_bytes < mapping->end - mapping->start)
            return &views->items[i];
    }
    return NULL;
}
