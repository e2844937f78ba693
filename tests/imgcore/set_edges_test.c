/* Numbers by which images refer to one another: each that leads nowhere, or to two things, is found and named. */
#include "scratch.h"
#include <criterion/criterion.h>
#include <criu/cgroup.pb-c.h>
#include <criu/core.pb-c.h>
#include <criu/files.pb-c.h>
#include <criu/mounts.pb-c.h>
#include <criu/netdev.pb-c.h>
#include <criu/pipes.pb-c.h>
#include <criu/security.pb-c.h>
#include <criu/sockets.pb-c.h>
#include <criu/tty.pb-c.h>
#include <ferry/imgcore/catalogue.h>
#include <ferry/imgcore/verify.h>
#include <linux/netlink.h>
#include <string.h>

#define NOWHERE 77777u

static struct scratch set;

/* What the verifier is to find. */
struct wanted {
    const char *code, *file;
    size_t count, errors;
    enum fy_severity severity;
};

static void note_finding(const struct fy_finding *finding, void *data)
{
    struct wanted *wanted = data;

    cr_expect(finding->what[0] && finding->effect[0] && finding->next[0], "%s says too little", finding->code);
    if (finding->severity == FY_SEVERITY_ERROR)
        wanted->errors++;
    if (strcmp(finding->code, wanted->code) != 0 || strcmp(finding->file, wanted->file) != 0)
        return;
    wanted->count++;
    wanted->severity = finding->severity;
}

static struct wanted look_for(const char *code, const char *file)
{
    struct fy_imageset_options options = {.accept_lazy = true};
    struct wanted wanted = {.code = code, .file = file};
    struct fy_imageset_summary summary;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(fy_imageset_verify(set.fd, &options, note_finding, &wanted, &summary, &err), 0, "%s", err.message);
    fy_imageset_summary_done(&summary);
    return wanted;
}

static void expect_error(const char *code, const char *file)
{
    struct wanted found = look_for(code, file);

    cr_expect_gt(found.count, 0, "%s in %s is not found", code, file);
    cr_expect_eq(found.severity, FY_SEVERITY_ERROR, "%s", code);
}

/* Found, and the set stays whole. */
static void expect_warning(const char *code, const char *file)
{
    struct wanted found = look_for(code, file);

    cr_expect_gt(found.count, 0, "%s in %s is not found", code, file);
    cr_expect_eq(found.severity, FY_SEVERITY_WARNING, "%s", code);
    cr_expect_eq(found.errors, 0, "%s comes with errors", code);
}

static void expect_whole(void)
{
    cr_expect_eq(look_for("", "").errors, 0);
}

static void begin(const char *name)
{
    scratch_copy(&set, name);
    expect_whole();
}

static void again(const char *name)
{
    scratch_done(&set);
    scratch_copy(&set, name);
}

static void end(void)
{
    scratch_done(&set);
}

TestSuite(set_edges, .fini = end);

/* Made by CRIU 4.2.1 of small programs, and restored by it: epoll with timers and signals, terminals, locks of all
 * kinds, chains of filters in threads, waiting signals, pidfds, pipes and FIFOs, a mount namespace in another one, a
 * task with a network of its own, deleted and linked files, files in flight over UNIX sockets, a tun device. */
Test(set_edges, real_sets)
{
    static const char *const names[] = {"epoll", "terminals", "locks",    "filters", "signals", "pidfds",
                                        "pipes", "mounts",    "networks", "deleted", "sockets", "tun"};

    begin("tcp");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        again(names[i]);
        expect_whole();
    }
}

static unsigned without_first(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)context;
    return number > 0;
}

/* What real sets refer to is lost. */
Test(set_edges, images_and_entries_that_are_lost)
{
    begin("pipes");
    scratch_remove(&set, "pipes-data.img");
    expect_error("pipe-data-missing", "files.img");
    again("pipes");
    scratch_remove(&set, "fifo-data.img");
    expect_error("pipe-data-missing", "files.img");
    again("terminals");
    scratch_drop_last(&set, "tty-info.img");
    expect_error("tty-info-missing", "files.img");
    again("filters");
    scratch_remove(&set, "seccomp.img");
    expect_error("seccomp-unknown", "core-927.img");
    again("deleted");
    scratch_drop_last(&set, "remap-fpath.img");
    expect_error("left-over", "ghost-file-4.img");
    again("mounts");
    scratch_edit(&set, "mountpoints-14.img", without_first, NULL);
    expect_error("left-over", "tmpfs-dev-59.tar.gz.img");
    expect_error("mount-unknown", "files.img");
}

