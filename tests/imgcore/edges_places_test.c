/* Where tasks are and what they are under: control groups, filters, namespaces, mounts, networks. */
#include "edges.h"
#include <criterion/criterion.h>
#include <criu/cgroup.pb-c.h>
#include <criu/core.pb-c.h>
#include <criu/files.pb-c.h>
#include <criu/mounts.pb-c.h>
#include <criu/netdev.pb-c.h>
#include <criu/pstree.pb-c.h>
#include <criu/security.pb-c.h>
#include <linux/netlink.h>
#include <string.h>

TestSuite(edges_places, .fini = edges_done);

static unsigned move_to_group(ProtobufCMessage *message, size_t number, void *context)
{
    CoreEntry *core = (CoreEntry *)message;

    (void)number;
    (void)context;
    core->thread_core->has_cg_set = true;
    core->thread_core->cg_set = NOWHERE;
    return 1;
}

static unsigned same_group(ProtobufCMessage *message, size_t number, void *context)
{
    CgroupEntry *cgroup = (CgroupEntry *)message;

    (void)number;
    (void)context;
    cr_assert_gt(cgroup->n_sets, 0);
    cgroup->sets[cgroup->n_sets - 1]->id = cgroup->sets[0]->id;
    if (cgroup->n_sets == 1) {
        static CgSetEntry *sets[2];
        sets[0] = sets[1] = cgroup->sets[0];
        cgroup->sets = sets;
        cgroup->n_sets = 2;
    }
    return 1;
}

Test(edges_places, control_groups)
{
    begin("threads");
    scratch_edit(&damaged, "core-67.img", move_to_group, NULL);
    expect_error("cgroup-unknown", "core-67.img");
    again("threads");
    scratch_edit(&damaged, "cgroup.img", same_group, NULL);
    expect_error("cgroup-twice", "cgroup.img");
    again("threads");
    scratch_remove(&damaged, "cgroup.img");
    expect_error("cgroup-unknown", "core-67.img");
}

static unsigned under_filter(ProtobufCMessage *message, size_t number, void *context)
{
    ThreadCoreEntry *thread = ((CoreEntry *)message)->thread_core;

    (void)number;
    thread->has_seccomp_mode = thread->has_seccomp_filter = true;
    thread->seccomp_mode = SECCOMP_MODE__filter;
    thread->seccomp_filter = *(uint32_t *)context;
    return 1;
}

/* Two filters: the second follows `second_prev`, the first `first_prev`, or nothing below 0. */
static void write_filters(int first_prev, int second_prev, size_t bytes)
{
    static uint8_t code[64];
    SeccompEntry entry = SECCOMP_ENTRY__INIT;
    SeccompFilter first = SECCOMP_FILTER__INIT, second = SECCOMP_FILTER__INIT, *filters[] = {&first, &second};

    first.filter = second.filter = (ProtobufCBinaryData){bytes, code};
    first.has_prev = first_prev >= 0;
    first.prev = (uint32_t)first_prev;
    second.has_prev = second_prev >= 0;
    second.prev = (uint32_t)second_prev;
    entry.n_seccomp_filters = 2;
    entry.seccomp_filters = filters;
    start_image(FY_IMAGE_SECCOMP);
    made_entry(&made, &entry);
    write_image("seccomp.img");
}

Test(edges_places, filters)
{
    uint32_t filter = 1;

    begin("tcp");
    scratch_edit(&damaged, "core-68.img", under_filter, &filter);
    expect_error("seccomp-unknown", "core-68.img");
    write_filters(-1, 0, 32);
    expect_no_errors();
    write_filters(-1, 2, 32);
    expect_error("seccomp-filter", "seccomp.img");
    write_filters(-1, 0, 33);
    expect_error("seccomp-filter", "seccomp.img");
    write_filters(1, 0, 32);
    expect_error("seccomp-circle", "seccomp.img");
    write_filters(-1, 1, 32);
    expect_error("seccomp-circle", "seccomp.img");
}

