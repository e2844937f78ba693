/* Damage to memory: pagemaps, pages and mappings. */
#include "damage.h"
#include <criu/mm.pb-c.h>
#include <criu/pagemap.pb-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
/* Above every address that a task can map, and below where the kernel's own begin. */
#define BEYOND 0x7ffffffff000u

static void pagemap_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_PAGEMAP);
}

/* The pages of shared memory that nobody wrote to have no image. */
static void shmem_pagemap_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_PAGEMAP_SHMEM);
}

static void resize_pages(struct trial *trial, long by_bytes)
{
    const struct shop_file *file;

    for (size_t i = 0; (file = shop_next(trial->shop, FY_IMAGE_PAGES, &i)) != NULL;) {
        int fd = openat(trial->shop->fd, file->name, O_WRONLY | O_CLOEXEC);
        off_t size = by_bytes < -(long)file->whole.size ? 0 : (off_t)file->whole.size + by_bytes;
        if (fd < 0 || ftruncate(fd, size) < 0)
            die("%s/%s cannot be resized", trial->shop->path, file->name);
        (void)close(fd);
        if ((size_t)size != file->whole.size)
            trial_judge(trial, file);
    }
}

static void pages_short(struct trial *trial)
{
    resize_pages(trial, -1);
    resize_pages(trial, -(long)PAGE_BYTES);
    resize_pages(trial, -(1l << 40));
}

static void pages_long(struct trial *trial)
{
    resize_pages(trial, 1);
    resize_pages(trial, PAGE_BYTES);
}

static void pages_missing(struct trial *trial)
{
    const struct shop_file *file;

    for (size_t i = 0; (file = shop_next(trial->shop, FY_IMAGE_PAGES, &i)) != NULL;)
        if (file->whole.size > 0) {
            shop_remove(trial->shop, file->name);
            trial_judge(trial, file);
        }
}

/* A change of pagemap entries, in the maps of tasks and of shared memory. */
static void change_maps(struct trial *trial, entry_change *change)
{
    damage_change(trial, FY_IMAGE_PAGEMAP, change);
    damage_change(trial, FY_IMAGE_PAGEMAP_SHMEM, change);
}

static bool without_its_end(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    const PagemapEntry *run = (const PagemapEntry *)message;

    (void)trial;
    return number > 0 && (!run->has_flags || run->flags & 4);
}

/* A run with pages is left out: of the last one it is as if the file had been cut there. */
static void run_left_out(struct trial *trial)
{
    damage_leave_out(trial, FY_IMAGE_PAGEMAP, without_its_end);
    damage_leave_out(trial, FY_IMAGE_PAGEMAP_SHMEM, without_its_end);
}

static bool any_run(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)message, (void)trial;
    return number > 0;
}

static void run_twice(struct trial *trial)
{
    damage_repeat(trial, FY_IMAGE_PAGEMAP, any_run);
    damage_repeat(trial, FY_IMAGE_PAGEMAP_SHMEM, any_run);
}

static bool at_zero(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)trial;
    if (number < 2)
        return false; /* the first may stand there */
    ((PagemapEntry *)message)->vaddr = 0;
    return true;
}

static void runs_unsorted(struct trial *trial)
{
    change_maps(trial, at_zero);
}

static bool unaligned(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)trial;
    if (number > 0)
        ((PagemapEntry *)message)->vaddr += 16;
    return number > 0;
}

static void runs_unaligned(struct trial *trial)
{
    change_maps(trial, unaligned);
}

static bool without_pages(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    PagemapEntry *run = (PagemapEntry *)message;

    (void)trial;
    if (number == 0)
        return false;
    run->nr_pages = 0;
    run->compat_nr_pages = 0;
    return true;
}

static void run_empty(struct trial *trial)
{
    change_maps(trial, without_pages);
}

