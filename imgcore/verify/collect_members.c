/* Facts about open files, by their kind: which numbers they have, and which they name. */
#include "edges.h"
#include "set.h"
#include <criu/files.pb-c.h>
#include <criu/sockets.pb-c.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define NO_MOUNT (-1)

/* unix_sk_entry.uflags: a socket of somebody outside, and one whose other end a plugin brings. */
enum { UNIX_EXTERNAL = 1 << 0, UNIX_CALLBACK = 1 << 2 };

/* Where the entry is that has the file. */
struct place {
    struct fy_set *set;
    const struct set_file *file;
    uint64_t entry;
};

static int need(const struct place *at, enum edge_space space, uint64_t number, enum fy_finding_id finding,
                const char *what, struct fy_error *err)
{
    return fy_edge_need(at->set, space, number, finding, at->file, at->entry, what, err);
}

static int define(const struct place *at, enum edge_space space, uint64_t number, struct fy_error *err)
{
    return fy_edge_define(at->set, space, number, at->file, at->entry, err);
}

/* Files that are reopened through the path of a regular one; in old sets that one has the same id. */
static int need_path(const struct place *at, bool has_path, uint32_t id, const char *what, struct fy_error *err)
{
    struct set_file_ref ref = {.from = at->file, .what = what, .id = id, .type = FD_TYPES__REG};

    return has_path ? vector_push(&at->set->file_refs, err, ref) : 0;
}

/* Mounts and networks are only looked up when they are part of the set, which is known when all has been read: the
 * rules leave those needs out that do not count. */
static int need_mount(const struct place *at, int32_t mnt_id, struct fy_error *err)
{
    return mnt_id == NO_MOUNT
               ? 0
               : need(at, EDGE_MOUNT, (uint32_t)mnt_id, FY_FINDING_MOUNT_UNKNOWN, "the mount of a file", err);
}

static int need_network(const struct place *at, bool has_ns, uint32_t ns_id, struct fy_error *err)
{
    return !has_ns || ns_id == 0
               ? 0
               : need(at, EDGE_NET_NAMESPACE, ns_id, FY_FINDING_NET_UNKNOWN, "the network of a socket", err);
}

static int collect_regular(const struct place *at, const RegFileEntry *file, struct fy_error *err)
{
    if ((file->flags & O_WRONLY) && vector_push(&at->set->edges.written_only, err, file->id) < 0)
        return -1;
    if (file->has_size &&
        vector_push(&at->set->edges.regular_sizes, err, (struct edge_size){at->file, file->size, file->id}) < 0)
        return -1;
    return need_mount(at, file->mnt_id, err);
}

static int collect_inet(const struct place *at, const InetSkEntry *socket, struct fy_error *err)
{
    bool is_connection = socket->type == SOCK_STREAM && socket->proto == IPPROTO_TCP && socket->dst_port != 0;

    if (need_network(at, socket->has_ns_id, socket->ns_id, err) < 0)
        return -1;
    if (!is_connection || at->set->inventory.tcp_close)
        return 0;
    return vector_push(&at->set->image_refs, err,
                       (struct set_image_ref){at->file, "a TCP connection", FY_IMAGE_TCP_STREAM, socket->ino});
}

static int collect_unix(const struct place *at, const UnixSkEntry *socket, struct fy_error *err)
{
    enum fy_finding_id unknown = socket->uflags & UNIX_CALLBACK ? FY_FINDING_UNIX_PEER_EXTERNAL : FY_FINDING_UNIX_PEER;

    if (define(at, EDGE_UNIX_INODE, socket->ino, err) < 0 || need_mount(at, socket->mnt_id, err) < 0 ||
        need_network(at, socket->has_ns_id, socket->ns_id, err) < 0)
        return -1;
    return socket->peer == 0 ? 0
                             : need(at, EDGE_UNIX_INODE, socket->peer, unknown, "the other end of a UNIX socket", err);
}

/* CRIU writes a record, possibly of no bytes, for each pipe that is open for reading. */
static int collect_pipe(const struct place *at, const PipeEntry *pipe, struct fy_error *err)
{
    if (define(at, EDGE_PIPE, pipe->pipe_id, err) < 0)
        return -1;
    return pipe->flags & O_WRONLY || at->set->inventory.img_version < 2
               ? 0
               : need(at, EDGE_PIPE_DATA, pipe->pipe_id, FY_FINDING_PIPE_DATA_MISSING, "the content of a pipe", err);
}

