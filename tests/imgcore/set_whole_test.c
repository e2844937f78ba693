/* One planted damage for each finding about files, the inventory, tasks and memory; open files and what they lead to
 * are in other tests. Damage that explains itself must not be explained by others as well. */
#include "expect.h"
#include <criterion/criterion.h>
#include <criu/core.pb-c.h>
#include <criu/inventory.pb-c.h>
#include <criu/pstree.pb-c.h>
#include <ferry/base/cleanup.h>
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

TestSuite(set_whole, .fini = end);

/* ---- files ---- */

Test(set_whole, what_is_not_a_file)
{
    take("tcp");
    scratch_remove(&set, "seccomp.img");
    cr_assert_eq(mkdirat(set.fd, "seccomp.img", 0700), 0);
    expect_only(FY_FINDING_NOT_REGULAR, &set, "seccomp.img", "not a regular file");
    take("tcp");
    scratch_write(&set, "ghost-file-100000000.img", "", 0);
    expect_finding(FY_FINDING_NAME_NUMBER, &set, "ghost-file-100000000.img", "more than 32 bits");
}

Test(set_whole, beginning_of_a_file)
{
    take("tcp");
    scratch_set_byte(&set, "fs-68.img", 4, 0x13);
    expect_only(FY_FINDING_MAGIC, &set, "fs-68.img", "not that of FS");
    take("tcp");
    scratch_write(&set, "fs-68.img", "", 0);
    expect_only(FY_FINDING_MAGIC, &set, "fs-68.img", "a magic");
    take("tcp");
    scratch_set_byte(&set, "inventory.img", 0, 0x13);
    expect_only(FY_FINDING_MAGIC, &set, "inventory.img", "not that of INVENTORY");
}

static const char *const images[] = {"files.img",  "fdinfo-2.img", "mm-68.img",      "fs-68.img",    "core-68.img",
                                     "ids-68.img", "pstree.img",   "pagemap-68.img", "inventory.img"};

/* Whatever an image would have said is not missed elsewhere. */
Test(set_whole, files_that_are_cut)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(images); i++) {
        take("tcp");
        scratch_resize(&set, images[i], scratch_size(&set, images[i]) - 1);
        expect_only(FY_FINDING_ENTRY_DAMAGED, &set, images[i], "at byte");
    }
    for (size_t i = 0; i < FY_ARRAY_SIZE(images); i++) {
        take("tcp");
        scratch_append(&set, images[i], "\0\0\0", 3);
        expect_finding(strcmp(images[i], "files.img") == 0 || strcmp(images[i], "fdinfo-2.img") == 0 ||
                               strcmp(images[i], "pstree.img") == 0 || strcmp(images[i], "pagemap-68.img") == 0
                           ? FY_FINDING_ENTRY_DAMAGED
                           : FY_FINDING_TRAILING_BYTES,
                       &set, images[i], "at byte");
    }
}

Test(set_whole, more_after_the_only_entry)
{
    take("tcp");
    scratch_append(&set, "fs-68.img", "x", 1);
    expect_only(FY_FINDING_TRAILING_BYTES, &set, "fs-68.img", "1 bytes where the file should end");
}

Test(set_whole, fields_that_must_be_there)
{
    static const uint8_t empty[12] = {0x19, 0x43, 0x56, 0x54, 0x12, 0x39, 0x40, 0x51};

    take("tcp");
    scratch_write(&set, "fs-68.img", empty, sizeof(empty));
    expect_only(FY_FINDING_FIELD_MISSING, &set, "fs-68.img", "cwd_id is missing in fs_entry");
}

Test(set_whole, sizes_beyond_the_limit)
{
    static const uint8_t huge[12] = {0x19, 0x43, 0x56, 0x54, 0x12, 0x39, 0x40, 0x51, 0, 0, 0, 0x7f};

    take("tcp");
    scratch_write(&set, "fs-68.img", huge, sizeof(huge));
    expect_only(FY_FINDING_ENTRY_TOO_LARGE, &set, "fs-68.img", "more than 67108864");
}

static unsigned add_unknown(ProtobufCMessage *message, size_t number, void *context)
{
    static uint8_t value[] = {7};
    static ProtobufCMessageUnknownField field = {99, PROTOBUF_C_WIRE_TYPE_VARINT, sizeof(value), value};

    (void)number;
    (void)context;
    message->n_unknown_fields = 1;
    message->unknown_fields = &field;
    return 1;
}

static unsigned odd_mode(ProtobufCMessage *message, size_t number, void *context)
{
    TaskCoreEntry *task = ((CoreEntry *)message)->tc;

    (void)number;
    (void)context;
    task->has_old_seccomp_mode = true;
    task->old_seccomp_mode = (SeccompMode)77;
    return 1;
}

