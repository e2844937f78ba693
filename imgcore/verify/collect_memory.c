/* Facts about memory maps: mappings, what they are of, and how large shared segments are. */
#include "set.h"
#include "vma.h"
#include <criu/files.pb-c.h>
#include <criu/ipc.pb-c.h>
#include <criu/mm.pb-c.h>
#include <inttypes.h>
#include <linux/auxvec.h>

static int collect_segment(struct fy_set *set, uint64_t shmid, uint64_t size_bytes, struct fy_error *err)
{
    return vector_push(&set->segments, err, (struct set_segment){shmid, size_bytes});
}

/* A segment reaches at least as far as each of its mappings. */
static int collect_shared(struct fy_set *set, const struct set_file *file, const VmaEntry *vma, struct fy_error *err)
{
    uint64_t end;

    if (vma->end < vma->start || __builtin_add_overflow(vma->pgoff, vma->end - vma->start, &end))
        end = UINT64_MAX;
    if (collect_segment(set, vma->shmid, end, err) < 0)
        return -1;
    return vector_push(&set->image_refs, err,
                       (struct set_image_ref){file, "shared memory", FY_IMAGE_PAGEMAP_SHMEM, vma->shmid});
}

static int collect_reference(struct fy_set *set, const struct set_file *file, const VmaEntry *vma, struct fy_error *err)
{
    if (vma->status & (VMA_FILE_PRIVATE | VMA_FILE_SHARED)) {
        int type = vma->status & VMA_MEMFD ? FD_TYPES__MEMFD : FD_TYPES__REG;
        if (vma->shmid > UINT32_MAX) {
            fy_set_report(set, FY_FINDING_MAPPED_FILE_ID, file->name, "a mapped file has an id of more than 32 bits");
            return 0;
        }
        return vector_push(&set->file_refs, err, (struct set_file_ref){file, "a mapping", (uint32_t)vma->shmid, type});
    }
    return vma->status & (VMA_ANON_SHARED | VMA_SYSVIPC) ? collect_shared(set, file, vma, err) : 0;
}

/* Order and sense of a mapping are judged as it comes; only what is sound is kept for looking pages up. */
static int collect_mapping(struct fy_set *set, const struct set_file *file, const VmaEntry *vma, struct set_mm *mm,
                           struct fy_error *err)
{
    const struct set_vma *last = mm->vma_count ? &set->vmas.items[set->vmas.count - 1] : NULL;

    if (vma->start >= vma->end || (last && vma->start < last->end)) {
        fy_set_report(set, FY_FINDING_VMA_ORDER, file->name,
                      "the mapping 0x%" PRIx64 "-0x%" PRIx64 " is empty, or not behind the one before it", vma->start,
                      vma->end);
        mm->has_unsound_vmas = true;
    } else if (vector_push(&set->vmas, err, (struct set_vma){vma->start, vma->end, vma->status}) < 0) {
        return -1;
    } else {
        mm->vma_count++;
    }
    return collect_reference(set, file, vma, err);
}

static struct set_mm describe(const struct fy_set *set, const struct set_file *file, const MmEntry *mm)
{
    struct set_mm facts = {
        .file = file, .pid = (uint32_t)file->id, .first_vma = set->vmas.count, .auxv_words = mm->n_mm_saved_auxv};

    for (size_t i = 0; i < mm->n_mm_saved_auxv; i++) {
        uint64_t word = mm->mm_saved_auxv[i];
        if (i % 2 == 0 && word == AT_PAGESZ && i + 1 < mm->n_mm_saved_auxv)
            facts.page_bytes_64bit = (uint32_t)mm->mm_saved_auxv[i + 1];
        if ((word & UINT32_MAX) == AT_PAGESZ)
            facts.page_bytes_32bit = (uint32_t)(word >> 32);
    }
    return facts;
}

int fy_collect_mm(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                  struct fy_error *err)
{
    const MmEntry *mm = (const MmEntry *)entry->message;
    struct set_mm facts = describe(set, file, mm);

    if (vector_push(&set->file_refs, err, (struct set_file_ref){file, "the program", mm->exe_file_id, FD_TYPES__REG}) <
        0)
        return -1;
    for (size_t i = 0; i < mm->n_vmas; i++)
        if (collect_mapping(set, file, mm->vmas[i], &facts, err) < 0)
            return -1;
    return vector_push(&set->mms, err, facts);
}

/* Old sets have the mappings in an image of their own; CRIU reads that one when mm has none. */
int fy_collect_vma(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                   struct fy_error *err)
{
    /* In the order of their pids, as the files were read, and before this one. */
    const struct set_mm *found = fy_set_find_mm(set, (uint32_t)file->id);
    struct set_mm *mm = found ? &set->mms.items[found - set->mms.items] : NULL;

    if (!mm || (mm->vmas_from != file && (mm->vma_count > 0 || mm->has_unsound_vmas)))
        return 0;
    if (mm->vmas_from != file)
        mm->first_vma = set->vmas.count;
    mm->vmas_from = file;
    return collect_mapping(set, file, (const VmaEntry *)entry->message, mm, err);
}

int fy_collect_memfd_segment(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                             struct fy_error *err)
{
    const MemfdInodeEntry *inode = (const MemfdInodeEntry *)entry->message;

    return collect_segment(set, inode->shmid, inode->size, err) < 0 ? -1 : fy_collect_memfd(set, file, entry, err);
}

int fy_collect_ipc_segment_size(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                                struct fy_error *err)
{
    const IpcShmEntry *segment = (const IpcShmEntry *)entry->message;

    return collect_segment(set, segment->desc->id, segment->size, err) < 0
               ? -1
               : fy_collect_ipc_segment(set, file, entry, err);
}

int fy_collect_pagemap(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                       struct fy_error *err)
{
    return fy_page_map_take(&set->map, set->report, file->name, entry, err);
}
