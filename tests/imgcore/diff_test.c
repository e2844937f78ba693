/* Two sets made here that differ in known ways, and real ones in which one thing is changed. */
#include "made_set.h"
#include <criterion/criterion.h>
#include <criu/files.pb-c.h>
#include <criu/pstree.pb-c.h>
#include <fcntl.h>
#include <ferry/imgcore/diff.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAP (FY_MAPPING_HEAP | FY_MAPPING_REGULAR)
#define PLAIN (FY_MAPPING_ANON_PRIVATE | FY_MAPPING_REGULAR)
#define FILED (FY_MAPPING_FILE_PRIVATE | FY_MAPPING_REGULAR)
#define SHARED (FY_MAPPING_ANON_SHARED | FY_MAPPING_REGULAR)
#define PARTS (FY_EXPLORE_DESCRIPTORS | FY_EXPLORE_MAPPINGS | FY_EXPLORE_COMMANDS)

static struct scratch set_a, set_b;
static struct fy_diff_side a, b;
static struct fy_diff diff;
static struct fy_error err;

static int make(void)
{
    struct fy_explore *explore = NULL;
    memset(&err, 0, sizeof(err));
    cr_assert_eq(fy_explore_open(set_a.fd, PARTS, &explore, &err), 0, "%s", err.message);
    a = (struct fy_diff_side){set_a.fd, explore};
    cr_assert_eq(fy_explore_open(set_b.fd, PARTS, &explore, &err), 0, "%s", err.message);
    b = (struct fy_diff_side){set_b.fd, explore};
    return fy_diff_make(&a, &b, &diff, &err);
}

static void finish(void)
{
    fy_diff_done(&diff);
    fy_explore_free((struct fy_explore *)a.explore);
    fy_explore_free((struct fy_explore *)b.explore);
}

static void sets_done(void)
{
    scratch_done(&set_a);
    scratch_done(&set_b);
}

static void expect_pages(const char *where, const struct fy_diff_pages *got, const struct fy_diff_pages *wanted)
{
    cr_expect(memcmp(got, wanted, sizeof(*got)) == 0,
              "%s: equal %lu, changed %lu, zeroed %lu, only A %lu, only B %lu, unknown %lu", where, got->equal,
              got->changed, got->zeroed, got->only_a, got->only_b, got->unknown);
}
#define PAGES(...)                                                                                                     \
    &(struct fy_diff_pages)                                                                                            \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

/* Letters to pages: each is filled with the letter, '0' with zeros. */
static char *fill(const char *letters)
{
    char *bytes = malloc(strlen(letters) * MADE_PAGE + 1);
    for (size_t i = 0; letters[i]; i++)
        memset(bytes + i * MADE_PAGE, letters[i] == '0' ? 0 : letters[i], MADE_PAGE);
    return bytes;
}

static void memory(const struct scratch *set, const char *name, uint32_t id, const struct made_piece *pieces,
                   const char *letters)
{
    char *bytes = fill(letters);
    made_memory(set, name, id, pieces, bytes, strlen(letters) * MADE_PAGE);
    free(bytes);
}

static void two_sets_of_task5(const struct made_mapping *maps_a, size_t count_a, const struct made_mapping *maps_b,
                              size_t count_b)
{
    const uint32_t pids[] = {5};
    scratch_make(&set_a);
    scratch_make(&set_b);
    made_tree(&set_a, pids, 1);
    made_tree(&set_b, pids, 1);
    made_mm(&set_a, 5, maps_a, count_a);
    made_mm(&set_b, 5, maps_b, count_b);
}

