/* Tasks: from the process tree, or when that is gone from the names of the images; and each one's own images. */
#include "model.h"
#include "page_bytes.h"

#include <criu/core.pb-c.h>
#include <criu/fs.pb-c.h>
#include <criu/mm.pb-c.h>
#include <criu/pstree.pb-c.h>
#include <criu/security.pb-c.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_SIZE 64

/* ---- which there are ---- */

static int add_task(struct fy_explore *explore, const struct fy_image_entry *entry, void *data, struct fy_error *err)
{
    const PstreeEntry *said = (const PstreeEntry *)entry->message;
    struct fy_explore_task task = {.pid = said->pid, .ppid = said->ppid, .pgid = said->pgid, .sid = said->sid};

    (void)data;
    if (said->n_threads > 0) {
        uint32_t *threads = malloc(said->n_threads * sizeof(*threads));
        if (!threads)
            return fy_error_set(err, FY_E_NOMEM, "no memory for an image set");
        memcpy(threads, said->threads, said->n_threads * sizeof(*threads));
        task.threads = threads;
        task.thread_count = said->n_threads;
    }
    if (vector_push(&explore->tasks, err, task) < 0) {
        free((void *)task.threads);
        return -1;
    }
    return 0;
}

static int compare_pids(const void *left, const void *right)
{
    const struct fy_explore_task *a = left, *b = right;

    return (a->pid > b->pid) - (a->pid < b->pid);
}

static bool is_of_task(const char *file_name, uint32_t *pid)
{
    uint64_t id;
    const struct fy_image_type *type = fy_catalogue_find(file_name, &id);

    if (!type || id > UINT32_MAX)
        return false;
    *pid = (uint32_t)id;
    return type->kind == FY_IMAGE_MM || type->kind == FY_IMAGE_IDS || type->kind == FY_IMAGE_FS ||
           type->kind == FY_IMAGE_PAGEMAP;
}

