/* Facts about tasks: tree, threads, memory maps, places in the file system. */
#include "set.h"
#include <criu/core.pb-c.h>
#include <criu/files.pb-c.h>
#include <criu/fs.pb-c.h>
#include <criu/pstree.pb-c.h>

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

static bool has_registers(const CoreEntry *core)
{
    const void *const registers[] = {
        [CORE_ENTRY__MARCH__X86_64] = core->thread_info,
        [CORE_ENTRY__MARCH__ARM] = core->ti_arm,
        [CORE_ENTRY__MARCH__AARCH64] = core->ti_aarch64,
        [CORE_ENTRY__MARCH__PPC64] = core->ti_ppc64,
        [CORE_ENTRY__MARCH__S390] = core->ti_s390,
        [CORE_ENTRY__MARCH__MIPS] = core->ti_mips,
        [CORE_ENTRY__MARCH__LOONGARCH64] = core->ti_loongarch64,
        [CORE_ENTRY__MARCH__RISCV64] = core->ti_riscv64,
    };
    size_t march = (size_t)core->mtype;

    return march < sizeof(registers) / sizeof(registers[0]) && registers[march];
}

int fy_collect_core(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                    struct fy_error *err)
{
    const CoreEntry *core = (const CoreEntry *)entry->message;
    const ThreadInfoX86 *x86 = core->thread_info;

    if (fy_collect_core_edges(set, file, core, err) < 0)
        return -1;
    return vector_push(&set->cores, err,
                       (struct set_core){.file = file,
                                         .tid = (uint32_t)file->id,
                                         .march = (int)core->mtype,
                                         .task_state = core->tc ? core->tc->task_state : TASK_NOT_STATED,
                                         .signal_actions = core->tc ? core->tc->n_sigactions : 0,
                                         .has_task_core = core->tc != NULL,
                                         .has_thread_core = core->thread_core != NULL,
                                         .has_registers = has_registers(core),
                                         .is_32bit = x86 && x86->gpregs->mode == USER_X86_REGS_MODE__COMPAT});
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