Test(diff, every_kind_of_page)
{
    const struct made_mapping maps[] = {{0x10000, 0x20000, 3, HEAP, 0}, {0x20000, 0x30000, 1, FILED, 9}};
    const struct made_piece in_a[] = {{0x10000, 7, 4}, {0x17000, 1, 2}, {0x20000, 3, 4}, {0}};
    const struct made_piece in_b[] = {{0x10000, 4, 4}, {0x17000, 4, 4}, {0x20000, 1, 4}, {0x22000, 2, 4}, {0}};
    two_sets_of_task5(maps, 2, maps, 2);
    /* Heap: 10 same, 11 other, 12 zeros in B, 13 zeros in A, 14 not in B (so zero), 15 zeros in A and not in B, 16 as
     * 14, 17 lazy in A, 18 only in B with content, 19 only in B and zero, 1a only in B. */
    /* File: 20 same, 21 as in the file again, 22 was zero and has content, 23 only in B, and zero is content there. */
    memory(&set_a, "pagemap-5.img", 1, in_a,
           "abc0e0g"
           "xy0");
    memory(&set_b, "pagemap-5.img", 3, in_b,
           "aX0Y"
           "qr0s"
           "x"
           "z0");
    cr_assert_eq(make(), 0, "%s", err.message);
    cr_assert_eq(diff.task_count, 1);
    const struct fy_diff_task *task = &diff.tasks[0];
    cr_assert_eq(task->mapping_count, 2);
    expect_pages("heap", &task->mappings[0].pages,
                 PAGES(.equal = 3, .changed = 1, .zeroed = 3, .only_b = 3, .unknown = 1));
    expect_pages("file", &task->mappings[1].pages, PAGES(.equal = 1, .only_a = 1, .only_b = 2));
    expect_pages("all", &diff.pages,
                 PAGES(.equal = 4, .changed = 1, .zeroed = 3, .only_a = 1, .only_b = 5, .unknown = 1));
    cr_expect_eq(diff.send_bytes, 6 * MADE_PAGE);
    cr_expect_eq(diff.stored_bytes_b, 11 * MADE_PAGE);
    cr_expect(fy_diff_task_differs(task));
    cr_expect_eq(task->changes, 0);
    finish();
    sets_done();
}

Test(diff, one_byte_in_one_page)
{
    const struct made_mapping maps[] = {{0x100000, 0x400000, 3, PLAIN, 0}};
    const struct made_piece pieces[] = {{0x100000, 200, 4}, {0x1c8000, 100, 4}, {0}};
    char *bytes = calloc(300, MADE_PAGE);
    two_sets_of_task5(maps, 1, maps, 1);
    for (size_t i = 0; i < 300; i++)
        bytes[i * MADE_PAGE] = 1;
    made_memory(&set_a, "pagemap-5.img", 1, pieces, bytes, 300 * MADE_PAGE);
    made_memory(&set_b, "pagemap-5.img", 1, pieces, bytes, 300 * MADE_PAGE);
    cr_assert_eq(make(), 0, "%s", err.message);
    expect_pages("all", &diff.pages, PAGES(.equal = 300));
    cr_expect_not(fy_diff_task_differs(&diff.tasks[0]));
    cr_expect_eq(diff.send_bytes, 0);
    finish();
    for (size_t i = 0; i < 300; i += 37) {
        scratch_set_byte(&set_b, "pages-1.img", i * MADE_PAGE + MADE_PAGE - 1, 7);
        cr_assert_eq(make(), 0);
        expect_pages("all", &diff.pages, PAGES(.equal = 300 - i / 37 - 1, .changed = i / 37 + 1));
        finish();
    }
    free(bytes);
    sets_done();
}