static int collect_fifo(const struct place *at, const FifoEntry *fifo, struct fy_error *err)
{
    if (define(at, EDGE_FIFO, fifo->pipe_id, err) < 0 ||
        need_path(at, fifo->has_regf_id, fifo->regf_id, "the path of a FIFO", err) < 0)
        return -1;
    return vector_push(&at->set->edges.fifos, err,
                       (struct edge_fifo){.file = at->file,
                                          .entry = at->entry,
                                          .pipe_id = fifo->pipe_id,
                                          .regf_id = fifo->has_regf_id ? fifo->regf_id : fifo->id});
}

static int collect_tty(const struct place *at, const TtyFileEntry *tty, struct fy_error *err)
{
    if (need_path(at, tty->has_regf_id, tty->regf_id, "the path of a terminal", err) < 0)
        return -1;
    return need(at, EDGE_TTY_INFO, tty->tty_info_id, FY_FINDING_TTY_INFO_MISSING, "the state of a terminal", err);
}

static int collect_epoll(const struct place *at, const EventpollFileEntry *epoll, struct fy_error *err)
{
    for (size_t i = 0; i < epoll->n_tfd; i++)
        if (vector_push(&at->set->edges.epolls, err,
                        (struct edge_epoll){at->file, at->entry, epoll->id, epoll->tfd[i]->tfd}) < 0)
            return -1;
    return 0;
}

static int collect_pidfd(const struct place *at, const PidfdEntry *pidfd, struct fy_error *err)
{
    return vector_push(&at->set->edges.pidfds, err, (struct edge_pidfd){at->file, at->entry, pidfd->nspid});
}

static int collect_by_type(const struct place *at, int type, const void *member, struct fy_error *err)
{
    const PacketSockEntry *packet = member;
    const NetlinkSkEntry *netlink = member;
    const TunfileEntry *tun = member;

    switch (type) {
    case FD_TYPES__REG:
        return collect_regular(at, member, err);
    case FD_TYPES__INETSK:
        return collect_inet(at, member, err);
    case FD_TYPES__UNIXSK:
        return collect_unix(at, member, err);
    case FD_TYPES__PACKETSK:
        return need_network(at, packet->has_ns_id, packet->ns_id, err);
    case FD_TYPES__NETLINKSK:
        return need_network(at, netlink->has_ns_id, netlink->ns_id, err);
    case FD_TYPES__TUNF:
        /* The path of the device always has the same id. */
        return need_path(at, true, tun->id, "the path of a tun device", err) < 0
                   ? -1
                   : need_network(at, tun->has_ns_id, tun->ns_id, err);
    case FD_TYPES__PIPE:
        return collect_pipe(at, member, err);
    case FD_TYPES__FIFO:
        return collect_fifo(at, member, err);
    case FD_TYPES__TTY:
        return collect_tty(at, member, err);
    case FD_TYPES__EVENTPOLL:
        return collect_epoll(at, member, err);
    case FD_TYPES__MEMFD:
        return need(at, EDGE_MEMFD_INODE, ((const MemfdFileEntry *)member)->inode_id, FY_FINDING_MEMFD_MISSING,
                    "the content of a memory file", err);
    case FD_TYPES__NS:
        return need(at, EDGE_NAMESPACE, ((const NsFileEntry *)member)->ns_id, FY_FINDING_NS_FILE,
                    "the namespace of a file", err);
    case FD_TYPES__PIDFD:
        return collect_pidfd(at, member, err);
    default:
        return 0;
    }
}

/* Field 1 of every kind of open file is its id. */
static uint32_t id_of(const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(message->descriptor, 1);

    return *(const uint32_t *)(const void *)((const char *)message + field->offset);
}

static bool is_of_outside(int type, const void *member)
{
    return type == FD_TYPES__UNIXSK && ((const UnixSkEntry *)member)->uflags & UNIX_EXTERNAL;
}

int fy_collect_member(struct fy_set *set, const struct set_file *file, uint64_t entry, int type,
                      const ProtobufCMessage *member, struct fy_error *err)
{
    struct place at = {.set = set, .file = file, .entry = entry};

    if (vector_push(
            &set->open_files, err,
            (struct set_open_file){.id = id_of(member), .type = type, .is_external = is_of_outside(type, member)}) < 0)
        return -1;
    return collect_by_type(&at, type, member, err);
}

int fy_collect_legacy_file(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                           struct fy_error *err)
{
    return fy_collect_member(set, file, entry->number, file->type->fd_type, entry->message, err);
}

/* In old sets what epoll files wait for is an image of its own, whose ids are those of the files. */
int fy_collect_legacy_epoll(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                            struct fy_error *err)
{
    const EventpollTfdEntry *watched = (const EventpollTfdEntry *)entry->message;

    return vector_push(&set->edges.epolls, err, (struct edge_epoll){file, entry->number, watched->id, watched->tfd});
}