/* Without a process tree: whose images there are. Zombies are not found by that. */
static int add_by_names(struct fy_explore *explore, struct fy_error *err)
{
    int fd = openat(explore->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    struct fy_explore_task task = {0};
    size_t kept = 0;

    if (!dir) {
        result = fy_error_errno(err, errno, "reading the image directory");
        if (fd >= 0)
            (void)close(fd);
        return result;
    }
    while (result == 0 && (entry = readdir(dir)) != NULL)
        if (is_of_task(entry->d_name, &task.pid))
            result = vector_push(&explore->tasks, err, task);
    (void)closedir(dir);
    vector_sort(&explore->tasks, compare_pids);
    for (size_t i = 0; i < explore->tasks.count; i++)
        if (i == 0 || explore->tasks.items[i].pid != explore->tasks.items[i - 1].pid)
            explore->tasks.items[kept++] = explore->tasks.items[i];
    explore->tasks.count = kept;
    return result;
}

/* ---- what each one is ---- */

static void take_credentials(struct fy_explore_task *task, const CredsEntry *said)
{
    task->has_credentials = true;
    task->uid = said->uid;
    task->gid = said->gid;
    task->euid = said->euid;
    task->egid = said->egid;
}

static int see_core(struct fy_explore *explore, const struct fy_image_entry *entry, void *data, struct fy_error *err)
{
    const CoreEntry *core = (const CoreEntry *)entry->message;
    struct fy_explore_task *task = data;

    if (core->ids) {
        task->has_ids = true;
        task->table_id = core->ids->files_id;
    }
    if (core->thread_core && core->thread_core->creds)
        take_credentials(task, core->thread_core->creds);
    if (!core->tc)
        return fy_explore_note_trouble(explore, err, "core-%" PRIu32 ".img has nothing of the task, only of a thread",
                                       task->pid);
    task->state = (enum fy_task_state)core->tc->task_state;
    task->exit_code = core->tc->exit_code;
    task->comm = fy_explore_keep(explore, core->tc->comm, strnlen(core->tc->comm, MAX_PATH_BYTES), err);
    return task->comm ? 0 : -1;
}

static int see_credentials(struct fy_explore *explore, const struct fy_image_entry *entry, void *data,
                           struct fy_error *err)
{
    (void)explore;
    (void)err;
    take_credentials(data, (const CredsEntry *)entry->message);
    return 0;
}

static int see_ids(struct fy_explore *explore, const struct fy_image_entry *entry, void *data, struct fy_error *err)
{
    struct fy_explore_task *task = data;

    (void)explore;
    (void)err;
    task->has_ids = true;
    task->table_id = ((const TaskKobjIdsEntry *)entry->message)->files_id;
    return 0;
}

static int see_fs(struct fy_explore *explore, const struct fy_image_entry *entry, void *data, struct fy_error *err)
{
    const FsEntry *said = (const FsEntry *)entry->message;
    struct fy_explore_task *task = data;

    (void)explore;
    (void)err;
    task->has_fs = true;
    task->cwd_id = said->cwd_id;
    task->root_id = said->root_id;
    return 0;
}

struct mm_reader {
    struct fy_explore_task *task;
    VECTOR(struct fy_explore_mapping) mappings;
};

static int add_mapping(struct mm_reader *reader, const VmaEntry *said, struct fy_error *err)
{
    return vector_push(&reader->mappings, err,
                       (struct fy_explore_mapping){.start = said->start,
                                                   .end = said->end,
                                                   .offset_bytes = said->pgoff,
                                                   .object = said->shmid,
                                                   .protection = said->prot,
                                                   .flags = said->flags,
                                                   .status = said->status});
}

static int see_mm(struct fy_explore *explore, const struct fy_image_entry *entry, void *data, struct fy_error *err)
{
    const MmEntry *said = (const MmEntry *)entry->message;
    struct mm_reader *reader = data;
    struct fy_explore_task *task = reader->task;
    uint32_t page_bytes = fy_page_bytes_of_mm(said);

    task->has_mm = true;
    task->exe_id = said->exe_file_id;
    task->arguments_start = said->mm_arg_start;
    task->arguments_end = said->mm_arg_end;
    if (page_bytes)
        task->page_bytes = page_bytes;
    if (!(explore->parts & FY_EXPLORE_MAPPINGS))
        return 0;
    for (size_t i = 0; i < said->n_vmas; i++)
        if (add_mapping(reader, said->vmas[i], err) < 0)
            return -1;
    return 0;
}

/* Of images before mappings became part of the mm. */
static int see_mapping(struct fy_explore *explore, const struct fy_image_entry *entry, void *data, struct fy_error *err)
{
    (void)explore;
    return add_mapping(data, (const VmaEntry *)entry->message, err);
}

static int read_of_task(struct fy_explore *explore, struct fy_explore_task *task, const char *kind, bool must_exist,
                        entry_visit *visit, void *data, struct fy_error *err)
{
    char name[NAME_SIZE];

    (void)snprintf(name, sizeof(name), "%s-%" PRIu32 ".img", kind, task->pid);
    return fy_explore_read(explore, name, must_exist, visit, data, err);
}

static int load_mm(struct fy_explore *explore, struct fy_explore_task *task, struct fy_error *err)
{
    struct mm_reader reader = {.task = task};
    int result = read_of_task(explore, task, "mm", true, see_mm, &reader, err);

    if (result >= 0 && reader.mappings.count == 0 && (explore->parts & FY_EXPLORE_MAPPINGS))
        result = read_of_task(explore, task, "vmas", false, see_mapping, &reader, err);
    task->mappings = reader.mappings.items;
    task->mapping_count = reader.mappings.count;
    return result < 0 ? -1 : 0;
}

static int load_task(struct fy_explore *explore, struct fy_explore_task *task, struct fy_error *err)
{
    task->page_bytes = PAGE_BYTES_DEFAULT;
    if (read_of_task(explore, task, "core", true, see_core, task, err) < 0)
        return -1;
    if (task->state == FY_TASK_ZOMBIE) {
        task->thread_count = 0; /* CRIU leaves them uninitialised */
        return 0;
    }
    if (!task->has_credentials && read_of_task(explore, task, "creds", false, see_credentials, task, err) < 0)
        return -1;
    if (explore->parts & FY_EXPLORE_DESCRIPTORS) {
        if (read_of_task(explore, task, "ids", !task->has_ids && !explore->fdinfo_per_task, see_ids, task, err) < 0 ||
            read_of_task(explore, task, "fs", true, see_fs, task, err) < 0)
            return -1;
        if (explore->fdinfo_per_task) {
            task->has_ids = true;
            task->table_id = task->pid;
        }
    }
    if (explore->parts & (FY_EXPLORE_MAPPINGS | FY_EXPLORE_COMMANDS))
        return load_mm(explore, task, err);
    return 0;
}

int fy_explore_load_tasks(struct fy_explore *explore, struct fy_error *err)
{
    int there = fy_explore_read(explore, "pstree.img", true, add_task, NULL, err);

    if (there < 0 || (explore->tasks.count == 0 && add_by_names(explore, err) < 0))
        return -1;
    for (size_t i = 0; i < explore->tasks.count; i++)
        if (load_task(explore, &explore->tasks.items[i], err) < 0)
            return -1;
    return fy_explore_number_shared(explore, err);
}
