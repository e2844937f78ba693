/* What open files hold: terminals, memory files, sockets, connections, deleted files; and what is in a tmpfs. */
#include "edges.h"
#include <criterion/criterion.h>
#include <criu/files.pb-c.h>
#include <criu/sockets.pb-c.h>
#include <criu/tty.pb-c.h>
#include <ferry/imgcore/catalogue.h>

TestSuite(edges_content, .fini = edges_done);

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
        made_entry(&made, &info);
    write_image("tty-info.img");
}

static void write_terminal_data(uint32_t id)
{
    TtyDataEntry data = TTY_DATA_ENTRY__INIT;

    data.tty_id = id;
    start_image(FY_IMAGE_TTY_DATA);
    made_entry(&made, &data);
    write_image("tty-data.img");
}

Test(edges_content, terminals)
{
    begin("tcp");
    add_terminal(3);
    expect_error("tty-info-missing", "files.img");
    write_terminal(3, TTY_TYPE__PTY, true, 1);
    write_terminal_data(3);
    expect_no_errors();
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

Test(edges_content, memory_files)
{
    begin("tcp");
    scratch_edit(&damaged, "files.img", lose_inode, NULL);
    expect_error("memfd-missing", "files.img");
    again("tcp");
    scratch_remove(&damaged, "memfd.img");
    expect_error("memfd-missing", "files.img");
    again("tcp");
    scratch_edit(&damaged, "memfd.img", twice, NULL);
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

Test(edges_content, ends_of_unix_sockets)
{
    uint32_t flags = 0;

    begin("in-flight");
    scratch_edit(&damaged, "files.img", lose_peer, &flags);
    expect_error("unix-peer", "files.img");
    again("in-flight");
    flags = 4; /* a plugin connects it */
    scratch_edit(&damaged, "files.img", lose_peer, &flags);
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

Test(edges_content, connections)
{
    enum stream_fault fault;

    begin("tcp");
    for (fault = NO_UNSENT; fault <= NO_TIMESTAMP; fault++) {
        scratch_edit(&damaged, "tcp-stream-7b070.img", break_stream, &fault);
        expect_error("tcp-field", "tcp-stream-7b070.img");
    }
    scratch_edit(&damaged, "tcp-stream-7b070.img", break_stream, &fault);
    expect_error("tcp-queue", "tcp-stream-7b070.img");
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
    made_entry(&made, &ghost);
    made_entry(&made, &chunk);
    made_bytes(&made, "12345678", 8);
    write_image(name);
}

Test(edges_content, deleted_files)
{
    uint64_t size = 8192;

    begin("namespaces");
    scratch_edit(&damaged, "remap-fpath.img", twice, NULL);
    expect_warning("remap-twice", "remap-fpath.img");
    again("namespaces");
    scratch_edit(&damaged, "files.img", of_size, &size);
    expect_error("ghost-size", "ghost-file-1.img");
    write_ghost("ghost-file-1.img", true, 8184);
    expect_no_errors();
    write_ghost("ghost-file-1.img", true, 8185);
    expect_error("ghost-chunk", "ghost-file-1.img");
    write_ghost("ghost-file-1.img", true, UINT64_MAX);
    expect_error("ghost-chunk", "ghost-file-1.img");
    write_ghost("ghost-file-1.img", false, 0);
    expect_error("ghost-size", "ghost-file-1.img");
}

Test(edges_content, content_of_tmpfs)
{
    begin("namespaces");
    scratch_resize(&damaged, "tmpfs-dev-60.tar.gz.img", 17);
    expect_error("tmpfs-form", "tmpfs-dev-60.tar.gz.img");
    again("namespaces");
    scratch_set_byte(&damaged, "tmpfs-dev-60.tar.gz.img", 1, 0);
    expect_error("tmpfs-form", "tmpfs-dev-60.tar.gz.img");
    scratch_write(&damaged, "tmpfs-dev-60.tar.gz.img", "", 0);
    expect_error("tmpfs-form", "tmpfs-dev-60.tar.gz.img");
}