Test(diff, mappings_come_go_grow_and_change)
{
    const struct made_mapping maps_a[] = {{0x10000, 0x12000, 3, HEAP, 0},
                                          {0x20000, 0x24000, 3, PLAIN, 0},
                                          {0x30000, 0x31000, 3, PLAIN, 0},
                                          {0x40000, 0x41000, 3, PLAIN, 0}};
    const struct made_mapping maps_b[] = {{0x10000, 0x14000, 3, HEAP, 0},
                                          {0x20000, 0x22000, 3, PLAIN, 0},
                                          {0x22000, 0x24000, 1, PLAIN, 0},
                                          {0x40000, 0x41000, 3, SHARED, 7},
                                          {0x50000, 0x51000, 3, PLAIN, 0}};
    const struct made_piece in_a[] = {{0x23000, 1, 4}, {0x30000, 1, 4}, {0x40000, 1, 4}, {0}};
    const struct made_piece in_b[] = {{0x13000, 1, 4}, {0x23000, 1, 4}, {0x50000, 1, 4}, {0x60000, 1, 4}, {0}};
    two_sets_of_task5(maps_a, 4, maps_b, 5);
    memory(&set_a, "pagemap-5.img", 1, in_a, "abc");
    memory(&set_b, "pagemap-5.img", 1, in_b, "xaz?");
    cr_assert_eq(make(), 0, "%s", err.message);
    const struct fy_diff_mapping *rows = diff.tasks[0].mappings;
    cr_assert_eq(diff.tasks[0].mapping_count, 7);
    cr_expect(rows[0].a && rows[0].b && rows[0].changes == FY_DIFF_SIZE);
    expect_pages("grown", &rows[0].pages, PAGES(.only_b = 1));
    cr_expect(rows[1].a && rows[1].b && rows[1].changes == FY_DIFF_SIZE);
    cr_expect(!rows[2].a && rows[2].b->start == 0x22000);
    expect_pages("split off", &rows[2].pages, PAGES(.equal = 1));
    cr_expect(rows[3].a->start == 0x30000 && !rows[3].b);
    expect_pages("gone", &rows[3].pages, PAGES(.only_a = 1));
    cr_expect(rows[4].a->start == 0x40000 && !rows[4].b, "became something else");
    cr_expect(!rows[5].a && rows[5].b->start == 0x40000);
    cr_expect(!rows[6].a && rows[6].b->start == 0x50000);
    expect_pages("new", &rows[6].pages, PAGES(.only_b = 1));
    expect_pages("with what is in no mapping", &diff.pages, PAGES(.equal = 1, .only_a = 2, .only_b = 3));
    finish();

    made_mm(&set_b, 5, maps_a, 4);
    made_mm(&set_a, 5, (const struct made_mapping[]){{0x10000, 0x12000, 1, HEAP, 0}}, 1);
    cr_assert_eq(make(), 0);
    cr_expect_eq(diff.tasks[0].mappings[0].changes, FY_DIFF_PROTECTION);
    finish();
    sets_done();
}

Test(diff, mappings_in_any_order_do_no_harm)
{
    const struct made_mapping wild[] = {{0x30000, 0x10000, 3, PLAIN, 0},      {0x40000, 0x50000, 3, PLAIN, 0},
                                        {0x10000, 0x60000, 3, PLAIN, 0},      {0, UINT64_MAX, 3, PLAIN, 0},
                                        {0x40001, 0x40003, 3, PLAIN, 0},      {0x40000, 0x50000, 3, PLAIN, 0},
                                        {UINT64_MAX - 1, UINT64_MAX, 3, 0, 0}};
    const struct made_piece in_a[] = {{0x11000, 1, 4}, {0x40000, 2, 4}, {0xfffffffffffe0000, 1, 2}, {0}};
    const struct made_piece in_b[] = {{0x41000, 1, 4}, {0xfffffffffffe0000, 1, 4}, {0}};
    two_sets_of_task5(wild, 7, wild, 6);
    memory(&set_a, "pagemap-5.img", 1, in_a, "abc");
    memory(&set_b, "pagemap-5.img", 1, in_b, "bd");
    cr_expect_eq(make(), 0, "%s", err.message);
    cr_expect_eq(diff.pages.unknown, 1);
    finish();
    sets_done();
}

Test(diff, parents_are_read)
{
    const struct made_mapping maps[] = {{0x10000, 0x20000, 3, HEAP, 0}};
    const struct made_piece lower[] = {{0x10000, 2, 4}, {0}}, upper[] = {{0x10000, 1, 1}, {0x11000, 1, 4}, {0}};
    const struct made_piece whole[] = {{0x10000, 2, 4}, {0}};
    two_sets_of_task5(maps, 1, maps, 1);
    cr_assert_eq(mkdirat(set_b.fd, "old", 0755), 0);
    struct scratch old = {.fd = openat(set_b.fd, "old", 0)};
    memory(&old, "pagemap-5.img", 1, lower, "ab");
    memory(&set_b, "pagemap-5.img", 1, upper, "c");
    memory(&set_a, "pagemap-5.img", 1, whole, "ac");
    cr_assert_eq(symlinkat("old", set_b.fd, "parent"), 0);
    cr_assert_eq(make(), 0, "%s", err.message);
    expect_pages("with the parent", &diff.pages, PAGES(.equal = 2));
    finish();
    cr_assert_eq(unlinkat(set_b.fd, "parent", 0), 0);
    cr_assert_eq(make(), 0, "%s", err.message);
    expect_pages("without", &diff.pages, PAGES(.equal = 1, .unknown = 1));
    finish();
    (void)close(old.fd);
    sets_done();
}