static unsigned with_signal(ProtobufCMessage *message, size_t number, void *context)
{
    static uint8_t bytes[256];
    static SiginfoEntry signal = SIGINFO_ENTRY__INIT;
    static SiginfoEntry *signals[] = {&signal};
    static SignalQueueEntry queue = SIGNAL_QUEUE_ENTRY__INIT;

    (void)number;
    signal.siginfo = (ProtobufCBinaryData){*(size_t *)context, bytes};
    queue.n_signals = 1;
    queue.signals = signals;
    ((CoreEntry *)message)->thread_core->signals_p = &queue;
    ((CoreEntry *)message)->tc->signals_s = &queue;
    return 1;
}

Test(edges_places, signals)
{
    size_t size = 128;

    begin("tcp");
    scratch_edit(&damaged, "core-68.img", with_signal, &size);
    expect_no_errors();
    size = 127;
    scratch_edit(&damaged, "core-68.img", with_signal, &size);
    expect_error("signal-size", "core-68.img");
}

static void add_tun(uint32_t ns_id, bool has_path)
{
    FileEntry file = file_of(FD_TYPES__TUNF), path = FILE_ENTRY__INIT;
    RegFileEntry regular = REG_FILE_ENTRY__INIT;
    TunfileEntry tun = TUNFILE_ENTRY__INIT;

    /* The device's path has the same id, and no descriptor. */
    regular.id = path.id = file.id;
    regular.fown = &nobody;
    regular.name = "/dev/net/tun";
    path.type = FD_TYPES__REG;
    path.reg = &regular;
    if (has_path)
        append_entry("files.img", &path);
    tun.id = file.id;
    tun.has_ns_id = true;
    tun.ns_id = ns_id;
    file.tunf = &tun;
    add_open_file(&file);
}

static void add_ns_file(uint32_t ns_id)
{
    FileEntry file = file_of(FD_TYPES__NS);
    NsFileEntry ns = NS_FILE_ENTRY__INIT;

    ns.id = file.id;
    ns.ns_id = ns_id;
    file.nsf = &ns;
    add_open_file(&file);
}

Test(edges_places, namespaces_of_files)
{
    begin("namespaces");
    add_tun(10, true);
    expect_no_errors();
    again("namespaces");
    add_tun(10, false);
    expect_error("file-unknown", "files.img");
    again("namespaces");
    add_tun(NOWHERE, true);
    expect_error("net-unknown", "files.img");
    again("namespaces");
    add_ns_file(12);
    expect_no_errors();
    again("namespaces");
    add_ns_file(NOWHERE);
    expect_error("ns-file", "files.img");
}

static unsigned lose_mount(ProtobufCMessage *message, size_t number, void *context)
{
    FileEntry *file = (FileEntry *)message;

    (void)number;
    (void)context;
    if (file->reg)
        file->reg->mnt_id = (int32_t)NOWHERE;
    return 1;
}

static bool is_root(const MntEntry *mount)
{
    return strcmp(mount->mountpoint, "/") == 0;
}

static unsigned lose_root(ProtobufCMessage *message, size_t number, void *context)
{
    MntEntry *mount = (MntEntry *)message;

    (void)number;
    (void)context;
    if (is_root(mount))
        mount->mountpoint = "/elsewhere";
    return 1;
}

static unsigned lose_parent(ProtobufCMessage *message, size_t number, void *context)
{
    MntEntry *mount = (MntEntry *)message;

    (void)number;
    (void)context;
    if (!is_root(mount))
        mount->parent_mnt_id = NOWHERE;
    return 1;
}

/* All mounts but the root: each stands on the one seen before it, and the first on the last, given in `context`. */
static unsigned make_circle(ProtobufCMessage *message, size_t number, void *context)
{
    MntEntry *mount = (MntEntry *)message;
    uint32_t *previous = context;

    (void)number;
    if (is_root(mount))
        return 1;
    mount->parent_mnt_id = *previous;
    *previous = mount->mnt_id;
    return 1;
}

