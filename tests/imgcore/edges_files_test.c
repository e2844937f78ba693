/* Descriptors, and entries that name one: each that leads nowhere, or to two things, is found and named. */
#include "edges.h"
#include <criterion/criterion.h>
#include <criu/files.pb-c.h>
#include <criu/pipes.pb-c.h>

TestSuite(edges_files, .fini = edges_done);

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

Test(edges_files, epoll_waits_for_a_descriptor_of_the_table)
{
    begin("tcp");
    add_epoll(900); /* itself */
    expect_no_errors();
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
    made_entry(&made, &lock);
    write_image("filelocks.img");
}

Test(edges_files, locks)
{
    begin("tcp");
    write_lock(68, 0);
    expect_no_errors();
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

Test(edges_files, pidfds)
{
    begin("tcp");
    add_pidfd(-1); /* of a task that has gone */
    expect_no_errors();
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

Test(edges_files, sockets_without_a_descriptor_may_be_inherited)
{
    begin("tcp");
    scratch_edit(&damaged, "fdinfo-2.img", forget_socket, NULL);
    expect_warning("file-inherited", "files.img");
}

Test(edges_files, a_table_whose_files_are_all_in_others_may_be_absent)
{
    begin("lazy");
    scratch_remove(&damaged, "fdinfo-3.img");
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
        made_entry(&made, &data);
        made_bytes(&made, "12345678", bytes);
    }
    write_image("pipes-data.img");
}

Test(edges_files, data_of_pipes)
{
    bool has_pipes = false;

    begin("threads");
    scratch_edit(&damaged, "files.img", join_pipes, &has_pipes);
    cr_assert(has_pipes);
    write_pipe_data(THE_PIPE, 4, 4096, 1);
    expect_no_errors();
    write_pipe_data(THE_PIPE, 4, 4096, 2);
    expect_error("pipe-data-twice", "pipes-data.img");
    write_pipe_data(THE_PIPE, 4, 2, 1);
    expect_error("pipe-data-size", "pipes-data.img");
    write_pipe_data(NOWHERE, 4, 4096, 1);
    expect_error("pipe-data-orphan", "pipes-data.img");
    expect_error("pipe-data-missing", "files.img");
    scratch_remove(&damaged, "pipes-data.img");
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

Test(edges_files, data_of_fifos)
{
    begin("tcp");
    add_fifo(1); /* for writing only: its content is somebody else's */
    expect_no_errors();
    again("tcp");
    add_fifo(2);
    expect_error("pipe-data-missing", "files.img");
}
