/* Whole image sets: what is said about real ones, and that each kind of damage is found and named. */
#include "scratch.h"
#include <criterion/criterion.h>
#include <criu/core.pb-c.h>
#include <criu/files.pb-c.h>
#include <criu/fs.pb-c.h>
#include <criu/inventory.pb-c.h>
#include <criu/mm.pb-c.h>
#include <criu/pagemap.pb-c.h>
#include <criu/pstree.pb-c.h>
#include <fcntl.h>
#include <ferry/imgcore/verify.h>
#include <linux/auxvec.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scratch set;

static void check_whole(const struct fy_imageset_options *options, struct fy_imageset_summary *summary)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_imageset_check(set.fd, options, summary, &err), 0, "%s: %s", fy_code_name(err.code), err.message);
}

/* The set is refused with `code`; the message has both words in it, and says what to do. */
static void expect_refusal(enum fy_code code, const char *file, const char *text)
{
    struct fy_imageset_summary summary = {.root_pid = 77};
    struct fy_error err = FY_ERROR_INIT;

    cr_expect_eq(fy_imageset_check(set.fd, NULL, &summary, &err), -1, "accepted, but %s: %s", file, text);
    cr_expect_eq(err.code, code, "%s: %s", fy_code_name(err.code), err.message);
    cr_expect_not_null(strstr(err.message, file), "\"%s\" is not in \"%s\"", file, err.message);
    cr_expect_not_null(strstr(err.message, text), "\"%s\" is not in \"%s\"", text, err.message);
    cr_expect(err.next[0], "says nothing on what to do: %s", err.message);
    cr_expect_eq(summary.root_pid, 77, "the summary stays untouched");
}

static void expect_damage(const char *file, const char *text)
{
    expect_refusal(FY_E_VERIFY, file, text);
}

/* For damages that follow one another: a fresh copy. */
static void again(const char *name)
{
    scratch_done(&set);
    scratch_copy(&set, name);
}

static void end(void)
{
    scratch_done(&set);
}

TestSuite(set_check, .fini = end);

Test(set_check, directory_that_is_empty_or_none)
{
    struct fy_imageset_summary summary;
    struct fy_error err = FY_ERROR_INIT;

    scratch_make(&set);
    expect_damage("inventory.img", "the dump did not finish");
    cr_expect_eq(fy_imageset_check(-1, NULL, &summary, &err), -1);
    cr_expect_eq(err.code, FY_E_IO);
    fy_imageset_summary_done(NULL);
}

static unsigned set_version(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    ((InventoryEntry *)message)->img_version = *(uint32_t *)context;
    return 1;
}

/* The inventory has one magic only, and scratch_edit writes two. */
static void edit_inventory(entry_edit *edit, void *context)
{
    uint8_t *data;
    size_t size;

    scratch_edit(&set, "inventory.img", edit, context);
    data = scratch_read(&set, "inventory.img", &size);
    scratch_write(&set, "inventory.img", data + 4, size - 4);
    free(data);
}

static unsigned forget_root_ids(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    (void)context;
    ((InventoryEntry *)message)->root_ids = NULL;
    return 1;
}

Test(set_check, inventory)
{
    uint32_t version = 3;

    scratch_copy(&set, "tcp");
    edit_inventory(set_version, &version);
    expect_refusal(FY_E_UNSUPPORTED, "inventory.img", "version 3");
    again("tcp");
    edit_inventory(forget_root_ids, NULL);
    expect_refusal(FY_E_UNSUPPORTED, "inventory.img", "too old");
    again("tcp");
    version = 1;
    edit_inventory(set_version, &version);
    expect_damage("pstree.img", "says version 1.0");
    again("tcp");
    scratch_set_byte(&set, "inventory.img", 0, 0x17);
    expect_damage("inventory.img", "the magic is");
    again("tcp");
    scratch_remove(&set, "inventory.img");
    expect_damage("inventory.img", "the dump did not finish");
}

