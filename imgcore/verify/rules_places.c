/* Rules about where pages belong: those of a task into its private mappings, those of a segment into its size, and
 * about the mappings themselves. CRIU gives up late on a page that belongs nowhere, and leaves out what is behind the
 * end of a segment. */
#include "set.h"
#include "vma.h"
#include <inttypes.h>

/* As CRIU decides it (vma_entry_is_private): what it brings back page by page. */
static bool takes_pages(const struct set_vma *vma)
{
    return (vma->status & VMA_AIO_RING) ||
           ((vma->status & VMA_REGULAR) && (vma->status & (VMA_ANON_PRIVATE | VMA_FILE_PRIVATE)));
}

/* A run may go on from one mapping into the next. `*at` is where the search begins, and is moved on. NULL: all pages of
 * the run have their place; else what is wrong with the page at `*address`. */
static const char *find_place(const struct fy_set *set, const struct set_mm *mm, size_t *at, uint64_t end,
                              uint64_t *address)
{
    const struct set_vma *vmas = set->vmas.items + mm->first_vma;

    while (*address < end) {
        while (*at < mm->vma_count && vmas[*at].end <= *address)
            ++*at;
        if (*at == mm->vma_count || vmas[*at].start > *address)
            return "in no mapping";
        if (!takes_pages(&vmas[*at]))
            return "in a mapping that is not private";
        *address = vmas[*at].end;
    }
    return NULL;
}

static void check_mappings(const struct fy_set *set, const struct set_file *file, const struct set_mm *mm,
                           uint32_t page_bytes)
{
    size_t at = 0;

    for (size_t i = 0; i < set->map.runs.count; i++) {
        const struct page_run *run = &set->map.runs.items[i];
        uint64_t address = run->address;
        const char *fault = find_place(set, mm, &at, page_run_end(run, page_bytes), &address);
        if (fault)
            fy_set_report_entry(set, FY_FINDING_PAGE_PLACE, file->name, i + 1, "the page at 0x%" PRIx64 " is %s of %s",
                                address, fault, mm->file->name);
    }
}

static int compare_segments(const void *left, const void *right)
{
    const struct set_segment *a = left, *b = right;
    if (a->shmid != b->shmid)
        return a->shmid < b->shmid ? -1 : 1;
    return (a->size_bytes > b->size_bytes) - (a->size_bytes < b->size_bytes);
}

void fy_rules_sort_segments(struct fy_set *set)
{
    vector_sort(&set->segments, compare_segments);
}

/* The largest size that anything says the segment has. */
static bool find_segment(const struct fy_set *set, uint64_t shmid, uint64_t *size_bytes)
{
    size_t low = 0, high = set->segments.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->segments.items[middle].shmid <= shmid)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || set->segments.items[low - 1].shmid != shmid)
        return false;
    *size_bytes = set->segments.items[low - 1].size_bytes;
    return true;
}

static void check_segment(const struct fy_set *set, const struct set_file *file, uint32_t page_bytes)
{
    const struct page_run *last = set->map.runs.count ? &set->map.runs.items[set->map.runs.count - 1] : NULL;
    uint64_t size_bytes;

    if (!last || !find_segment(set, file->id, &size_bytes) || size_bytes > UINT64_MAX - page_bytes)
        return;
    size_bytes = (size_bytes + page_bytes - 1) / page_bytes * page_bytes;
    if (page_run_end(last, page_bytes) > size_bytes)
        fy_set_report_entry(set, FY_FINDING_SEGMENT_SIZE, file->name, set->map.runs.count,
                            "has pages to 0x%" PRIx64 ", but the segment ends at 0x%" PRIx64,
                            page_run_end(last, page_bytes), size_bytes);
}

static void check_alignment(const struct fy_set *set, const struct set_mm *mm, uint32_t page_bytes)
{
    for (size_t i = 0; i < mm->vma_count; i++) {
        const struct set_vma *vma = &set->vmas.items[mm->first_vma + i];
        if ((vma->start | vma->end) & (page_bytes - 1))
            fy_set_report(set, FY_FINDING_VMA_ALIGNMENT, mm->file->name,
                          "the mapping 0x%" PRIx64 "-0x%" PRIx64 " is not one of whole pages", vma->start, vma->end);
    }
}

void fy_rules_places(const struct fy_set *set, const struct set_file *file, uint32_t page_bytes)
{
    const struct set_mm *mm;

    if (file->type->kind == FY_IMAGE_PAGEMAP_SHMEM) {
        check_segment(set, file, page_bytes);
        return;
    }
    mm = fy_set_find_mm(set, (uint32_t)file->id);
    if (!mm || mm->file->is_damaged || (mm->vmas_from && mm->vmas_from->is_damaged))
        return;
    check_alignment(set, mm, page_bytes);
    if (!mm->has_unsound_vmas)
        check_mappings(set, file, mm, page_bytes);
}