Test(edges_places, mounts)
{
    uint32_t last = 0;

    begin("namespaces");
    scratch_edit(&damaged, "files.img", lose_mount, NULL);
    expect_error("mount-unknown", "files.img");
    again("namespaces");
    scratch_edit(&damaged, "mountpoints-14.img", twice, NULL);
    expect_error("mount-twice", "mountpoints-14.img");
    again("namespaces");
    scratch_edit(&damaged, "mountpoints-14.img", lose_root, NULL);
    expect_error("mount-root", "mountpoints-14.img");
    again("namespaces");
    scratch_edit(&damaged, "mountpoints-14.img", lose_parent, NULL);
    expect_error("mount-parent", "mountpoints-14.img");
    again("namespaces");
    scratch_edit(&damaged, "mountpoints-14.img", make_circle, &last);
    scratch_edit(&damaged, "mountpoints-14.img", make_circle, &last);
    expect_error("mount-circle", "mountpoints-14.img");
}

static unsigned in_another_namespace(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    (void)context;
    ((TaskKobjIdsEntry *)message)->uts_ns_id = NOWHERE;
    return 1;
}

static unsigned in_another_network(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    (void)context;
    ((TaskKobjIdsEntry *)message)->net_ns_id = NOWHERE;
    return 1;
}

Test(edges_places, namespaces_below_the_root_task)
{
    begin("namespaces");
    scratch_edit(&damaged, "ids-5.img", in_another_namespace, NULL);
    expect_error("namespace-nested", "ids-5.img");
    again("pidfds"); /* without any namespaces of its own */
    scratch_edit(&damaged, "ids-1513.img", in_another_network, NULL);
    expect_error("namespace-nested", "ids-1513.img");
}

static unsigned without_loopback(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    (void)context;
    return ((NetDeviceEntry *)message)->type != ND_TYPE__LOOPBACK;
}

static unsigned with_master(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    (void)context;
    ((NetDeviceEntry *)message)->has_master = true;
    ((NetDeviceEntry *)message)->master = NOWHERE;
    return 1;
}

Test(edges_places, network_devices)
{
    begin("namespaces");
    scratch_edit(&damaged, "netdev-10.img", twice, NULL);
    expect_error("netdev-twice", "netdev-10.img");
    expect_error("netdev-loopback", "netdev-10.img");
    again("namespaces");
    scratch_edit(&damaged, "netdev-10.img", without_loopback, NULL);
    expect_error("netdev-loopback", "netdev-10.img");
    again("namespaces");
    scratch_edit(&damaged, "netdev-10.img", with_master, NULL);
    expect_warning("netdev-master", "netdev-10.img");
}

Test(edges_places, networks_that_are_not_in_the_set)
{
    static const char *const dumps[] = {"ifaddr-10.img", "route-10.img", "route6-10.img", "rule-10.img"};
    NetnsEntry outside = NETNS_ENTRY__INIT;

    begin("namespaces");
    scratch_remove(&damaged, "netdev-10.img");
    expect_error("namespace-missing", "netdev-10.img");
    outside.ext_key = "net";
    start_image(FY_IMAGE_NETNS);
    made_entry(&made, &outside);
    write_image("netns-10.img");
    expect_no_errors();
    scratch_remove(&damaged, "netns-10.img");
    for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++)
        scratch_remove(&damaged, dumps[i]);
    expect_warning("net-empty", "netns-10.img");
}

Test(edges_places, what_ip_has_saved)
{
    struct nlmsghdr odd = {.nlmsg_len = 8};
    uint64_t size;

    begin("namespaces");
    size = scratch_size(&damaged, "ifaddr-10.img");
    cr_assert_gt(size, 20);
    scratch_resize(&damaged, "ifaddr-10.img", size - 1);
    expect_error("net-dump", "ifaddr-10.img");
    scratch_resize(&damaged, "ifaddr-10.img", 3);
    expect_error("net-dump", "ifaddr-10.img");
    scratch_remove(&damaged, "ifaddr-10.img");
    expect_warning("net-dump-missing", "ifaddr-10.img");
    again("namespaces");
    scratch_set_byte(&damaged, "rule-10.img", 0, 0);
    expect_error("net-dump", "rule-10.img");
    again("namespaces");
    scratch_write(&damaged, "netns-ct-10.img", &odd, sizeof(odd));
    expect_error("net-dump", "netns-ct-10.img");
    odd.nlmsg_len = sizeof(odd);
    scratch_write(&damaged, "netns-ct-10.img", &odd, sizeof(odd));
    expect_no_errors();
}
