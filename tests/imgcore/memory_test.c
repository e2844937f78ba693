/* Memory out of sets that are made here: known bytes, several levels, and everything that may be wrong with them. */
#include "scratch.h"
#include <criterion/criterion.h>
#include <criu/mm.pb-c.h>
#include <criu/pagemap.pb-c.h>
#include <ferry/imgcore/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u

struct piece {
    uint64_t address;
    uint64_t pages;
    uint32_t flags;
};

static const struct fy_memory_id task5 = {false, 5};
static struct made made;

/* pagemap-5.img with that pages id. */
static void write_map(const struct scratch *set, uint32_t pages_id, const struct piece *pieces, size_t count)
{
    PagemapHead head = PAGEMAP_HEAD__INIT;

    made_magic(&made, 0x56084025);
    head.pages_id = pages_id;
    made_entry(&made, &head);
    for (size_t i = 0; i < count; i++) {
        PagemapEntry entry = PAGEMAP_ENTRY__INIT;
        entry.vaddr = pieces[i].address;
        entry.has_nr_pages = true;
        entry.nr_pages = pieces[i].pages;
        entry.has_flags = true;
        entry.flags = pieces[i].flags;
        made_entry(&made, &entry);
    }
    scratch_write(set, "pagemap-5.img", made.data, made.size);
}

/* `count` pages; all bytes of page i are `first` + i. */
static void write_pages(const struct scratch *set, const char *name, size_t count, char first)
{
    char *bytes = malloc(count * PAGE + 1);

    for (size_t i = 0; i < count; i++)
        memset(bytes + i * PAGE, first + (char)i, PAGE);
    scratch_write(set, name, bytes, count * PAGE);
    free(bytes);
}

static void link_parent(const struct scratch *set, const char *to)
{
    cr_assert_eq(symlinkat(to, set->fd, "parent"), 0);
}

static struct fy_memory *open_whole(const struct scratch *set)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_memory *memory = NULL;

    cr_assert_eq(fy_memory_open(set->fd, &task5, &memory, &err), 0, "%s", err.message);
    return memory;
}

static enum fy_code open_code(const struct scratch *set)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_memory *memory = NULL;

    if (fy_memory_open(set->fd, &task5, &memory, &err) == 0)
        fy_memory_free(memory);
    return err.code;
}

static void expect_run(const struct fy_memory *memory, size_t index, uint64_t address, uint64_t pages,
                       enum fy_memory_kind kind, unsigned level)
{
    const struct fy_memory_run *run;

    cr_assert_lt(index, fy_memory_run_count(memory));
    run = fy_memory_run(memory, index);
    cr_expect(run->address == address && run->pages == pages && run->kind == kind && run->level == level,
              "run %zu: %#lx, %lu pages, kind %d, level %u", index, run->address, run->pages, (int)run->kind,
              run->level);
}

Test(memory, reads_over_the_border_of_runs)
{
    const struct piece pieces[] = {{0x10000, 1, 4}, {0x11000, 2, 4}, {0x14000, 1, 4}};
    struct scratch set;
    struct fy_memory *memory;
    char bytes[4 * PAGE];
    size_t got = 1;

    scratch_make(&set);
    write_map(&set, 7, pieces, 3);
    write_pages(&set, "pages-7.img", 4, 'a');
    memory = open_whole(&set);
    cr_expect_eq(fy_memory_page_bytes(memory), PAGE);
    cr_assert_eq(fy_memory_read(memory, 0x10fff, bytes, sizeof(bytes), &got, NULL), 0);
    cr_assert_eq(got, 1 + 2 * PAGE);
    cr_expect(bytes[0] == 'a' && bytes[1] == 'b' && bytes[PAGE] == 'b' && bytes[PAGE + 1] == 'c');
    cr_assert_eq(fy_memory_read(memory, 0x13000, bytes, sizeof(bytes), &got, NULL), 0);
    cr_expect_eq(got, 0);
    cr_assert_eq(fy_memory_read(memory, 0x14ffe, bytes, sizeof(bytes), &got, NULL), 0);
    cr_expect(got == 2 && bytes[1] == 'd');
    cr_expect_eq(fy_memory_find(memory, 0), 0);
    cr_expect_eq(fy_memory_find(memory, 0x11000), 1);
    cr_expect_eq(fy_memory_find(memory, 0x13000), 2);
    cr_expect_eq(fy_memory_find(memory, 0x15000), 3);
    fy_memory_free(memory);
    scratch_done(&set);
}