/* An image of one kind with what was added to it. */
static struct made image;

static void start_image(enum fy_image_kind kind)
{
    made_magic(&image, fy_catalogue_get(kind)->magic);
}

static void write_image(const char *name)
{
    scratch_write(&set, name, image.data, image.size);
}

static void append_entry(const char *name, const void *message)
{
    image.size = 0;
    made_entry(&image, message);
    scratch_append(&set, name, image.data, image.size);
}

static FownEntry nobody = FOWN_ENTRY__INIT;

/* A descriptor of the first table, and the file that it leads to. */
static void add_open_file(FileEntry *file)
{
    FdinfoEntry fd = FDINFO_ENTRY__INIT;

    fd.id = file->id;
    fd.type = file->type;
    fd.fd = 900;
    append_entry("files.img", file);
    append_entry("fdinfo-2.img", &fd);
}

static FileEntry file_of(FdTypes type)
{
    FileEntry file = FILE_ENTRY__INIT;

    file.type = type;
    file.id = 9001;
    return file;
}

static void add_epoll(uint32_t watched)
{
    FileEntry file = file_of(FD_TYPES__EVENTPOLL);
    EventpollFileEntry epoll = EVENTPOLL_FILE_ENTRY__INIT;
    EventpollTfdEntry target = EVENTPOLL_TFD_ENTRY__INIT, *targets[] = {&target};

    target.tfd = watched;
    epoll.id = file.id;
    epoll.fown = &nobody;
    epoll.n_tfd = 1;
    epoll.tfd = targets;
    file.epfd = &epoll;
    add_open_file(&file);
}

Test(set_edges, epoll_waits_for_a_descriptor_of_the_table)
{
    begin("tcp");
    add_epoll(900); /* itself */
    expect_whole();
    again("tcp");
    add_epoll(NOWHERE);
    expect_error("epoll-fd", "files.img");
}

static void write_lock(int32_t pid, int32_t fd)
{
    FileLockEntry lock = FILE_LOCK_ENTRY__INIT;

    lock.pid = pid;
    lock.fd = fd;
    start_image(FY_IMAGE_FILE_LOCKS);
    made_entry(&image, &lock);
    write_image("filelocks.img");
}

Test(set_edges, locks)
{
    begin("tcp");
    write_lock(68, 0);
    expect_whole();
    write_lock((int32_t)NOWHERE, 0);
    expect_error("lock-task", "filelocks.img");
    write_lock(68, (int32_t)NOWHERE);
    expect_error("lock-fd", "filelocks.img");
    write_lock(68, -1);
    expect_error("lock-fd", "filelocks.img");
}

static void add_pidfd(int32_t pid)
{
    FileEntry file = file_of(FD_TYPES__PIDFD);
    PidfdEntry pidfd = PIDFD_ENTRY__INIT;

    pidfd.id = file.id;
    pidfd.nspid = pid;
    pidfd.fown = &nobody;
    file.pidfd = &pidfd;
    add_open_file(&file);
}

Test(set_edges, pidfds)
{
    begin("tcp");
    add_pidfd(-1); /* of a task that has gone */
    expect_whole();
    again("tcp");
    add_pidfd((int32_t)NOWHERE);
    expect_warning("pidfd-task", "files.img");
}

static unsigned forget_socket(ProtobufCMessage *message, size_t number, void *context)
{
    (void)number;
    (void)context;
    return ((FdinfoEntry *)message)->type != FD_TYPES__INETSK;
}

Test(set_edges, sockets_without_a_descriptor_may_be_inherited)
{
    begin("tcp");
    scratch_edit(&set, "fdinfo-2.img", forget_socket, NULL);
    expect_warning("file-inherited", "files.img");
}

