/* Facts about tasks: processor, page size, namespaces, ids. */
#include "facts_private.h"
#include <criu/core.pb-c.h>
#include <criu/mm.pb-c.h>
#include <criu/pstree.pb-c.h>
#include <ferry/base/cleanup.h>
#include <linux/auxvec.h>

/* vma_entry.status */
enum { VMA_FILE_PRIVATE = 1 << 6, VMA_FILE_SHARED = 1 << 7, VMA_MEMFD = 1 << 14 };

int fy_facts_pstree(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    const PstreeEntry *task = (const PstreeEntry *)message;

    (void)id;
    if (gathering->root_pid == 0)
        gathering->root_pid = task->pid;
    return fy_facts_number(gathering, &gathering->pids, task->pid, err);
}

/* A namespace of the root task that is not CRIU's own is part of the set. */
int fy_facts_ids(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    struct fy_namespace_ids task = fy_namespace_ids_from((const TaskKobjIdsEntry *)message);
    const struct fy_namespace_ids *criu = &gathering->criu_ids;
    const struct {
        const char *name;
        uint32_t of_task, of_criu;
    } kinds[] = {
        {"pid", task.pid, criu->pid},          {"net", task.net, criu->net},    {"ipc", task.ipc, criu->ipc},
        {"uts", task.uts, criu->uts},          {"mnt", task.mnt, criu->mnt},    {"user", task.user, criu->user},
        {"cgroup", task.cgroup, criu->cgroup}, {"time", task.time, criu->time},
    };
    Ferry__Manifest__Facts *facts = gathering->facts;

    if (id != gathering->root_pid || !gathering->has_criu_ids)
        return 0;
    for (size_t i = 0; i < FY_ARRAY_SIZE(kinds); i++)
        if (kinds[i].of_task != 0 && kinds[i].of_task != kinds[i].of_criu &&
            fy_facts_word(gathering, &facts->namespaces, &facts->n_namespaces, kinds[i].name, err) < 0)
            return -1;
    return 0;
}

static int take_credentials(struct gathering *gathering, const CredsEntry *creds, struct fy_error *err)
{
    Ferry__Manifest__Facts *facts = gathering->facts;

    if (creds->lsm_profile &&
        fy_facts_word(gathering, &facts->lsm_profiles, &facts->n_lsm_profiles, creds->lsm_profile, err) < 0)
        return -1;
    if (fy_facts_number(gathering, &gathering->uids, creds->uid, err) < 0 ||
        fy_facts_number(gathering, &gathering->uids, creds->euid, err) < 0 ||
        fy_facts_number(gathering, &gathering->uids, creds->suid, err) < 0 ||
        fy_facts_number(gathering, &gathering->gids, creds->gid, err) < 0 ||
        fy_facts_number(gathering, &gathering->gids, creds->egid, err) < 0)
        return -1;
    for (size_t i = 0; i < creds->n_groups; i++)
        if (fy_facts_number(gathering, &gathering->gids, creds->groups[i], err) < 0)
            return -1;
    return 0;
}

static Ferry__Manifest__Cpu *cpu_of(struct gathering *gathering, struct fy_error *err)
{
    Ferry__Manifest__Facts *facts = gathering->facts;

    if (!facts->cpu) {
        facts->cpu = malloc(sizeof(*facts->cpu));
        if (facts->cpu)
            ferry__manifest__cpu__init(facts->cpu);
        else
            (void)fy_error_set(err, FY_E_NOMEM, "no memory for the facts of an image set");
    }
    return facts->cpu;
}

/* Without cpuinfo.img, what the registers in use need is the least that is known. */
static int take_registers(struct gathering *gathering, const ThreadInfoX86 *info, struct fy_error *err)
{
    Ferry__Manifest__Cpu *cpu;

    if (!info || !info->fpregs->xsave)
        return 0;
    cpu = cpu_of(gathering, err);
    if (!cpu)
        return -1;
    cpu->has_xfeatures = true;
    cpu->xfeatures |= info->fpregs->xsave->xstate_bv;
    return 0;
}

static const char *architecture_name(CoreEntry__March march)
{
    static const char *const names[] = {
        [CORE_ENTRY__MARCH__X86_64] = "x86_64",
        [CORE_ENTRY__MARCH__ARM] = "arm",
        [CORE_ENTRY__MARCH__AARCH64] = "aarch64",
        [CORE_ENTRY__MARCH__PPC64] = "ppc64",
        [CORE_ENTRY__MARCH__S390] = "s390",
        [CORE_ENTRY__MARCH__MIPS] = "mips",
        [CORE_ENTRY__MARCH__LOONGARCH64] = "loongarch64",
        [CORE_ENTRY__MARCH__RISCV64] = "riscv64",
    };

    return (size_t)march < FY_ARRAY_SIZE(names) ? names[march] : NULL;
}

int fy_facts_core(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    const CoreEntry *core = (const CoreEntry *)message;
    Ferry__Manifest__Facts *facts = gathering->facts;

    if (!facts->architecture && fy_facts_text(&facts->architecture, architecture_name(core->mtype), err) < 0)
        return -1;
    if (fy_facts_number(gathering, &gathering->pids, (uint32_t)id, err) < 0 ||
        take_registers(gathering, core->thread_info, err) < 0)
        return -1;
    return core->thread_core && core->thread_core->creds ? take_credentials(gathering, core->thread_core->creds, err)
                                                         : 0;
}

/* The auxiliary vector has pairs of 64 bits, or of a 32-bit task both halves of a pair in one word. */
static uint32_t page_bytes_of(const MmEntry *mm)
{
    for (size_t i = 0; i < mm->n_mm_saved_auxv; i++) {
        uint64_t word = mm->mm_saved_auxv[i];
        uint64_t next = i + 1 < mm->n_mm_saved_auxv ? mm->mm_saved_auxv[i + 1] : 0;
        uint64_t found = i % 2 == 0 && word == AT_PAGESZ ? next : (word & UINT32_MAX) == AT_PAGESZ ? word >> 32 : 0;
        if (found >= 4096 && found <= 1u << 20 && (found & (found - 1)) == 0)
            return (uint32_t)found;
    }
    return 0;
}

int fy_facts_mm(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    const MmEntry *mm = (const MmEntry *)message;
    Ferry__Manifest__Facts *facts = gathering->facts;

    (void)id;
    if (!facts->has_page_bytes) {
        facts->page_bytes = page_bytes_of(mm);
        facts->has_page_bytes = facts->page_bytes != 0;
    }
    if (fy_facts_number(gathering, &gathering->mapped_ids, mm->exe_file_id, err) < 0)
        return -1;
    for (size_t i = 0; i < mm->n_vmas; i++) {
        uint32_t status = mm->vmas[i]->status;
        if (status & (VMA_FILE_PRIVATE | VMA_FILE_SHARED) && !(status & VMA_MEMFD) &&
            fy_facts_number(gathering, &gathering->mapped_ids, (uint32_t)mm->vmas[i]->shmid, err) < 0)
            return -1;
    }
    return 0;
}