Test(memory, pages_are_found_two_levels_down)
{
    const struct piece top[] = {{0x1000, 8, 1}, {0x9000, 1, 4}, {0xa000, 1, 2}};
    const struct piece middle[] = {{0x1000, 2, 4}, {0x3000, 2, 1}, {0x6000, 1, 4}, {0x8000, 4, 4}};
    const struct piece bottom[] = {{0x2000, 2, 4}, {0x4000, 1, 2}};
    struct scratch sets[3];
    struct fy_memory *memory;
    char bytes[2 * PAGE];
    size_t got;

    for (int i = 0; i < 3; i++)
        scratch_make(&sets[i]);
    write_map(&sets[0], 1, top, 3);
    write_pages(&sets[0], "pages-1.img", 1, 'A');
    write_map(&sets[1], 2, middle, 4);
    write_pages(&sets[1], "pages-2.img", 7, 'a');
    write_map(&sets[2], 3, bottom, 2);
    write_pages(&sets[2], "pages-3.img", 2, '0');
    link_parent(&sets[0], sets[1].path);
    link_parent(&sets[1], sets[2].path);
    memory = open_whole(&sets[0]);
    cr_assert_eq(fy_memory_run_count(memory), 9);
    expect_run(memory, 0, 0x1000, 2, FY_MEMORY_STORED, 1);
    expect_run(memory, 1, 0x3000, 1, FY_MEMORY_STORED, 2);
    expect_run(memory, 2, 0x4000, 1, FY_MEMORY_LAZY, 2);
    expect_run(memory, 3, 0x5000, 1, FY_MEMORY_LOST, 0);
    expect_run(memory, 4, 0x6000, 1, FY_MEMORY_STORED, 1);
    expect_run(memory, 5, 0x7000, 1, FY_MEMORY_LOST, 0);
    expect_run(memory, 6, 0x8000, 1, FY_MEMORY_STORED, 1);
    expect_run(memory, 7, 0x9000, 1, FY_MEMORY_STORED, 0);
    expect_run(memory, 8, 0xa000, 1, FY_MEMORY_LAZY, 0);
    cr_expect_eq(fy_memory_trouble(memory)->code, FY_E_FORMAT);
    cr_assert_eq(fy_memory_read(memory, 0x2fff, bytes, 2, &got, NULL), 0);
    cr_expect(got == 2 && bytes[0] == 'b' && bytes[1] == '1');
    cr_assert_eq(fy_memory_read(memory, 0x8000, bytes, sizeof(bytes), &got, NULL), 0);
    cr_expect(got == 2 * PAGE && bytes[0] == 'd' && bytes[PAGE] == 'A');
    fy_memory_free(memory);
    for (int i = 0; i < 3; i++)
        scratch_done(&sets[i]);
}

Test(memory, a_lost_parent_leaves_the_rest_readable)
{
    const struct piece pieces[] = {{0x1000, 1, 1}, {0x2000, 1, 4}};
    struct scratch set;
    struct fy_memory *memory;
    char byte;
    size_t got;

    scratch_make(&set);
    write_map(&set, 1, pieces, 2);
    write_pages(&set, "pages-1.img", 1, 'x');
    memory = open_whole(&set);
    expect_run(memory, 0, 0x1000, 1, FY_MEMORY_LOST, 0);
    cr_expect_eq(fy_memory_trouble(memory)->code, FY_E_NOT_FOUND);
    cr_assert_eq(fy_memory_read(memory, 0x1000, &byte, 1, &got, NULL), 0);
    cr_expect_eq(got, 0);
    cr_assert_eq(fy_memory_read(memory, 0x2000, &byte, 1, &got, NULL), 0);
    cr_expect(got == 1 && byte == 'x');
    fy_memory_free(memory);
    link_parent(&set, ".");
    memory = open_whole(&set);
    cr_expect(strstr(fy_memory_trouble(memory)->message, "circle"));
    fy_memory_free(memory);
    scratch_done(&set);
}

Test(memory, damaged_pagemaps_are_refused)
{
    const struct piece overlapping[] = {{0x1000, 2, 4}, {0x2000, 1, 4}};
    const struct piece over_the_end[] = {{0xfffffffffffff000, 2, 4}};
    const struct piece too_many[] = {{0x1000, UINT64_MAX / PAGE, 4}};
    const struct piece overflowing[] = {{0x1000, UINT64_MAX, 4}, {0x2000, UINT64_MAX, 4}};
    const struct piece compressed[] = {{0x1000, 1, 12}};
    struct scratch set;

    scratch_make(&set);
    cr_expect_eq(open_code(&set), FY_E_NOT_FOUND);
    write_map(&set, 1, overlapping, 2);
    cr_expect_eq(open_code(&set), FY_E_FORMAT);
    write_map(&set, 1, over_the_end, 1);
    cr_expect_eq(open_code(&set), FY_E_FORMAT);
    write_map(&set, 1, too_many, 1);
    cr_expect_eq(open_code(&set), FY_E_FORMAT);
    write_map(&set, 1, overflowing, 2);
    cr_expect_eq(open_code(&set), FY_E_FORMAT);
    write_map(&set, 1, compressed, 1);
    cr_expect_eq(open_code(&set), FY_E_UNSUPPORTED);
    scratch_done(&set);
}