Test(set_check, pre_dump_is_called_one)
{
    scratch_copy(&set, "pre-dump");
    expect_damage("inventory.img", "this is a pre-dump");
}

Test(set_check, lazy_dump_is_called_one)
{
    struct fy_imageset_options options = {.accept_lazy = true};
    struct fy_imageset_summary summary;

    scratch_copy(&set, "lazy");
    expect_damage("inventory.img", "45 pages are still on the source");
    check_whole(&options, &summary);
    cr_expect_eq(summary.lazy_pages, 45);
    fy_imageset_summary_done(&summary);
}

Test(set_check, numbers_that_are_too_large)
{
    scratch_copy(&set, "tcp");
    scratch_rename(&set, "core-68.img", "core-4294967364.img"); /* 2^32 + 68 */
    expect_damage("core-4294967364.img", "more than 32 bits");
}

Test(set_check, files_that_are_not_files)
{
    scratch_copy(&set, "tcp");
    scratch_remove(&set, "seccomp.img");
    cr_assert_eq(mkfifoat(set.fd, "seccomp.img", 0600), 0);
    expect_damage("seccomp.img", "not a regular file");
    again("tcp");
    scratch_rename(&set, "files.img", "elsewhere");
    cr_assert_eq(symlinkat("elsewhere", set.fd, "files.img"), 0);
    expect_damage("files.img", "not a regular file");
}

static unsigned repeat_first(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)context;
    return number == 0 ? 2 : 1;
}

static unsigned drop_first(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)context;
    return number > 0;
}

static unsigned orphan(ProtobufCMessage *message, size_t number, void *context)
{
    (void)context;
    if (number > 0)
        ((PstreeEntry *)message)->ppid = 4711;
    return 1;
}

Test(set_check, process_tree)
{
    scratch_copy(&set, "zombies");
    scratch_remove(&set, "pstree.img");
    expect_damage("pstree.img", "missing");
    again("zombies");
    scratch_edit(&set, "pstree.img", repeat_first, NULL);
    expect_damage("pstree.img", "have the number 50");
    again("zombies");
    scratch_edit(&set, "pstree.img", drop_first, NULL);
    expect_damage("pstree.img", "not the root");
    again("zombies");
    scratch_edit(&set, "pstree.img", orphan, NULL);
    expect_damage("pstree.img", "has the parent 4711");
    again("zombies");
    scratch_drop_last(&set, "pstree.img");
    expect_damage("core-", "belongs to no task or thread");
}

Test(set_check, images_of_a_task)
{
    static const char *const images[] = {"core-68.img", "ids-68.img", "mm-68.img", "fs-68.img", "pagemap-68.img"};

    scratch_copy(&set, "tcp");
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        scratch_remove(&set, images[i]);
        expect_damage(images[i], "task 68");
        again("tcp");
    }
}

static unsigned forget_thread_core(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    (void)context;
    ((CoreEntry *)message)->thread_core = NULL;
    return 1;
}

static unsigned forget_task_core(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    (void)context;
    ((CoreEntry *)message)->tc = NULL;
    return 1;
}

static unsigned set_state(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    ((CoreEntry *)message)->tc->task_state = *(uint32_t *)context;
    return 1;
}

static unsigned other_threads(ProtobufCMessage *message, size_t number, void *context)
{
    PstreeEntry *task = (PstreeEntry *)message;

    (void)number;
    if (context)
        task->threads[0] = 68;
    else
        task->n_threads = 0;
    return 1;
}

Test(set_check, threads_that_are_not_the_task_s)
{
    scratch_copy(&set, "threads");
    scratch_edit(&set, "pstree.img", other_threads, NULL);
    expect_damage("pstree.img", "the threads of task 67 do not begin with itself");
    again("threads");
    scratch_edit(&set, "pstree.img", other_threads, &set);
    expect_damage("pstree.img", "the threads of task 67 do not begin with itself");
}

