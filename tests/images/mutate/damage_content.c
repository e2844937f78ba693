/* Damage to what open files hold: connections, data on the way, terminals, deleted files, locks. */
#include "damage.h"
#include <criu/files.pb-c.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

static void tcp_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_TCP_STREAM);
}

static bool not_connected(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    FileEntry *file = (FileEntry *)message;

    (void)number, (void)trial;
    if (!file->isk || file->isk->type != SOCK_STREAM || file->isk->proto != IPPROTO_TCP || file->isk->dst_port == 0)
        return false;
    file->isk->dst_port = 0;
    return true;
}

static void tcp_left_over(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_FILES, not_connected);
}

static bool without_unsent(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((TcpStreamEntry *)message)->has_unsq_len = false;
    return true;
}

static bool without_scale(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    TcpStreamEntry *stream = (TcpStreamEntry *)message;

    (void)number, (void)trial;
    stream->has_rcv_wscale = false;
    return (stream->opt_mask & 4) != 0;
}

static bool without_timestamp(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    TcpStreamEntry *stream = (TcpStreamEntry *)message;

    (void)number, (void)trial;
    stream->has_timestamp = false;
    return (stream->opt_mask & 1) != 0;
}

static void tcp_field_missing(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_TCP_STREAM, without_unsent);
    damage_change(trial, FY_IMAGE_TCP_STREAM, without_scale);
    damage_change(trial, FY_IMAGE_TCP_STREAM, without_timestamp);
}

static bool of_no_pipe(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((PipeDataEntry *)message)->pipe_id = NOWHERE;
    return true;
}

static void pipe_data_of_no_pipe(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_PIPES_DATA, of_no_pipe);
    damage_change(trial, FY_IMAGE_FIFO_DATA, of_no_pipe);
}

static void pipe_data_twice(struct trial *trial)
{
    damage_repeat(trial, FY_IMAGE_PIPES_DATA, NULL);
    damage_repeat(trial, FY_IMAGE_FIFO_DATA, NULL);
}

static void pipe_data_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_PIPES_DATA);
    damage_missing(trial, FY_IMAGE_FIFO_DATA);
    damage_leave_out(trial, FY_IMAGE_PIPES_DATA, NULL);
    damage_leave_out(trial, FY_IMAGE_FIFO_DATA, NULL);
}

static bool for_no_socket(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((SkPacketEntry *)message)->id_for = NOWHERE;
    return true;
}

static bool with_no_file(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    SkPacketEntry *packet = (SkPacketEntry *)message;

    (void)number, (void)trial;
    if (packet->n_scm == 0 || packet->scm[0]->n_rights == 0)
        return false;
    packet->scm[0]->rights[0] = NOWHERE;
    return true;
}

static void packet_target_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_SK_QUEUES, for_no_socket);
    damage_change(trial, FY_IMAGE_SK_QUEUES, with_no_file);
}

static bool of_no_terminal(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((TtyDataEntry *)message)->tty_id = NOWHERE;
    return true;
}

static void terminal_data_of_none(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_TTY_DATA, of_no_terminal);
}
static void terminals_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_TTY_INFO);
}

static bool of_no_path(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((RemapFilePathEntry *)message)->orig_id = NOWHERE;
    return true;
}

static void remap_of_nothing(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_REMAP_FPATH, of_no_path);
}
static void ghost_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_GHOST_FILE);
}
struct remap_count {
    int type;
    uint32_t id;
    size_t count;
};

static unsigned count_same_content(ProtobufCMessage *message, uint64_t number, void *context)
{
    const RemapFilePathEntry *remap = (const RemapFilePathEntry *)message;
    struct remap_count *wanted = context;

    (void)number;
    wanted->count += (int)remap->remap_type == wanted->type && remap->remap_id == wanted->id;
    return 0;
}

/* The only entry with its content: a deleted file can be open several times, and /proc of a process has no content. */
static bool is_single_remap(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    const RemapFilePathEntry *remap = (const RemapFilePathEntry *)message;
    struct remap_count wanted = {.type = (int)remap->remap_type, .id = remap->remap_id};

    (void)number;
    shop_look(trial->shop, shop_find(trial->shop, FY_IMAGE_REMAP_FPATH, 0), count_same_content, &wanted);
    return remap->remap_type != REMAP_TYPE__PROCFS && wanted.count == 1;
}

static void remap_left_out(struct trial *trial)
{
    damage_leave_out(trial, FY_IMAGE_REMAP_FPATH, is_single_remap);
}

static void memfd_missing(struct trial *trial)
{
    const struct shop_file *files = shop_find(trial->shop, FY_IMAGE_FILES, 0);
    /* Whether one of them is open or mapped decides whether the image is needed; anonymous shared memory is one too. */
    if (files)
        damage_missing(trial, FY_IMAGE_MEMFD_INODE);
}

static bool of_no_task(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((FileLockEntry *)message)->pid = (int32_t)NOWHERE;
    return true;
}

static bool of_no_descriptor(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((FileLockEntry *)message)->fd = (int32_t)NOWHERE;
    return true;
}

static void lock_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_FILE_LOCKS, of_no_task);
    damage_change(trial, FY_IMAGE_FILE_LOCKS, of_no_descriptor);
}

const struct damage damages_of_content[] = {
    {"tcp-stream missing", "fails late", tcp_missing},
    {"tcp-stream left over", "loses the connection", tcp_left_over},
    {"tcp-stream without a field", "fails late", tcp_field_missing},
    {"pipe's data of no pipe", "fails", pipe_data_of_no_pipe},
    {"pipe's data twice", "loses data", pipe_data_twice},
    {"pipe's data missing", "loses data", pipe_data_missing},
    {"packet's target unknown", "fails", packet_target_unknown},
    {"terminal's data of none", "fails", terminal_data_of_none},
    {"tty-info missing", "fails", terminals_missing},
    {"remap of nothing", "fails", remap_of_nothing},
    {"ghost file missing", "fails", ghost_missing},
    {"remap left out", "wrong file", remap_left_out},
    {"memfd.img missing", "fails", memfd_missing},
    {"lock of nobody", "loses the lock", lock_unknown},
    {0},
};
