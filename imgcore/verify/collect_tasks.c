/* Facts about tasks: tree, threads, memory maps, places in the file system. */
#include "set.h"
#include <criu/core.pb-c.h>
#include <criu/files.pb-c.h>
#include <criu/fs.pb-c.h>
#include <criu/mm.pb-c.h>
#include <criu/pstree.pb-c.h>
#include <linux/auxvec.h>

/* vma_entry.status */
enum {
    VMA_FILE_PRIVATE = 1 << 6,
    VMA_FILE_SHARED = 1 << 7,
    VMA_ANON_SHARED = 1 << 8,
    VMA_SYSVIPC = 1 << 10,
    VMA_MEMFD = 1 << 14,
};

int fy_collect_pstree(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                      struct fy_error *err)
{
    const PstreeEntry *task = (const PstreeEntry *)entry->message;
    size_t first = set->threads.count;

    (void)file;
    for (size_t i = 0; i < task->n_threads; i++)
        if (vector_push(&set->threads, err, task->threads[i]) < 0)
            return -1;
    return vector_push(
        &set->tasks, err,
        (struct set_task){
            .pid = task->pid, .ppid = task->ppid, .first_thread = first, .thread_count = task->n_threads});
}

int fy_collect_core(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                    struct fy_error *err)
{
    const CoreEntry *core = (const CoreEntry *)entry->message;

    if (fy_collect_core_edges(set, file, core, err) < 0)
        return -1;
    return vector_push(&set->cores, err,
                       (struct set_core){.file = file,
                                         .tid = (uint32_t)file->id,
                                         .task_state = core->tc ? core->tc->task_state : TASK_NOT_STATED,
                                         .has_thread_core = core->thread_core != NULL,
                                         .is_32bit = core->thread_info &&
                                                     core->thread_info->gpregs->mode == USER_X86_REGS_MODE__COMPAT});
}

int fy_collect_ids(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                   struct fy_error *err)
{
    const TaskKobjIdsEntry *ids = (const TaskKobjIdsEntry *)entry->message;

    return vector_push(
        &set->ids, err,
        (struct set_ids){.pid = (uint32_t)file->id, .files_id = ids->files_id, .ns = fy_namespace_ids_from(ids)});
}

int fy_collect_fs(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                  struct fy_error *err)
{
    const FsEntry *fs = (const FsEntry *)entry->message;

    if (vector_push(&set->file_refs, err,
                    (struct set_file_ref){file, "the working directory", fs->cwd_id, FD_TYPES__REG}) < 0)
        return -1;
    return vector_push(&set->file_refs, err,
                       (struct set_file_ref){file, "the root directory", fs->root_id, FD_TYPES__REG});
}

static int collect_mapping(struct fy_set *set, const struct set_file *file, const VmaEntry *vma, struct fy_error *err)
{
    if (vma->status & (VMA_FILE_PRIVATE | VMA_FILE_SHARED)) {
        int type = vma->status & VMA_MEMFD ? FD_TYPES__MEMFD : FD_TYPES__REG;
        if (vma->shmid > UINT32_MAX) {
            fy_set_report(set, FY_FINDING_MAPPED_FILE_ID, file->name, "a mapped file has an id of more than 32 bits");
            return 0;
        }
        return vector_push(&set->file_refs, err, (struct set_file_ref){file, "a mapping", (uint32_t)vma->shmid, type});
    }
    if (vma->status & (VMA_ANON_SHARED | VMA_SYSVIPC))
        return vector_push(&set->image_refs, err,
                           (struct set_image_ref){file, "shared memory", FY_IMAGE_PAGEMAP_SHMEM, vma->shmid});
    return 0;
}

static struct set_mm page_sizes(const struct set_file *file, const MmEntry *mm)
{
    struct set_mm sizes = {.pid = (uint32_t)file->id};

    for (size_t i = 0; i < mm->n_mm_saved_auxv; i++) {
        uint64_t word = mm->mm_saved_auxv[i];
        if (i % 2 == 0 && word == AT_PAGESZ && i + 1 < mm->n_mm_saved_auxv)
            sizes.page_bytes_64bit = (uint32_t)mm->mm_saved_auxv[i + 1];
        if ((word & UINT32_MAX) == AT_PAGESZ)
            sizes.page_bytes_32bit = (uint32_t)(word >> 32);
    }
    return sizes;
}

int fy_collect_mm(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                  struct fy_error *err)
{
    const MmEntry *mm = (const MmEntry *)entry->message;

    if (vector_push(&set->mms, err, page_sizes(file, mm)) < 0 ||
        vector_push(&set->file_refs, err, (struct set_file_ref){file, "the program", mm->exe_file_id, FD_TYPES__REG}) <
            0)
        return -1;
    for (size_t i = 0; i < mm->n_vmas; i++)
        if (collect_mapping(set, file, mm->vmas[i], err) < 0)
            return -1;
    return 0;
}