Test(diff, shared_memory_is_found_by_its_place)
{
    const struct made_mapping maps_a[] = {{0x70000, 0x74000, 3, SHARED, 40}, {0x80000, 0x81000, 3, SHARED, 41}};
    const struct made_mapping maps_b[] = {{0x70000, 0x74000, 3, SHARED, 140}, {0x80000, 0x81000, 3, SHARED, 40}};
    const struct made_piece pieces[] = {{0, 2, 4}, {0}}, one[] = {{0, 1, 4}, {0}};
    two_sets_of_task5(maps_a, 2, maps_b, 2);
    memory(&set_a, "pagemap-shmem-40.img", 1, pieces, "ab");
    memory(&set_a, "pagemap-shmem-41.img", 2, one, "c");
    memory(&set_a, "pagemap-shmem-90.img", 3, one, "d");
    memory(&set_b, "pagemap-shmem-140.img", 1, pieces, "aB");
    memory(&set_b, "pagemap-shmem-40.img", 2, one, "c");
    memory(&set_b, "pagemap-shmem-90.img", 3, one, "d");
    memory(&set_b, "pagemap-shmem-91.img", 4, one, "e");
    cr_assert_eq(make(), 0, "%s", err.message);
    cr_assert_eq(diff.shared_count, 4);
    cr_expect(diff.shared[0].memory_a == 40 && diff.shared[0].memory_b == 140);
    expect_pages("40", &diff.shared[0].pages, PAGES(.equal = 1, .changed = 1));
    cr_expect(diff.shared[1].memory_a == 41 && diff.shared[1].memory_b == 40);
    expect_pages("41", &diff.shared[1].pages, PAGES(.equal = 1));
    cr_expect(diff.shared[2].memory_a == 90 && diff.shared[2].memory_b == 90);
    cr_expect(!diff.shared[3].in_a && diff.shared[3].memory_b == 91);
    expect_pages("91", &diff.shared[3].pages, PAGES(.only_b = 1));
    cr_expect_eq(diff.send_bytes, 2 * MADE_PAGE);
    finish();

    /* Mapped still, and without an image: all zero. */
    scratch_remove(&set_b, "pagemap-shmem-140.img");
    cr_assert_eq(make(), 0, "%s", err.message);
    expect_pages("40, now zero", &diff.shared[0].pages, PAGES(.zeroed = 2));
    finish();
    sets_done();
}

Test(diff, tasks_come_and_go)
{
    const uint32_t pids_a[] = {5, 9, 6}, pids_b[] = {8, 6, 5, 8};
    const struct made_mapping maps[] = {{0x10000, 0x20000, 3, HEAP, 0}};
    const struct made_piece one[] = {{0x10000, 1, 4}, {0}};
    two_sets_of_task5(maps, 1, maps, 1);
    made_tree(&set_a, pids_a, 3);
    made_tree(&set_b, pids_b, 4);
    memory(&set_a, "pagemap-9.img", 1, one, "x");
    memory(&set_b, "pagemap-8.img", 1, one, "y");
    cr_assert_eq(make(), 0, "%s", err.message);
    cr_assert_eq(diff.task_count, 4);
    cr_expect(diff.tasks[0].pid == 5 && diff.tasks[0].a && diff.tasks[0].b);
    cr_expect(diff.tasks[1].pid == 6 && diff.tasks[1].a && diff.tasks[1].b);
    cr_expect(diff.tasks[2].pid == 8 && !diff.tasks[2].a && diff.tasks[2].b);
    cr_expect(diff.tasks[3].pid == 9 && diff.tasks[3].a && !diff.tasks[3].b);
    expect_pages("all", &diff.pages, PAGES(.only_a = 1, .only_b = 1));
    finish();
    sets_done();
}

Test(diff, what_a_set_does_not_say_is_no_change)
{
    const struct made_piece one[] = {{0x10000, 1, 4}, {0}};
    const struct made_mapping maps[] = {{0x10000, 0x20000, 3, HEAP, 0}};
    two_sets_of_task5(maps, 1, maps, 1);
    memory(&set_a, "pagemap-5.img", 1, one, "x");
    memory(&set_b, "pagemap-5.img", 1, one, "x");
    scratch_remove(&set_a, "mm-5.img");
    cr_assert_eq(make(), 0, "%s", err.message);
    cr_expect_not(fy_diff_task_differs(&diff.tasks[0]));
    cr_expect_not(diff.tasks[0].mappings_compared);
    expect_pages("all", &diff.pages, PAGES(.equal = 1));
    finish();
    sets_done();
}