static bool with_a_page_more(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    PagemapEntry *run = (PagemapEntry *)message;

    (void)trial;
    if (number == 0 || (run->has_flags && !(run->flags & 4)))
        return false;
    run->nr_pages += run->has_nr_pages ? 1 : 0;
    run->compat_nr_pages += run->has_nr_pages ? 0 : 1;
    return true;
}

static void run_too_long(struct trial *trial)
{
    change_maps(trial, with_a_page_more);
}

static bool with_odd_flags(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    PagemapEntry *run = (PagemapEntry *)message;

    (void)trial;
    if (number == 0 || !run->has_flags)
        return false;
    run->flags = 0;
    return true;
}

static void run_of_no_kind(struct trial *trial)
{
    change_maps(trial, with_odd_flags);
}

static unsigned note_last(ProtobufCMessage *message, uint64_t number, void *context)
{
    (void)message;
    *(uint64_t *)context = number;
    return 0;
}

static unsigned move_last(ProtobufCMessage *message, uint64_t number, void *context)
{
    if (number == *(uint64_t *)context)
        ((PagemapEntry *)message)->vaddr = BEYOND;
    return 1;
}

static void move_last_run(struct trial *trial, enum fy_image_kind kind)
{
    const struct shop_file *file;

    for (size_t i = 0; (file = shop_next(trial->shop, kind, &i)) != NULL;) {
        uint64_t last = 0;
        shop_look(trial->shop, file, note_last, &last);
        if (last > 0 && shop_edit(trial->shop, file, move_last, &last))
            trial_judge(trial, file);
    }
}

static void run_outside(struct trial *trial)
{
    move_last_run(trial, FY_IMAGE_PAGEMAP);
}
static void run_outside_segment(struct trial *trial)
{
    move_last_run(trial, FY_IMAGE_PAGEMAP_SHMEM);
}

static bool of_other_pages(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)trial;
    if (number > 0)
        return false;
    ((PagemapHead *)message)->pages_id = NOWHERE;
    return true;
}

static void pages_unknown(struct trial *trial)
{
    const struct shop_file *file;

    /* A map without pages needs no pages image. */
    for (size_t i = 0; (file = shop_next(trial->shop, FY_IMAGE_PAGES, &i)) != NULL;)
        if (file->whole.size == 0)
            return;
    change_maps(trial, of_other_pages);
}

static bool overlapping(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    MmEntry *mm = (MmEntry *)message;

    (void)number, (void)trial;
    if (mm->n_vmas < 2)
        return false;
    mm->vmas[0]->end = mm->vmas[1]->start + PAGE_BYTES;
    return true;
}

static void mappings_overlap(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_MM, overlapping);
}

static bool upside_down(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    MmEntry *mm = (MmEntry *)message;

    (void)number, (void)trial;
    if (mm->n_vmas == 0)
        return false;
    mm->vmas[mm->n_vmas - 1]->end = mm->vmas[mm->n_vmas - 1]->start;
    return true;
}

static void mapping_empty(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_MM, upside_down);
}

const struct damage damages_of_memory[] = {
    {"pagemap missing", "fails", pagemap_missing},
    {"shared memory's pagemap missing", "loses memory", shmem_pagemap_missing},
    {"pages short", "hangs", pages_short},
    {"pages long", "wrong memory", pages_long},
    {"pages missing", "fails late", pages_missing},
    {"pages unknown", "fails late", pages_unknown},
    {"run of pages left out", "wrong memory", run_left_out},
    {"run of pages twice", "fails", run_twice},
    {"run too long", "wrong memory", run_too_long},
    {"run empty", "fails", run_empty},
    {"run of no kind", "wrong memory", run_of_no_kind},
    {"runs unsorted", "fails", runs_unsorted},
    {"runs unaligned", "fails", runs_unaligned},
    {"run outside all mappings", "fails late", run_outside},
    {"run outside the segment", "wrong memory", run_outside_segment},
    {"mappings overlap", "fails late", mappings_overlap},
    {"mapping of no length", "fails late", mapping_empty},
    {0},
};