Test(set_edges, a_table_whose_files_are_all_in_others_may_be_absent)
{
    begin("lazy");
    scratch_remove(&set, "fdinfo-3.img");
    expect_warning("fdinfo-absent", "fdinfo-3.img");
}

#define THE_PIPE 5u

/* All pipes of a set become one. */
static unsigned join_pipes(ProtobufCMessage *message, size_t number, void *context)
{
    FileEntry *file = (FileEntry *)message;

    (void)number;
    if (file->pipe) {
        file->pipe->pipe_id = THE_PIPE;
        *(bool *)context = true;
    }
    return 1;
}

static void write_pipe_data(uint32_t pipe_id, uint32_t bytes, uint32_t size, unsigned times)
{
    PipeDataEntry data = PIPE_DATA_ENTRY__INIT;

    data.pipe_id = pipe_id;
    data.bytes = bytes;
    data.has_size = true;
    data.size = size;
    start_image(FY_IMAGE_PIPES_DATA);
    for (; times > 0; times--) {
        made_entry(&image, &data);
        made_bytes(&image, "12345678", bytes);
    }
    write_image("pipes-data.img");
}

Test(set_edges, data_of_pipes)
{
    bool has_pipes = false;

    begin("threads");
    scratch_edit(&set, "files.img", join_pipes, &has_pipes);
    cr_assert(has_pipes);
    write_pipe_data(THE_PIPE, 4, 4096, 1);
    expect_whole();
    write_pipe_data(THE_PIPE, 4, 4096, 2);
    expect_error("pipe-data-twice", "pipes-data.img");
    write_pipe_data(THE_PIPE, 4, 2, 1);
    expect_error("pipe-data-size", "pipes-data.img");
    write_pipe_data(NOWHERE, 4, 4096, 1);
    expect_error("pipe-data-orphan", "pipes-data.img");
    expect_error("pipe-data-missing", "files.img");
    scratch_remove(&set, "pipes-data.img");
    expect_error("pipe-data-missing", "files.img");
}

static void add_fifo(uint32_t flags)
{
    FileEntry file = file_of(FD_TYPES__FIFO), path = FILE_ENTRY__INIT;
    RegFileEntry regular = REG_FILE_ENTRY__INIT;
    FifoEntry fifo = FIFO_ENTRY__INIT;

    regular.id = path.id = 9002;
    regular.flags = flags;
    regular.fown = &nobody;
    regular.name = "/fifo";
    path.type = FD_TYPES__REG;
    path.reg = &regular;
    append_entry("files.img", &path);
    fifo.id = file.id;
    fifo.pipe_id = 5;
    fifo.has_regf_id = true;
    fifo.regf_id = path.id;
    file.fifo = &fifo;
    add_open_file(&file);
}

Test(set_edges, data_of_fifos)
{
    begin("tcp");
    add_fifo(1); /* for writing only: its content is somebody else's */
    expect_whole();
    again("tcp");
    add_fifo(2);
    expect_error("pipe-data-missing", "files.img");
}

static void add_terminal(uint32_t info_id)
{
    FileEntry file = file_of(FD_TYPES__TTY);
    TtyFileEntry tty = TTY_FILE_ENTRY__INIT;

    tty.id = file.id;
    tty.tty_info_id = info_id;
    tty.fown = &nobody;
    file.tty = &tty;
    add_open_file(&file);
}

static void write_terminal(uint32_t id, TtyType type, bool has_index, unsigned times)
{
    TtyInfoEntry info = TTY_INFO_ENTRY__INIT;
    TtyPtyEntry pty = TTY_PTY_ENTRY__INIT;

    info.id = id;
    info.type = type;
    info.pty = has_index ? &pty : NULL;
    start_image(FY_IMAGE_TTY_INFO);
    for (; times > 0; times--)
        made_entry(&image, &info);
    write_image("tty-info.img");
}

static void write_terminal_data(uint32_t id)
{
    TtyDataEntry data = TTY_DATA_ENTRY__INIT;

    data.tty_id = id;
    start_image(FY_IMAGE_TTY_DATA);
    made_entry(&image, &data);
    write_image("tty-data.img");
}