Test(set_check, threads)
{
    uint32_t state = 9;

    scratch_copy(&set, "threads");
    scratch_remove(&set, "core-68.img");
    expect_damage("core-68.img", "thread 68 of task 67");
    again("threads");
    scratch_edit(&set, "core-68.img", forget_thread_core, NULL);
    expect_damage("core-68.img", "thread_core is missing");
    again("threads");
    scratch_edit(&set, "core-67.img", forget_task_core, NULL);
    expect_damage("core-67.img", "tc is missing");
    again("threads");
    scratch_edit(&set, "core-67.img", set_state, &state);
    expect_damage("core-67.img", "task state");
}

static unsigned set_fd_id(ProtobufCMessage *message, size_t number, void *context)
{
    if (number == 0)
        ((FdinfoEntry *)message)->id = *(uint32_t *)context;
    return 1;
}

static unsigned two_ids(ProtobufCMessage *message, size_t number, void *context)
{
    (void)context;
    if (number == 0)
        ((FileEntry *)message)->id += 1000;
    return 1;
}

static unsigned other_type(ProtobufCMessage *message, size_t number, void *context)
{
    (void)context;
    if (number == 0)
        ((FileEntry *)message)->type = FD_TYPES__PIDFD;
    return 1;
}

Test(set_check, open_files)
{
    uint32_t nowhere = 4711;

    scratch_copy(&set, "tcp");
    scratch_remove(&set, "files.img");
    expect_damage("files.img", "is missing or empty");
    again("tcp");
    scratch_drop_last(&set, "files.img");
    expect_damage("files.img does not have", "with the id");
    again("tcp");
    scratch_edit(&set, "files.img", repeat_first, NULL);
    expect_damage("files.img", "two entries are");
    again("tcp");
    scratch_edit(&set, "files.img", two_ids, NULL);
    expect_damage("files.img", "has two ids");
    again("tcp");
    scratch_edit(&set, "files.img", other_type, NULL);
    expect_damage("files.img", "does not hold what its type 20 says");
    again("tcp");
    scratch_edit(&set, "fdinfo-2.img", set_fd_id, &nowhere);
    expect_damage("fdinfo-2.img", "with the id 4711, which files.img does not have");
    again("tcp");
    scratch_edit(&set, "fdinfo-2.img", repeat_first, NULL);
    expect_damage("fdinfo-2.img", "descriptor 0 is there twice");
}

static unsigned keep_if_regular_and_low(ProtobufCMessage *message, size_t number, void *context)
{
    const FileEntry *file = (const FileEntry *)message;
    const bool *kept = context;

    (void)number;
    return file->id < 64 && kept[file->id];
}

/* Marks the files that memory and directories of the task refer to: all that is left of one without descriptors. */
static unsigned gather_mm(ProtobufCMessage *message, size_t number, void *context)
{
    const MmEntry *mm = (const MmEntry *)message;
    bool *kept = context;

    (void)number;
    kept[mm->exe_file_id] = true;
    for (size_t i = 0; i < mm->n_vmas; i++)
        if ((mm->vmas[i]->status & 0xc0) && mm->vmas[i]->shmid < 64)
            kept[mm->vmas[i]->shmid] = true;
    return 1;
}

static unsigned map_nowhere(ProtobufCMessage *message, size_t number, void *context)
{
    const MmEntry *mm = (const MmEntry *)message;

    (void)number;
    for (size_t i = 0; i < mm->n_vmas; i++)
        if (mm->vmas[i]->status & 0xc0)
            mm->vmas[i]->shmid += *(const uint64_t *)context;
    return 1;
}

Test(set_check, mapped_files)
{
    uint64_t beyond = 4711;

    scratch_copy(&set, "tcp");
    scratch_edit(&set, "mm-68.img", map_nowhere, &beyond);
    expect_damage("mm-68.img", "a mapping is the REG with the id 47");
    again("tcp");
    beyond = (uint64_t)1 << 32;
    scratch_edit(&set, "mm-68.img", map_nowhere, &beyond);
    expect_damage("mm-68.img", "more than 32 bits");
}