Test(memory, a_pages_file_that_is_short_missing_or_no_file)
{
    const struct piece pieces[] = {{0x1000, 2, 4}};
    struct scratch set;
    struct fy_memory *memory;
    struct fy_error err = FY_ERROR_INIT;
    char bytes[2 * PAGE];
    size_t got = 99;

    scratch_make(&set);
    write_map(&set, 1, pieces, 1);
    memory = open_whole(&set);
    cr_expect_eq(fy_memory_read(memory, 0x1000, bytes, 1, &got, &err), -1);
    cr_expect(err.code == FY_E_NOT_FOUND && got == 99);
    fy_memory_free(memory);
    write_pages(&set, "pages-1.img", 1, 'x');
    memory = open_whole(&set);
    fy_error_clear(&err);
    cr_expect_eq(fy_memory_read(memory, 0x1000, bytes, sizeof(bytes), &got, &err), -1);
    cr_expect(err.code == FY_E_FORMAT && got == 99, "%s", err.message);
    cr_expect_eq(fy_memory_read(memory, 0x1000, bytes, PAGE, &got, NULL), 0);
    fy_memory_free(memory);
    scratch_remove(&set, "pages-1.img");
    cr_assert_eq(mkfifoat(set.fd, "pages-1.img", 0600), 0);
    memory = open_whole(&set);
    fy_error_clear(&err);
    cr_expect_eq(fy_memory_read(memory, 0x1000, bytes, 1, &got, &err), -1);
    cr_expect_eq(err.code, FY_E_FORMAT);
    fy_memory_free(memory);
    scratch_remove(&set, "pages-1.img");
    write_pages(&set, "elsewhere", 2, 'x');
    cr_assert_eq(symlinkat("elsewhere", set.fd, "pages-1.img"), 0);
    memory = open_whole(&set);
    fy_error_clear(&err);
    cr_expect_eq(fy_memory_read(memory, 0x1000, bytes, 1, &got, &err), -1);
    fy_memory_free(memory);
    scratch_done(&set);
}

static void write_mm(const struct scratch *set, uint64_t *auxv, size_t count)
{
    MmEntry mm = MM_ENTRY__INIT;

    mm.n_mm_saved_auxv = count;
    mm.mm_saved_auxv = auxv;
    made_magic(&made, 0x57492820);
    made_entry(&made, &mm);
    scratch_write(set, "mm-5.img", made.data, made.size);
}

Test(memory, page_size_comes_from_the_task_or_the_file)
{
    const struct piece pieces[] = {{0x10000, 2, 4}, {0x30000, 1, 4}};
    uint64_t wide[] = {33, 6, 6, 16384}, narrow[] = {(uint64_t)0x1000 << 32 | 33, (uint64_t)65536 << 32 | 6};
    struct scratch set;
    struct fy_memory *memory;

    scratch_make(&set);
    write_map(&set, 1, pieces, 2);
    memory = open_whole(&set);
    cr_expect_eq(fy_memory_page_bytes(memory), 4096);
    fy_memory_free(memory);
    scratch_write(&set, "pages-1.img", "", 0);
    scratch_resize(&set, "pages-1.img", 3 * 65536);
    memory = open_whole(&set);
    cr_expect_eq(fy_memory_page_bytes(memory), 65536);
    expect_run(memory, 1, 0x30000, 1, FY_MEMORY_STORED, 0);
    cr_expect_eq(fy_memory_run(memory, 1)->offset_bytes, 2 * 65536);
    fy_memory_free(memory);
    write_mm(&set, wide, 4);
    memory = open_whole(&set);
    cr_expect_eq(fy_memory_page_bytes(memory), 16384);
    fy_memory_free(memory);
    write_mm(&set, narrow, 2);
    memory = open_whole(&set);
    cr_expect_eq(fy_memory_page_bytes(memory), 65536);
    fy_memory_free(memory);
    scratch_done(&set);
}

Test(memory, real_sets_are_listed_and_opened)
{
    static const char *const names[] = {"threads", "32bit", "shared-memory", "pre-dump", "zombies"};
    size_t shared = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct scratch set;
        struct fy_memory_id *ids;
        size_t count;
        scratch_copy(&set, names[i]);
        cr_assert_eq(fy_memory_list(set.fd, &ids, &count, NULL), 0);
        cr_expect_gt(count, 0);
        for (size_t j = 0; j < count; j++) {
            struct fy_memory *memory = NULL;
            struct fy_error err = FY_ERROR_INIT;
            cr_assert_eq(fy_memory_open(set.fd, &ids[j], &memory, &err), 0, "%s: %s", names[i], err.message);
            cr_expect_eq(fy_memory_page_bytes(memory), 4096);
            cr_expect_eq(fy_memory_trouble(memory)->code, FY_OK);
            shared += ids[j].is_shared;
            fy_memory_free(memory);
        }
        free(ids);
        scratch_done(&set);
    }
    cr_expect_gt(shared, 2);
}
