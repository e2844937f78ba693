/* One planted damage for each finding about memory: mappings, pagemaps, pages, segments, and the levels before. */
#include "expect.h"
#include <criterion/criterion.h>
#include <criu/mm.pb-c.h>
#include <criu/pagemap.pb-c.h>
#include <fcntl.h>
#include <linux/auxvec.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scratch set;

static void take(const char *name)
{
    if (set.path[0])
        scratch_done(&set);
    scratch_copy(&set, name);
}

static void end(void)
{
    if (set.path[0])
        scratch_done(&set);
    set.path[0] = '\0';
}

TestSuite(set_memory, .fini = end);

enum mm_change { ODD_PAGES, LONG_AUXV, SWAPPED, CROOKED, FAR_FILE };

static unsigned change_mm(ProtobufCMessage *message, size_t number, void *context)
{
    static uint64_t auxv[64];
    MmEntry *mm = (MmEntry *)message;
    VmaEntry *first = mm->vmas[0];

    (void)number;
    switch (*(enum mm_change *)context) {
    case ODD_PAGES:
        for (size_t i = 0; i + 1 < mm->n_mm_saved_auxv; i += 2)
            if (mm->mm_saved_auxv[i] == AT_PAGESZ)
                mm->mm_saved_auxv[i + 1] = 5000;
        break;
    case LONG_AUXV:
        memcpy(auxv, mm->mm_saved_auxv, mm->n_mm_saved_auxv * sizeof(auxv[0]));
        mm->mm_saved_auxv = auxv;
        mm->n_mm_saved_auxv = 64;
        break;
    case SWAPPED:
        mm->vmas[0] = mm->vmas[1];
        mm->vmas[1] = first;
        break;
    case CROOKED:
        first->start++;
        break;
    case FAR_FILE:
        first->shmid += (uint64_t)1 << 32;
        break;
    }
    return 1;
}

static void damage_mm(enum mm_change change)
{
    take("tcp");
    scratch_edit(&set, "mm-68.img", change_mm, &change);
}

Test(set_memory, mappings)
{
    damage_mm(ODD_PAGES);
    expect_only(FY_FINDING_PAGE_SIZE, &set, "pagemap-", "5000 bytes is not a power of two");
    damage_mm(LONG_AUXV);
    expect_only(FY_FINDING_AUXV, &set, "mm-68.img", "64 words");
    damage_mm(SWAPPED);
    expect_only(FY_FINDING_VMA_ORDER, &set, "mm-68.img", "not behind the one before it");
    damage_mm(CROOKED);
    expect_finding(FY_FINDING_VMA_ALIGNMENT, &set, "mm-68.img", "not one of whole pages");
    damage_mm(FAR_FILE);
    expect_finding(FY_FINDING_MAPPED_FILE_ID, &set, "mm-68.img", "more than 32 bits");
}

/* Moves the mappings into an image of their own, as CRIU did once. */
static unsigned split_mm(ProtobufCMessage *message, size_t number, void *context)
{
    struct made *vmas = context;
    MmEntry *mm = (MmEntry *)message;

    (void)number;
    made_magic(vmas, 0x54123737);
    for (size_t i = 0; i < mm->n_vmas; i++)
        made_entry(vmas, mm->vmas[i]);
    mm->n_vmas = 0;
    return 1;
}

Test(set_memory, mappings_in_an_image_of_their_own)
{
    static struct made vmas;

    take("tcp");
    scratch_edit(&set, "mm-68.img", split_mm, &vmas);
    scratch_write(&set, "vmas-68.img", vmas.data, vmas.size);
    expect_whole(&set, 0);
    scratch_resize(&set, "vmas-68.img", vmas.size - 1);
    expect_only(FY_FINDING_ENTRY_DAMAGED, &set, "vmas-68.img", "the file ends");
    scratch_resize(&set, "vmas-68.img", vmas.size / 2);
    expect_only(FY_FINDING_ENTRY_DAMAGED, &set, "vmas-68.img", "the file ends");
    scratch_remove(&set, "vmas-68.img");
    expect_finding(FY_FINDING_PAGE_PLACE, &set, "pagemap-68.img", "in no mapping");
}

/* Adds to the address, and sets the flags and the number of pages if they are not 0. */
struct run_change {
    size_t entry;
    int64_t address;
    uint32_t flags;
    uint64_t pages;
};

static unsigned change_run(ProtobufCMessage *message, size_t number, void *context)
{
    const struct run_change *change = context;
    PagemapEntry *run = (PagemapEntry *)message;

    if (number != change->entry)
        return 1;
    run->vaddr += (uint64_t)change->address;
    run->has_flags = run->has_flags || change->flags;
    run->flags = change->flags ? change->flags : run->flags;
    run->has_nr_pages = true;
    run->nr_pages = change->pages ? change->pages : run->nr_pages;
    return 1;
}

static void damage_run(struct run_change change)
{
    take("tcp");
    scratch_edit(&set, "pagemap-68.img", change_run, &change);
}