static unsigned gather_fs(ProtobufCMessage *message, size_t number, void *context)
{
    bool *kept = context;

    (void)number;
    kept[((const FsEntry *)message)->cwd_id] = kept[((const FsEntry *)message)->root_id] = true;
    return 1;
}

Test(set_check, descriptor_table_that_is_lost_or_was_empty)
{
    struct fy_imageset_summary summary;
    bool kept[64] = {false};

    scratch_copy(&set, "zombies");
    scratch_remove(&set, "fdinfo-2.img");
    expect_damage("fdinfo-2.img", "the descriptors of task 50, is missing");
    scratch_edit(&set, "mm-50.img", gather_mm, kept);
    scratch_edit(&set, "fs-50.img", gather_fs, kept);
    scratch_edit(&set, "files.img", keep_if_regular_and_low, kept);
    scratch_remove(&set, "pipes-data.img");
    check_whole(NULL, &summary);
    fy_imageset_summary_done(&summary);
}

Test(set_check, descriptor_table_that_is_cut_between_entries)
{
    scratch_copy(&set, "zombies");
    scratch_drop_last(&set, "fdinfo-2.img");
    expect_damage("files.img", "nothing refers to");
}

Test(set_check, pages)
{
    scratch_copy(&set, "tcp");
    scratch_resize(&set, "pages-2.img", scratch_size(&set, "pages-2.img") - 4096);
    expect_damage("pages-2.img", "pagemap-68.img calls for");
    scratch_resize(&set, "pages-2.img", scratch_size(&set, "pages-2.img") + 4097);
    expect_damage("pages-2.img", "pagemap-68.img calls for");
    scratch_remove(&set, "pages-2.img");
    expect_damage("pages-2.img", "is missing");
    again("tcp");
    scratch_write(&set, "pages-9.img", "", 0);
    expect_damage("pages-9.img", "belongs to no pagemap");
}

static unsigned edit_first_run(ProtobufCMessage *message, size_t number, void *context)
{
    PagemapEntry *run = (PagemapEntry *)message;

    if (number == 1) {
        const PagemapEntry *wanted = context;
        run->vaddr += wanted->vaddr;
        run->has_flags = true;
        run->flags = wanted->flags;
        run->nr_pages = wanted->nr_pages ? wanted->nr_pages - 1 : run->nr_pages;
    }
    return 1;
}

static void damage_pagemap(uint64_t vaddr, uint32_t flags, uint64_t pages)
{
    PagemapEntry change = PAGEMAP_ENTRY__INIT;

    again("tcp");
    change.vaddr = vaddr;
    change.flags = flags;
    change.nr_pages = pages;
    scratch_edit(&set, "pagemap-68.img", edit_first_run, &change);
}

/* Two counts that only together are more than 64 bits hold. */
static unsigned count_too_many(ProtobufCMessage *message, size_t number, void *context)
{
    PagemapEntry *run = (PagemapEntry *)message;

    (void)context;
    if (number == 0)
        return 1;
    run->has_nr_pages = true;
    run->nr_pages = number == 1 ? 1 : UINT64_MAX;
    return number <= 2;
}

static unsigned drop_second(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)context;
    return number != 1;
}

static unsigned odd_page_size(ProtobufCMessage *message, size_t number, void *context)
{
    MmEntry *mm = (MmEntry *)message;

    (void)number;
    (void)context;
    for (size_t i = 0; i + 1 < mm->n_mm_saved_auxv; i += 2)
        if (mm->mm_saved_auxv[i] == AT_PAGESZ)
            mm->mm_saved_auxv[i + 1] = 5000;
    return 1;
}

