/* Reads a pagemap image into runs, and checks what the rest relies on: order, and sums that do not overflow. */
#include "pagemap.h"

#include <ferry/imgcore/image.h>
#include <inttypes.h>
#include <stdio.h>

void fy_pagemap_name(const struct fy_memory_id *id, char name[PAGEMAP_NAME_SIZE])
{
    (void)snprintf(name, PAGEMAP_NAME_SIZE, id->is_shared ? "pagemap-shmem-%" PRIu64 ".img" : "pagemap-%" PRIu64 ".img",
                   id->id);
}

uint64_t fy_pagemap_count(const PagemapEntry *entry)
{
    /* CRIU until 4.1 counts in one field, from 4.2 in another and writes 0 to the first. */
    return entry->has_nr_pages ? entry->nr_pages : entry->compat_nr_pages;
}

uint32_t fy_pagemap_flags(const PagemapEntry *entry)
{
    if (entry->in_parent)
        return entry->flags | PAGE_PARENT;
    return entry->has_flags ? entry->flags : PAGE_PRESENT;
}

static int add_run(struct pagemap *pagemap, const char *name, const struct fy_image_entry *entry, unsigned level,
                   struct fy_error *err)
{
    const PagemapEntry *said = (const PagemapEntry *)entry->message;
    uint32_t flags = fy_pagemap_flags(said);
    struct run run = {.place = {.address = said->vaddr, .pages = fy_pagemap_count(said), .level = level}};

    if ((flags & ~(uint32_t)(PAGE_PARENT | PAGE_LAZY | PAGE_PRESENT)) != 0 || said->base.n_unknown_fields > 0) {
        (void)fy_error_set(err, FY_E_UNSUPPORTED,
                           "%s: entry %" PRIu64 " at byte %" PRIu64 " describes compressed pages", name, entry->number,
                           entry->offset_bytes);
        return fy_error_next(err, "Dump without compression, or use a version of ferry that knows it.");
    }
    run.in_parent = flags & PAGE_PARENT;
    run.place.kind = run.in_parent ? FY_MEMORY_LOST : flags & PAGE_PRESENT ? FY_MEMORY_STORED : FY_MEMORY_LAZY;
    if (run.place.kind == FY_MEMORY_STORED) {
        run.place.offset_bytes = pagemap->stored_pages;
        if (__builtin_add_overflow(pagemap->stored_pages, run.place.pages, &pagemap->stored_pages))
            return fy_error_set(err, FY_E_FORMAT, "%s: entry %" PRIu64 " at byte %" PRIu64 " has too many pages", name,
                                entry->number, entry->offset_bytes);
    }
    return run.place.pages ? vector_push(&pagemap->runs, err, run) : 0;
}

int fy_pagemap_read(int dir_fd, const char *name, unsigned level, struct pagemap *pagemap, struct fy_error *err)
{
    struct fy_image *image = NULL;
    struct fy_image_entry entry;
    int result;

    *pagemap = (struct pagemap){0};
    if (fy_image_open(dir_fd, name, NULL, &image, err) < 0)
        return -1;
    while ((result = fy_image_next(image, &entry, err)) > 0) {
        if (entry.number == 0)
            pagemap->pages_id = ((const PagemapHead *)entry.message)->pages_id;
        else if (add_run(pagemap, name, &entry, level, err) < 0)
            break;
    }
    fy_image_free(image);
    return result == 0 ? 0 : -1;
}

int fy_pagemap_place(struct pagemap *pagemap, const char *name, uint32_t page_bytes, struct fy_error *err)
{
    uint64_t previous_end = 0, bytes, end;

    if (__builtin_mul_overflow(pagemap->stored_pages, page_bytes, &bytes) || bytes > INT64_MAX)
        return fy_error_set(err, FY_E_FORMAT, "%s: has more pages than a file can hold", name);
    for (size_t i = 0; i < pagemap->runs.count; i++) {
        struct run *run = &pagemap->runs.items[i];
        if (run->place.address % page_bytes != 0)
            return fy_error_set(err, FY_E_FORMAT, "%s: pages at %#" PRIx64 " do not begin where a page can", name,
                                run->place.address);
        if (__builtin_mul_overflow(run->place.pages, page_bytes, &bytes) ||
            __builtin_add_overflow(run->place.address, bytes, &end))
            return fy_error_set(err, FY_E_FORMAT, "%s: pages from %#" PRIx64 " on reach over the end of memory", name,
                                run->place.address);
        if (run->place.address < previous_end)
            return fy_error_set(err, FY_E_FORMAT, "%s: pages from %#" PRIx64 " on lie not above those before them",
                                name, run->place.address);
        previous_end = end;
        run->place.offset_bytes *= page_bytes;
    }
    return 0;
}

uint64_t fy_pagemap_run_end(const struct run *run, uint32_t page_bytes)
{
    return run->place.address + run->place.pages * page_bytes;
}

void fy_pagemap_done(struct pagemap *pagemap)
{
    free(pagemap->runs.items);
    *pagemap = (struct pagemap){0};
}