Test(diff, damaged_memory_is_named)
{
    const struct made_mapping maps[] = {{0x10000, 0x20000, 3, HEAP, 0}};
    const struct made_piece one[] = {{0x10000, 1, 4}, {0}};
    two_sets_of_task5(maps, 1, maps, 1);
    memory(&set_a, "pagemap-5.img", 1, one, "x");
    memory(&set_b, "pagemap-5.img", 1, one, "x");
    scratch_resize(&set_b, "pages-1.img", 100);
    cr_assert_eq(make(), -1);
    cr_expect_eq(err.code, FY_E_FORMAT, "%s", err.message);
    cr_expect_eq(strncmp(err.message, "B: ", 3), 0, "%s", err.message);
    finish();
    scratch_remove(&set_a, "pages-1.img");
    cr_assert_eq(make(), -1);
    cr_expect_eq(strncmp(err.message, "A: ", 3), 0, "%s", err.message);
    finish();
    scratch_write(&set_a, "pagemap-5.img", "junk", 4);
    cr_assert_eq(make(), -1);
    cr_expect_eq(strncmp(err.message, "A: ", 3), 0, "%s", err.message);
    finish();
    sets_done();
}

/* ---- descriptors and states of a real set ---- */

static const char *const real_sets[] = {"tcp", "namespaces", "lazy"};

Test(diff, a_set_does_not_differ_from_itself)
{
    for (size_t i = 0; i < sizeof(real_sets) / sizeof(real_sets[0]); i++) {
        scratch_copy(&set_a, real_sets[i]);
        scratch_copy(&set_b, real_sets[i]);
        cr_assert_eq(make(), 0, "%s", err.message);
        cr_expect_gt(diff.task_count, 0);
        for (size_t j = 0; j < diff.task_count; j++) {
            diff.tasks[j].pages.unknown = 0; /* of the lazy one */
            cr_expect_not(fy_diff_task_differs(&diff.tasks[j]), "%s, task %u", real_sets[i], diff.tasks[j].pid);
            cr_expect_gt(diff.tasks[j].mapping_count, 0);
        }
        finish();
        sets_done();
    }
}

static unsigned move_position(ProtobufCMessage *message, size_t number, void *context)
{
    FileEntry *entry = (FileEntry *)message;
    size_t *seen = context;
    (void)number;
    if (entry->type == FD_TYPES__REG && entry->reg && ++*seen)
        entry->reg->pos += 1000;
    if (entry->type == FD_TYPES__INETSK && entry->isk)
        entry->isk->state = 7;
    return 1;
}

static unsigned close_first(ProtobufCMessage *message, size_t number, void *context)
{
    FdinfoEntry *entry = (FdinfoEntry *)message;
    (void)context;
    if (number == 1)
        entry->fd += 100;
    return number == 0 ? 0 : 1;
}

static unsigned all_changes(void)
{
    unsigned changes = 0;
    for (size_t i = 0; i < diff.tasks[0].descriptor_count; i++)
        changes |= diff.tasks[0].descriptors[i].changes;
    return changes;
}

Test(diff, descriptors)
{
    size_t seen = 0, closed = 0, opened = 0;
    scratch_copy(&set_a, "tcp");
    scratch_copy(&set_b, "tcp");
    scratch_edit(&set_b, "files.img", move_position, &seen);
    cr_assert_gt(seen, 0);
    cr_assert_eq(make(), 0, "%s", err.message);
    cr_expect_eq(all_changes(), FY_DIFF_POSITION | FY_DIFF_STATE, "%x", all_changes());
    finish();

    scratch_edit(&set_b, "fdinfo-2.img", close_first, NULL);
    cr_assert_eq(make(), 0, "%s", err.message);
    for (size_t i = 0; i < diff.tasks[0].descriptor_count; i++) {
        closed += diff.tasks[0].descriptors[i].b == NULL;
        opened += diff.tasks[0].descriptors[i].a == NULL;
    }
    cr_expect(closed == 2 && opened == 1, "%zu closed, %zu opened", closed, opened);
    finish();
    sets_done();
}