Test(set_check, page_size)
{
    scratch_copy(&set, "tcp");
    scratch_edit(&set, "mm-68.img", odd_page_size, NULL);
    expect_damage("", "5000 bytes is not a power of two");
}

/* The last run, so that nothing is behind it that it could overlap. */
static unsigned one_huge_run(ProtobufCMessage *message, size_t number, void *context)
{
    (void)context;
    if (number == 1) {
        ((PagemapEntry *)message)->has_nr_pages = true;
        ((PagemapEntry *)message)->nr_pages = UINT64_MAX / 2;
    }
    return number <= 1;
}

static unsigned share_pages(ProtobufCMessage *message, size_t number, void *context)
{
    (void)context;
    if (number == 0)
        ((PagemapHead *)message)->pages_id = 1;
    return 1;
}

Test(set_check, page_maps)
{
    scratch_copy(&set, "tcp");
    damage_pagemap(1, 4, 0);
    expect_damage("pagemap-68.img", "does not begin a page");
    damage_pagemap((uint64_t)1 << 60, 4, 0);
    expect_damage("pagemap-68.img", "not above the one before it");
    damage_pagemap(0, 5, 0);
    expect_damage("pagemap-68.img", "contradict");
    damage_pagemap(0, 4, 1);
    expect_damage("pagemap-68.img", "has no pages");
    damage_pagemap(0, 4, 1000001);
    expect_damage("pagemap-68.img", "overlap");
    damage_pagemap(0, 12, 0);
    expect_refusal(FY_E_UNSUPPORTED, "pagemap-68.img", "compressed");
    again("tcp");
    scratch_edit(&set, "pagemap-68.img", count_too_many, NULL);
    expect_damage("pagemap-68.img", "more than 64 bits");
    again("tcp");
    scratch_edit(&set, "pagemap-68.img", one_huge_run, NULL);
    expect_damage("pagemap-68.img", "more pages than there are addresses");
    again("tcp");
    scratch_edit(&set, "pagemap-68.img", drop_second, NULL);
    expect_damage("pages-2.img", "calls for");
    again("tcp");
    scratch_edit(&set, "pagemap-68.img", share_pages, NULL);
    expect_damage("pages-1.img belongs to", "as well");
}

Test(set_check, level_before)
{
    struct fy_imageset_summary summary;
    struct scratch before;

    scratch_copy(&before, "chain/1");
    scratch_copy(&set, "chain/2");
    expect_damage("pagemap-1.img", "the link `parent` does not lead to one");
    cr_assert_eq(symlinkat("/nowhere", set.fd, "parent"), 0);
    expect_damage("parent", "does not lead to a directory");
    scratch_remove(&set, "parent");
    cr_assert_eq(symlinkat(before.path, set.fd, "parent"), 0);
    check_whole(NULL, &summary);
    cr_expect_eq(summary.parent_pages, 56);
    cr_expect_eq(summary.unknown_count, 0);
    fy_imageset_summary_done(&summary);
    scratch_remove(&before, "pagemap-5.img");
    expect_damage("pagemap-5.img", "pages of this set are in it");
    scratch_done(&before);
}

Test(set_check, images_that_others_call_for)
{
    static const struct {
        const char *set, *image, *text;
    } missing[] = {
        {"tcp", "tcp-stream-7b070.img", "is the content of a TCP connection in files.img"},
        {"namespaces", "ghost-file-1.img", "is the content of a deleted file in remap-fpath.img"},
        {"namespaces", "tmpfs-dev-60.tar.gz.img", "is a tmpfs"},
        {"namespaces", "utsns-12.img", "UTS namespace 12"},
        {"namespaces", "ipcns-var-11.img", "IPC namespace 11"},
        {"namespaces", "userns-15.img", "user namespace 15"},
        {"namespaces", "mountpoints-14.img", "mount namespace 14"},
        {"namespaces", "netns-10.img", "network namespace 10"},
        {"namespaces", "netdev-10.img", "network namespace 10"},
        {"namespaces", "timens-13.img", "time namespace 13"},
        {"shared-memory", "pagemap-shmem-0.img", "is the content of shared memory in mm-5.img"},
        {"shared-memory", "pagemap-shmem-26717.img", "is the content of a memory file in memfd.img"},
    };
    scratch_make(&set);
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        again(missing[i].set);
        scratch_remove(&set, missing[i].image);
        expect_damage("", missing[i].text);
    }
    again("tcp");
    scratch_rename(&set, "tcp-stream-7b070.img", "tcp-stream-7b072.img");
    expect_damage("tcp-stream-7b070.img", "missing");
}

