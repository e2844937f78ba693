/* One planted damage for each finding about open files and the images that hold their content. */
#include "expect.h"
#include <criterion/criterion.h>
#include <criu/files.pb-c.h>
#include <criu/mm.pb-c.h>

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

TestSuite(set_files, .fini = end);

static unsigned first_twice(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)context;
    return number == 0 ? 2 : 1;
}

static unsigned other_type(ProtobufCMessage *message, size_t number, void *context)
{
    (void)context;
    if (number == 0)
        ((FileEntry *)message)->type = FD_TYPES__PIDFD;
    return 1;
}

static unsigned two_ids(ProtobufCMessage *message, size_t number, void *context)
{
    (void)context;
    if (number == 0)
        ((FileEntry *)message)->id += 1000;
    return 1;
}

Test(set_files, table_of_open_files)
{
    take("tcp");
    scratch_remove(&set, "files.img");
    expect_only(FY_FINDING_FILES_MISSING, &set, "files.img", "missing or empty");
    take("tcp");
    scratch_edit(&set, "files.img", other_type, NULL);
    expect_finding(FY_FINDING_FILE_CONTENT, &set, "files.img", "does not hold what its type 20 says");
    take("tcp");
    scratch_edit(&set, "files.img", two_ids, NULL);
    expect_finding(FY_FINDING_FILE_TWO_IDS, &set, "files.img", "has two ids");
    take("tcp");
    scratch_edit(&set, "files.img", first_twice, NULL);
    expect_finding(FY_FINDING_FILE_TWICE, &set, "files.img", "two entries are");
}

static unsigned nowhere(ProtobufCMessage *message, size_t number, void *context)
{
    (void)context;
    if (number == 0)
        ((FdinfoEntry *)message)->id = 4711;
    return 1;
}

static unsigned program_nowhere(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    (void)context;
    ((MmEntry *)message)->exe_file_id = 4711;
    return 1;
}

Test(set_files, references)
{
    take("tcp");
    scratch_edit(&set, "fdinfo-2.img", first_twice, NULL);
    expect_only(FY_FINDING_FD_TWICE, &set, "fdinfo-2.img", "descriptor 0 is there twice");
    take("tcp");
    scratch_edit(&set, "fdinfo-2.img", nowhere, NULL);
    expect_finding(FY_FINDING_FD_FILE_UNKNOWN, &set, "fdinfo-2.img", "with the id 4711");
    take("tcp");
    scratch_edit(&set, "mm-68.img", program_nowhere, NULL);
    expect_finding(FY_FINDING_FILE_UNKNOWN, &set, "mm-68.img", "the program is the REG with the id 4711");
}

Test(set_files, descriptors_that_are_lost)
{
    take("zombies");
    scratch_remove(&set, "fdinfo-2.img");
    expect_finding(FY_FINDING_FDINFO_MISSING, &set, "fdinfo-2.img", "the descriptors of task 50");
    take("zombies");
    scratch_drop_last(&set, "fdinfo-2.img");
    expect_only(FY_FINDING_FILE_UNREFERENCED, &set, "files.img", "nothing refers to");
}

Test(set_files, content)
{
    take("tcp");
    scratch_remove(&set, "tcp-stream-7b070.img");
    expect_only(FY_FINDING_CONTENT_MISSING, &set, "tcp-stream-7b070.img", "a TCP connection in files.img");
    take("namespaces");
    scratch_remove(&set, "ghost-file-1.img");
    expect_only(FY_FINDING_CONTENT_MISSING, &set, "ghost-file-1.img", "a deleted file in remap-fpath.img");
    take("namespaces");
    scratch_remove(&set, "tmpfs-dev-60.tar.gz.img");
    expect_only(FY_FINDING_TMPFS_MISSING, &set, "mountpoints-14.img", "is a tmpfs");
    take("namespaces");
    scratch_remove(&set, "utsns-12.img");
    expect_only(FY_FINDING_NAMESPACE_MISSING, &set, "utsns-12.img", "is in UTS namespace 12");
}