Test(set_edges, terminals)
{
    begin("tcp");
    add_terminal(3);
    expect_error("tty-info-missing", "files.img");
    write_terminal(3, TTY_TYPE__PTY, true, 1);
    write_terminal_data(3);
    expect_whole();
    write_terminal(3, TTY_TYPE__PTY, true, 2);
    expect_error("tty-info-twice", "tty-info.img");
    write_terminal(3, TTY_TYPE__PTY, false, 1);
    expect_error("tty-info-content", "tty-info.img");
    write_terminal(3, TTY_TYPE__CTTY, true, 1);
    expect_error("tty-info-content", "tty-info.img");
    write_terminal(3, TTY_TYPE__CTTY, false, 1);
    write_terminal_data(NOWHERE);
    expect_error("tty-info-missing", "tty-data.img");
}

static unsigned lose_inode(ProtobufCMessage *message, size_t number, void *context)
{
    FileEntry *file = (FileEntry *)message;

    (void)number;
    (void)context;
    if (file->memfd)
        file->memfd->inode_id = NOWHERE;
    return 1;
}

static unsigned twice(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)number;
    (void)context;
    return 2;
}

Test(set_edges, memory_files)
{
    begin("tcp");
    scratch_edit(&set, "files.img", lose_inode, NULL);
    expect_error("memfd-missing", "files.img");
    again("tcp");
    scratch_remove(&set, "memfd.img");
    expect_error("memfd-missing", "files.img");
    again("tcp");
    scratch_edit(&set, "memfd.img", twice, NULL);
    expect_error("memfd-twice", "memfd.img");
}

static unsigned lose_peer(ProtobufCMessage *message, size_t number, void *context)
{
    FileEntry *file = (FileEntry *)message;

    (void)number;
    if (file->usk && file->usk->peer) {
        file->usk->peer = NOWHERE;
        file->usk->uflags |= *(uint32_t *)context;
    }
    return 1;
}

Test(set_edges, ends_of_unix_sockets)
{
    uint32_t flags = 0;

    begin("in-flight");
    scratch_edit(&set, "files.img", lose_peer, &flags);
    expect_error("unix-peer", "files.img");
    again("in-flight");
    flags = 4; /* a plugin connects it */
    scratch_edit(&set, "files.img", lose_peer, &flags);
    expect_warning("unix-peer-external", "files.img");
}

enum stream_fault { NO_UNSENT, NO_SCALE, NO_TIMESTAMP, TOO_MUCH_UNSENT };

static unsigned break_stream(ProtobufCMessage *message, size_t number, void *context)
{
    TcpStreamEntry *stream = (TcpStreamEntry *)message;

    (void)number;
    stream->inq_len = stream->outq_len = 0;
    stream->opt_mask = 5; /* timestamps and window scaling */
    stream->has_unsq_len = *(enum stream_fault *)context != NO_UNSENT;
    stream->has_rcv_wscale = *(enum stream_fault *)context != NO_SCALE;
    stream->has_timestamp = *(enum stream_fault *)context != NO_TIMESTAMP;
    stream->unsq_len = *(enum stream_fault *)context == TOO_MUCH_UNSENT;
    return 1;
}

Test(set_edges, connections)
{
    enum stream_fault fault;

    begin("tcp");
    for (fault = NO_UNSENT; fault <= NO_TIMESTAMP; fault++) {
        scratch_edit(&set, "tcp-stream-7b070.img", break_stream, &fault);
        expect_error("tcp-field", "tcp-stream-7b070.img");
    }
    scratch_edit(&set, "tcp-stream-7b070.img", break_stream, &fault);
    expect_error("tcp-queue", "tcp-stream-7b070.img");
}

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

Test(set_edges, control_groups)
{
    begin("threads");
    scratch_edit(&set, "core-67.img", move_to_group, NULL);
    expect_error("cgroup-unknown", "core-67.img");
    again("threads");
    scratch_edit(&set, "cgroup.img", same_group, NULL);
    expect_error("cgroup-twice", "cgroup.img");
    again("threads");
    scratch_remove(&set, "cgroup.img");
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
    made_entry(&image, &entry);
    write_image("seccomp.img");
}