static unsigned unmap_shared(ProtobufCMessage *message, size_t number, void *context)
{
    MmEntry *mm = (MmEntry *)message;

    (void)number;
    (void)context;
    for (size_t i = 0; i < mm->n_vmas; i++)
        mm->vmas[i]->status &= ~(uint32_t)(1 << 8 | 1 << 10);
    return 1;
}

Test(set_check, segment_that_nobody_has_mapped)
{
    scratch_copy(&set, "shared-memory");
    scratch_edit(&set, "mm-5.img", unmap_shared, NULL);
    scratch_remove(&set, "pagemap-shmem-0.img");
    expect_damage("pagemap-shmem-0.img", "is the content of a System V segment in ipcns-shm-11.img");
}

Test(set_check, what_is_said_about_zombies)
{
    struct fy_imageset_summary summary;

    scratch_copy(&set, "zombies");
    check_whole(NULL, &summary);
    cr_expect_eq(summary.inventory.img_version, 2);
    cr_expect_eq(summary.root_pid, 50);
    cr_expect_eq(summary.task_count, 22);
    cr_expect_eq(summary.zombie_count, 21);
    cr_expect_eq(summary.thread_count, 1);
    cr_expect_eq(summary.file_count, 39);
    cr_expect_eq(summary.total_bytes, 132870);
    cr_expect_eq(summary.pages_bytes, 126976);
    cr_expect_eq(summary.namespaces, 0);
    cr_expect_not(summary.has_tcp_established);
    fy_imageset_summary_done(&summary);
}

Test(set_check, what_is_said_about_others)
{
    struct fy_imageset_summary summary;

    scratch_copy(&set, "threads");
    check_whole(NULL, &summary);
    cr_expect_eq(summary.task_count, 1);
    cr_expect_eq(summary.thread_count, 2);
    again("tcp");
    check_whole(NULL, &summary);
    cr_expect(summary.has_tcp_established);
    again("namespaces");
    check_whole(NULL, &summary);
    cr_expect_eq(summary.root_pid, 1);
    cr_expect_eq(summary.namespaces, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET |
                                         CLONE_NEWUSER | 0x80 /* time */);
    again("32bit");
    check_whole(NULL, &summary);
    cr_expect_eq(summary.zombie_count, 9);
    again("shared-memory");
    check_whole(NULL, &summary);
    again("in-flight");
    check_whole(NULL, &summary);
}

Test(set_check, unknown_files_do_no_harm)
{
    struct fy_imageset_summary summary;

    scratch_copy(&set, "tcp");
    scratch_write(&set, "dump.log", "text", 4);
    scratch_write(&set, "descriptors.json", "[]", 2);
    cr_assert_eq(mkdirat(set.fd, "a folder", 0700), 0);
    check_whole(NULL, &summary);
    cr_assert_eq(summary.unknown_count, 3);
    cr_expect_str_eq(summary.unknown_names[0], "a folder");
    cr_expect_str_eq(summary.unknown_names[1], "descriptors.json");
    cr_expect_str_eq(summary.unknown_names[2], "dump.log");
    cr_expect_eq(summary.file_count, 21);
    fy_imageset_summary_done(&summary);
    cr_expect_eq(summary.unknown_count, 0);
}