static unsigned no_pages(ProtobufCMessage *message, size_t number, void *context)
{
    (void)context;
    if (number == 2)
        ((PagemapEntry *)message)->nr_pages = 0;
    return 1;
}

Test(set_memory, pagemaps)
{
    damage_run((struct run_change){1, 0, 12, 0});
    expect_only(FY_FINDING_PAGEMAP_COMPRESSED, &set, "pagemap-68.img", "compressed");
    damage_run((struct run_change){1, 0, 5, 0});
    expect_only(FY_FINDING_PAGEMAP_ENTRY, &set, "pagemap-68.img", "contradict");
    take("tcp");
    scratch_edit(&set, "pagemap-68.img", no_pages, NULL);
    expect_only(FY_FINDING_PAGEMAP_ENTRY, &set, "pagemap-68.img", "has no pages");
    damage_run((struct run_change){1, (int64_t)1 << 60, 0, 0});
    expect_only(FY_FINDING_PAGEMAP_ORDER, &set, "pagemap-68.img", "not above the one before it");
    damage_run((struct run_change){1, 0, 0, 1000000});
    expect_only(FY_FINDING_PAGEMAP_ORDER, &set, "pagemap-68.img", "overlap");
    damage_run((struct run_change){1, 1, 0, 0});
    expect_only(FY_FINDING_PAGEMAP_ALIGNMENT, &set, "pagemap-68.img", "does not begin a page");
    damage_run((struct run_change){1, 0, 0, UINT64_MAX / 2});
    expect_only(FY_FINDING_PAGEMAP_SIZE, &set, "pagemap-68.img", "more pages than there are addresses");
    damage_run((struct run_change){1, -(int64_t)0x100000, 0, 0});
    expect_only(FY_FINDING_PAGE_PLACE, &set, "pagemap-68.img", "in no mapping of mm-68.img");
}

static unsigned other_pages(ProtobufCMessage *message, size_t number, void *context)
{
    (void)context;
    if (number == 0)
        ((PagemapHead *)message)->pages_id = 1;
    return 1;
}

Test(set_memory, pages)
{
    uint64_t size;

    take("tcp");
    size = scratch_size(&set, "pages-2.img");
    scratch_resize(&set, "pages-2.img", size - 1);
    expect_only(FY_FINDING_PAGES_SHORT, &set, "pages-2.img", "pagemap-68.img calls for");
    scratch_resize(&set, "pages-2.img", size + 1);
    expect_only(FY_FINDING_PAGES_LONG, &set, "pages-2.img", "pagemap-68.img calls for");
    scratch_remove(&set, "pages-2.img");
    expect_only(FY_FINDING_PAGES_MISSING, &set, "pages-2.img", "pages in it");
    take("tcp");
    scratch_edit(&set, "pagemap-68.img", other_pages, NULL);
    expect_finding(FY_FINDING_PAGES_SHARED, &set, "pagemap-", "pages-1.img belongs to");
}

static unsigned keep_three(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)context;
    return number <= 3;
}

Test(set_memory, statistics)
{
    take("tcp");
    scratch_edit(&set, "pagemap-68.img", keep_three, NULL);
    scratch_resize(&set, "pages-2.img", 4096);
    expect_finding(FY_FINDING_STATISTICS, &set, "stats-dump", "were written, but all pagemaps together have");
}

/* In the form of CRIU until 4.1: another field for the count, and another mark for what is in the level before. */
static unsigned make_old(ProtobufCMessage *message, size_t number, void *context)
{
    PagemapEntry *run = (PagemapEntry *)message;

    (void)context;
    if (number == 0)
        return 1;
    run->compat_nr_pages = (uint32_t)run->nr_pages;
    run->has_nr_pages = false;
    if (run->flags == 1) {
        run->has_in_parent = run->in_parent = true;
        run->has_flags = false;
        run->flags = 0;
    } else if (run->flags == 4) {
        run->has_flags = false;
        run->flags = 0;
    }
    return 1;
}

Test(set_memory, maps_of_old_versions)
{
    take("tcp");
    scratch_edit(&set, "pagemap-68.img", make_old, NULL);
    expect_whole(&set, 0);
    scratch_resize(&set, "pages-2.img", 4096);
    expect_finding(FY_FINDING_PAGES_SHORT, &set, "pages-2.img", "pagemap-68.img calls for");
}

static unsigned move_all(ProtobufCMessage *message, size_t number, void *context)
{
    (void)context;
    if (number > 0)
        ((PagemapEntry *)message)->vaddr += (uint64_t)1 << 30;
    return 1;
}

Test(set_memory, segments)
{
    take("shared-memory");
    scratch_edit(&set, "pagemap-shmem-0.img", move_all, NULL);
    expect_only(FY_FINDING_SEGMENT_SIZE, &set, "pagemap-shmem-0.img", "but the segment ends at");
    take("shared-memory");
    scratch_rename(&set, "pagemap-shmem-0.img", "pagemap-shmem-7.img");
    expect_finding(FY_FINDING_LEFT_OVER, &set, "pagemap-shmem-7.img", "no mapping, memory file or segment");
}