Test(set_whole, what_the_schema_does_not_know)
{
    take("tcp");
    scratch_edit(&set, "fs-68.img", add_unknown, NULL);
    expect_only(FY_FINDING_FIELD_UNKNOWN, &set, "fs-68.img", "fs_entry has the field 99");
    expect_whole(&set, 1);
    take("tcp");
    scratch_edit(&set, "core-68.img", odd_mode, NULL);
    expect_finding(FY_FINDING_NUMBER_UNKNOWN, &set, "core-68.img", "old_seccomp_mode is 77");
}

Test(set_whole, what_belongs_to_nobody)
{
    static const uint8_t head[8] = {0x19, 0x43, 0x56, 0x54, 0x32, 0x37, 0x21, 0x56};

    take("tcp");
    scratch_write(&set, "fdinfo-9.img", head, sizeof(head));
    expect_only(FY_FINDING_LEFT_OVER, &set, "fdinfo-9.img", "belongs to no task's descriptor table");
}

static unsigned forty_times(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)context;
    return number == 0 ? 40 : 1;
}

Test(set_whole, findings_without_end)
{
    struct fy_imageset_summary summary;

    take("tcp");
    scratch_edit(&set, "fdinfo-2.img", forty_times, NULL);
    expect_finding(FY_FINDING_MORE, &set, "fdinfo-2.img", "29 more findings of the kind fd-twice");
    cr_assert_eq(fy_imageset_verify(set.fd, NULL, NULL, NULL, &summary, NULL), 0);
    cr_expect_eq(summary.error_count, 39);
    fy_imageset_summary_done(&summary);
}

/* ---- inventory ---- */

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

static unsigned set_version(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    ((InventoryEntry *)message)->img_version = *(uint32_t *)context;
    return 1;
}

static unsigned by_pid(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    (void)context;
    ((InventoryEntry *)message)->has_fdinfo_per_id = false;
    ((InventoryEntry *)message)->fdinfo_per_id = false;
    return 1;
}

Test(set_whole, inventory)
{
    uint32_t version = 3;

    take("tcp");
    scratch_remove(&set, "inventory.img");
    expect_only(FY_FINDING_INVENTORY_MISSING, &set, "inventory.img", "the dump did not finish");
    take("tcp");
    edit_inventory(set_version, &version);
    expect_only(FY_FINDING_VERSION_UNKNOWN, &set, "inventory.img", "version 3 is not known here (compressed");
    version = 9;
    edit_inventory(set_version, &version);
    expect_only(FY_FINDING_VERSION_UNKNOWN, &set, "inventory.img", "version 9");
    version = 1;
    edit_inventory(set_version, &version);
    expect_only(FY_FINDING_FRAMING_FORM, &set, "pstree.img", "begins with two magics");
    take("tcp");
    edit_inventory(by_pid, NULL);
    expect_only(FY_FINDING_TOO_OLD, &set, "inventory.img", "descriptor tables by pid");
}

Test(set_whole, levels_and_lazy_dumps)
{
    take("pre-dump");
    expect_only(FY_FINDING_PRE_DUMP, &set, "inventory.img", "this is a pre-dump");
    expect_whole(&set, 1);
    scratch_resize(&set, "pages-1.img", 4096);
    expect_only(FY_FINDING_PAGES_SHORT, &set, "pages-1.img", "has 4096 bytes");
    take("lazy");
    expect_only(FY_FINDING_LAZY, &set, "inventory.img", "45 pages are still on the source");
}

/* ---- tasks ---- */

static unsigned leave_first_out(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)context;
    return number > 0;
}

static unsigned first_twice(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)context;
    return number == 0 ? 2 : 1;
}

static unsigned strange_parent(ProtobufCMessage *message, size_t number, void *context)
{
    if (number == 1)
        ((PstreeEntry *)message)->ppid = *(uint32_t *)context;
    return 1;
}

static unsigned strange_thread(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    (void)context;
    ((PstreeEntry *)message)->threads[0]++;
    return 1;
}

Test(set_whole, tree)
{
    uint32_t parent = 4711;

    take("zombies");
    scratch_remove(&set, "pstree.img");
    expect_only(FY_FINDING_PSTREE_MISSING, &set, "pstree.img", "missing or has no tasks");
    take("zombies");
    scratch_edit(&set, "pstree.img", leave_first_out, NULL);
    expect_finding(FY_FINDING_PSTREE_ROOT, &set, "pstree.img", "not the root");
    take("zombies");
    scratch_edit(&set, "pstree.img", first_twice, NULL);
    expect_finding(FY_FINDING_PID_TWICE, &set, "pstree.img", "have the number 50");
    take("zombies");
    scratch_edit(&set, "pstree.img", strange_parent, &parent);
    expect_only(FY_FINDING_PARENT_TASK, &set, "pstree.img", "the parent 4711");
    parent = 0;
    scratch_edit(&set, "pstree.img", strange_parent, &parent);
    expect_only(FY_FINDING_PARENT_TASK, &set, "pstree.img", "the parent 0");
    take("tcp");
    scratch_edit(&set, "pstree.img", strange_thread, NULL);
    expect_finding(FY_FINDING_THREADS, &set, "pstree.img", "do not begin with itself");
}