Test(set_edges, filters)
{
    uint32_t filter = 1;

    begin("tcp");
    scratch_edit(&set, "core-68.img", under_filter, &filter);
    expect_error("seccomp-unknown", "core-68.img");
    write_filters(-1, 0, 32);
    expect_whole();
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

Test(set_edges, signals)
{
    size_t size = 128;

    begin("tcp");
    scratch_edit(&set, "core-68.img", with_signal, &size);
    expect_whole();
    size = 127;
    scratch_edit(&set, "core-68.img", with_signal, &size);
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

Test(set_edges, namespaces_of_files)
{
    begin("namespaces");
    add_tun(10, true);
    expect_whole();
    again("namespaces");
    add_tun(10, false);
    expect_error("file-unknown", "files.img");
    again("namespaces");
    add_tun(NOWHERE, true);
    expect_error("net-unknown", "files.img");
    again("namespaces");
    add_ns_file(12);
    expect_whole();
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

Test(set_edges, mounts)
{
    uint32_t last = 0;

    begin("namespaces");
    scratch_edit(&set, "files.img", lose_mount, NULL);
    expect_error("mount-unknown", "files.img");
    again("namespaces");
    scratch_edit(&set, "mountpoints-14.img", twice, NULL);
    expect_error("mount-twice", "mountpoints-14.img");
    again("namespaces");
    scratch_edit(&set, "mountpoints-14.img", lose_root, NULL);
    expect_error("mount-root", "mountpoints-14.img");
    again("namespaces");
    scratch_edit(&set, "mountpoints-14.img", lose_parent, NULL);
    expect_error("mount-parent", "mountpoints-14.img");
    again("namespaces");
    scratch_edit(&set, "mountpoints-14.img", make_circle, &last);
    scratch_edit(&set, "mountpoints-14.img", make_circle, &last);
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

Test(set_edges, namespaces_below_the_root_task)
{
    begin("namespaces");
    scratch_edit(&set, "ids-5.img", in_another_namespace, NULL);
    expect_error("namespace-nested", "ids-5.img");
    again("pidfds"); /* without any namespaces of its own */
    scratch_edit(&set, "ids-1513.img", in_another_network, NULL);
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

Test(set_edges, network_devices)
{
    begin("namespaces");
    scratch_edit(&set, "netdev-10.img", twice, NULL);
    expect_error("netdev-twice", "netdev-10.img");
    expect_error("netdev-loopback", "netdev-10.img");
    again("namespaces");
    scratch_edit(&set, "netdev-10.img", without_loopback, NULL);
    expect_error("netdev-loopback", "netdev-10.img");
    again("namespaces");
    scratch_edit(&set, "netdev-10.img", with_master, NULL);
    expect_warning("netdev-master", "netdev-10.img");
}

Test(set_edges, networks_that_are_not_in_the_set)
{
    static const char *const dumps[] = {"ifaddr-10.img", "route-10.img", "route6-10.img", "rule-10.img"};
    NetnsEntry outside = NETNS_ENTRY__INIT;

    begin("namespaces");
    scratch_remove(&set, "netdev-10.img");
    expect_error("namespace-missing", "netdev-10.img");
    outside.ext_key = "net";
    start_image(FY_IMAGE_NETNS);
    made_entry(&image, &outside);
    write_image("netns-10.img");
    expect_whole();
    scratch_remove(&set, "netns-10.img");
    for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++)
        scratch_remove(&set, dumps[i]);
    expect_warning("net-empty", "netns-10.img");
}

Test(set_edges, what_ip_has_saved)
{
    struct nlmsghdr odd = {.nlmsg_len = 8};
    uint64_t size;

    begin("namespaces");
    size = scratch_size(&set, "ifaddr-10.img");
    cr_assert_gt(size, 20);
    scratch_resize(&set, "ifaddr-10.img", size - 1);
    expect_error("net-dump", "ifaddr-10.img");
    scratch_resize(&set, "ifaddr-10.img", 3);
    expect_error("net-dump", "ifaddr-10.img");
    scratch_remove(&set, "ifaddr-10.img");
    expect_warning("net-dump-missing", "ifaddr-10.img");
    again("namespaces");
    scratch_set_byte(&set, "rule-10.img", 0, 0);
    expect_error("net-dump", "rule-10.img");
    again("namespaces");
    scratch_write(&set, "netns-ct-10.img", &odd, sizeof(odd));
    expect_error("net-dump", "netns-ct-10.img");
    odd.nlmsg_len = sizeof(odd);
    scratch_write(&set, "netns-ct-10.img", &odd, sizeof(odd));
    expect_whole();
}

static unsigned of_size(ProtobufCMessage *message, size_t number, void *context)
{
    FileEntry *file = (FileEntry *)message;

    (void)number;
    if (file->reg) {
        file->reg->has_size = true;
        file->reg->size = *(uint64_t *)context;
    }
    return 1;
}

/* A deleted file of 8192 bytes, of which one piece is there. */
static void write_ghost(const char *name, bool has_size, uint64_t offset)
{
    GhostFileEntry ghost = GHOST_FILE_ENTRY__INIT;
    GhostChunkEntry chunk = GHOST_CHUNK_ENTRY__INIT;

    ghost.mode = 0100600;
    ghost.has_chunks = ghost.chunks = true;
    ghost.has_size = has_size;
    ghost.size = has_size ? 8192 : 0;
    chunk.off = offset;
    chunk.len = 8;
    start_image(FY_IMAGE_GHOST_FILE);
    made_entry(&image, &ghost);
    made_entry(&image, &chunk);
    made_bytes(&image, "12345678", 8);
    write_image(name);
}

Test(set_edges, deleted_files)
{
    uint64_t size = 8192;

    begin("namespaces");
    scratch_edit(&set, "remap-fpath.img", twice, NULL);
    expect_warning("remap-twice", "remap-fpath.img");
    again("namespaces");
    scratch_edit(&set, "files.img", of_size, &size);
    expect_error("ghost-size", "ghost-file-1.img");
    write_ghost("ghost-file-1.img", true, 8184);
    expect_whole();
    write_ghost("ghost-file-1.img", true, 8185);
    expect_error("ghost-chunk", "ghost-file-1.img");
    write_ghost("ghost-file-1.img", true, UINT64_MAX);
    expect_error("ghost-chunk", "ghost-file-1.img");
    write_ghost("ghost-file-1.img", false, 0);
    expect_error("ghost-size", "ghost-file-1.img");
}

Test(set_edges, content_of_tmpfs)
{
    begin("namespaces");
    scratch_resize(&set, "tmpfs-dev-60.tar.gz.img", 17);
    expect_error("tmpfs-form", "tmpfs-dev-60.tar.gz.img");
    again("namespaces");
    scratch_set_byte(&set, "tmpfs-dev-60.tar.gz.img", 1, 0);
    expect_error("tmpfs-form", "tmpfs-dev-60.tar.gz.img");
    scratch_write(&set, "tmpfs-dev-60.tar.gz.img", "", 0);
    expect_error("tmpfs-form", "tmpfs-dev-60.tar.gz.img");
}

/* What nothing leads to any more is left over. */
Test(set_edges, images_that_are_left_over)
{
    static const char *const copies[][2] = {
        {"utsns-12.img", "utsns-77.img"},
        {"ipcns-var-11.img", "ipcns-var-77.img"},
        {"userns-15.img", "userns-77.img"},
        {"mountpoints-14.img", "mountpoints-77.img"},
        {"netdev-10.img", "netdev-77.img"},
        {"ifaddr-10.img", "ifaddr-77.img"},
        {"timens-13.img", "timens-77.img"},
        {"ghost-file-1.img", "ghost-file-77.img"},
        {"tmpfs-dev-60.tar.gz.img", "tmpfs-dev-77.tar.gz.img"},
    };

    begin("namespaces");
    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
        size_t size;
        uint8_t *data = scratch_read(&set, copies[i][0], &size);
        scratch_write(&set, copies[i][1], data, size);
        free(data);
        expect_error("left-over", copies[i][1]);
        scratch_remove(&set, copies[i][1]);
    }
    expect_whole();
}