/* ---- levels before ---- */

static struct scratch before;

static void take_chain(void)
{
    take("chain/2");
    if (before.path[0])
        scratch_done(&before);
    scratch_copy(&before, "chain/1");
    cr_assert_eq(symlinkat(before.path, set.fd, "parent"), 0);
}

static void end_chain(void)
{
    scratch_done(&before);
    before.path[0] = '\0';
    end();
}

TestSuite(level_before, .fini = end_chain);

Test(level_before, maps_of_old_versions)
{
    take_chain();
    scratch_edit(&set, "pagemap-5.img", make_old, NULL);
    scratch_edit(&before, "pagemap-5.img", make_old, NULL);
    expect_whole(&set, 0);
    scratch_remove(&set, "parent");
    expect_only(FY_FINDING_PARENT_MISSING, &set, "pagemap-5.img", "in the set before");
}

Test(level_before, link)
{
    take_chain();
    expect_whole(&set, 0);
    scratch_remove(&set, "parent");
    expect_only(FY_FINDING_PARENT_MISSING, &set, "pagemap-1.img", "the link `parent` does not lead to one");
    cr_assert_eq(symlinkat("nowhere", set.fd, "parent"), 0);
    expect_only(FY_FINDING_PARENT_BROKEN, &set, "parent", "does not lead to a directory");
    scratch_remove(&set, "parent");
    cr_assert_eq(symlinkat(".", set.fd, "parent"), 0);
    expect_only(FY_FINDING_PARENT_LOOP, &set, "parent", "leads back to a level");
    scratch_remove(&set, "parent");
    cr_assert_eq(symlinkat(before.path, set.fd, "parent"), 0);
    cr_assert_eq(symlinkat(set.path, before.fd, "parent"), 0);
    expect_whole(&set, 0); /* CRIU does not go there, since nothing is missing in the level before */
}

static unsigned leave_second_out(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)context;
    return number != 1;
}

static unsigned all_in_parent(ProtobufCMessage *message, size_t number, void *context)
{
    PagemapEntry *run = (PagemapEntry *)message;

    (void)context;
    if (number > 0) {
        run->has_flags = true;
        run->flags = 1;
    }
    return 1;
}

Test(level_before, its_pages)
{
    take_chain();
    scratch_remove(&before, "pagemap-5.img");
    expect_only(FY_FINDING_PARENT_PAGEMAP, &set, "parent/pagemap-5.img", "pages of this set are in it");
    take_chain();
    for (int i = 0; i < 8; i++)
        scratch_edit(&before, "pagemap-5.img", leave_second_out, NULL);
    expect_finding(FY_FINDING_PARENT_PAGES, &set, "parent/pagemap-5.img", "are not in it, the first at 0x");
    take_chain();
    scratch_edit(&before, "pagemap-5.img", all_in_parent, NULL);
    expect_finding(FY_FINDING_PARENT_MISSING, &set, "parent/pagemap-5.img", "of its pages are in the set before");
    take_chain();
    scratch_resize(&before, "pagemap-5.img", scratch_size(&before, "pagemap-5.img") - 1);
    expect_only(FY_FINDING_ENTRY_DAMAGED, &set, "parent/pagemap-5.img", "the file ends");
}

static void resize_all_pages(int64_t by_bytes)
{
    for (unsigned i = 1; i < 16; i++) {
        char name[32];
        struct stat status;
        (void)snprintf(name, sizeof(name), "pages-%u.img", i);
        if (fstatat(before.fd, name, &status, 0) == 0)
            scratch_resize(&before, name, (uint64_t)(status.st_size + by_bytes));
    }
}

Test(level_before, size_of_its_pages)
{
    take_chain();
    resize_all_pages(-1);
    expect_only(FY_FINDING_PAGES_SHORT, &set, "parent/pages-", "its pagemap calls for");
    resize_all_pages(2);
    expect_only(FY_FINDING_PAGES_LONG, &set, "parent/pages-", "its pagemap calls for");
}

/* Adds a level before the one in `fd`, with the same map, in a directory of its own beside the others. */
static int add_level(int fd, int number, const uint8_t *map, size_t size)
{
    char path[128];
    int next, image;

    (void)snprintf(path, sizeof(path), "%s/level-%d", before.path, number);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(symlinkat(path, fd, "parent"), 0);
    next = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    image = openat(next, "pagemap-5.img", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_eq(write(image, map, size), (ssize_t)size);
    (void)close(image);
    (void)close(fd);
    return next;
}

Test(level_before, too_many)
{
    uint8_t *map;
    size_t size;
    int fd;

    take_chain();
    scratch_edit(&before, "pagemap-5.img", all_in_parent, NULL);
    map = scratch_read(&before, "pagemap-5.img", &size);
    fd = dup(before.fd);
    for (int i = 0; i < 260; i++)
        fd = add_level(fd, i, map, size);
    (void)close(fd);
    free(map);
    expect_finding(FY_FINDING_PARENT_DEPTH, &set, "parent/parent/parent/", "more levels than ferry follows");
}