Test(set_whole, images_of_a_task)
{
    take("threads");
    scratch_remove(&set, "core-67.img");
    expect_finding(FY_FINDING_CORE_MISSING, &set, "core-67.img", "task 67 has none");
    take("threads");
    scratch_remove(&set, "core-68.img");
    expect_only(FY_FINDING_CORE_MISSING, &set, "core-68.img", "thread 68 of task 67");
    take("tcp");
    scratch_remove(&set, "ids-68.img");
    expect_finding(FY_FINDING_IDS_MISSING, &set, "ids-68.img", "task 68");
    take("tcp");
    scratch_remove(&set, "mm-68.img");
    expect_finding(FY_FINDING_MM_MISSING, &set, "mm-68.img", "task 68");
    take("tcp");
    scratch_remove(&set, "fs-68.img");
    expect_finding(FY_FINDING_FS_MISSING, &set, "fs-68.img", "task 68");
    take("tcp");
    scratch_remove(&set, "pagemap-68.img");
    expect_finding(FY_FINDING_PAGEMAP_MISSING, &set, "pagemap-68.img", "task 68");
}

enum core_change { NO_TASK, NO_THREAD, NO_REGISTERS, OTHER_PROCESSOR, UNKNOWN_PROCESSOR, FEWER_SIGNALS, ODD_STATE };

static unsigned change_core(ProtobufCMessage *message, size_t number, void *context)
{
    CoreEntry *core = (CoreEntry *)message;

    (void)number;
    switch (*(enum core_change *)context) {
    case NO_TASK:
        core->tc = NULL;
        break;
    case NO_THREAD:
        core->thread_core = NULL;
        break;
    case NO_REGISTERS:
        core->thread_info = NULL;
        break;
    case OTHER_PROCESSOR:
        core->mtype = CORE_ENTRY__MARCH__AARCH64;
        break;
    case UNKNOWN_PROCESSOR:
        core->mtype = (CoreEntry__March)4711;
        break;
    case FEWER_SIGNALS:
        core->tc->n_sigactions--;
        break;
    case ODD_STATE:
        core->tc->task_state = 9;
        break;
    }
    return 1;
}

static void damage_core(enum core_change change, const char *name)
{
    take("threads");
    scratch_edit(&set, name, change_core, &change);
}

/* The leader's core in the place of the other thread's. */
Test(set_whole, core_of_another)
{
    take("threads");
    scratch_remove(&set, "core-68.img");
    cr_assert_eq(linkat(set.fd, "core-67.img", set.fd, "core-68.img", 0), 0);
    expect_only(FY_FINDING_THREAD_TASK, &set, "core-68.img", "is of thread 68 of task 67");
    expect_whole(&set, 1);
}

Test(set_whole, directory_that_is_empty)
{
    scratch_make(&set);
    expect_only(FY_FINDING_INVENTORY_MISSING, &set, "inventory.img", "the dump did not finish");
}

Test(set_whole, directory_of_a_store)
{
    static const char *const suffixes[] = {"zst", "sealed"};

    for (size_t i = 0; i < FY_ARRAY_SIZE(suffixes); i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "inventory.img.%s", suffixes[i]);
        scratch_make(&set);
        scratch_write(&set, name, "x", 1);
        expect_only(FY_FINDING_STORED, &set, name, "store of checkpoints");
        end();
    }
}

Test(set_whole, state_of_tasks)
{
    damage_core(NO_TASK, "core-67.img");
    expect_only(FY_FINDING_CORE_TASK, &set, "core-67.img", "tc is missing");
    damage_core(NO_THREAD, "core-68.img");
    expect_only(FY_FINDING_CORE_THREAD, &set, "core-68.img", "thread_core is missing");
    damage_core(NO_REGISTERS, "core-68.img");
    expect_only(FY_FINDING_CORE_REGISTERS, &set, "core-68.img", "no registers of a X86_64");
    damage_core(OTHER_PROCESSOR, "core-68.img");
    expect_only(FY_FINDING_CORE_ARCHITECTURE, &set, "core-68.img", "is of a AARCH64, but core-67.img is of a X86_64");
    damage_core(UNKNOWN_PROCESSOR, "core-68.img");
    expect_only(FY_FINDING_CORE_ARCHITECTURE, &set, "core-68.img", "number 4711");
    damage_core(FEWER_SIGNALS, "core-67.img");
    expect_only(FY_FINDING_CORE_SIGNALS, &set, "core-67.img", "at 61 signals");
    damage_core(ODD_STATE, "core-67.img");
    expect_only(FY_FINDING_TASK_STATE, &set, "core-67.img", "task state 9");
}
