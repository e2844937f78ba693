/* Sockets of all families in one shape, with addresses as text; and what waits in their queues. */
#include "model.h"

#include <arpa/inet.h>
#include <criu/files.pb-c.h>
#include <criu/sockets-inet.pb-c.h>
#include <criu/sockets-link.pb-c.h>
#include <criu/sockets-unix.pb-c.h>
#include <criu/sockets.pb-c.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_SIZE (INET6_ADDRSTRLEN + 32)

/* ---- addresses ---- */

/* `words` are in network order, as they lie in memory. NULL for what is no address. */
static const char *inet_text(struct fy_explore *explore, const uint32_t *words, size_t count, uint32_t port,
                             const char *device, struct fy_error *err)
{
    char text[ADDRESS_TEXT_SIZE], whole[2 * ADDRESS_TEXT_SIZE];
    int family = count == 4 ? AF_INET6 : AF_INET;
    int size;

    if ((count != 1 && count != 4) || !inet_ntop(family, words, text, sizeof(text)))
        return fy_explore_keep(explore, "?", 1, err);
    size = snprintf(whole, sizeof(whole), family == AF_INET6 ? "[%s]%s%.16s:%" PRIu32 : "%s%s%.16s:%" PRIu32, text,
                    device ? "%" : "", device ? device : "", port);
    return fy_explore_keep(explore, whole, (size_t)size, err);
}

/* An abstract name begins with NUL, which is shown as "@"; a path may end with one. `name` is not empty. */
static const char *unix_text(struct fy_explore *explore, const ProtobufCBinaryData *name, struct fy_error *err)
{
    char text[256];
    size_t size = name->len < sizeof(text) ? name->len : sizeof(text);
    bool is_path;

    memcpy(text, name->data, size);
    is_path = text[0] != '\0';
    while (is_path && size > 0 && text[size - 1] == '\0')
        size--;
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0')
            text[i] = '@';
    return fy_explore_keep(explore, text, size, err);
}

/* ---- the families ---- */

static void take_shutdown(struct fy_explore_socket *socket, bool is_set, SkShutdown how)
{
    socket->is_shut_read = is_set && (how == SK_SHUTDOWN__READ || how == SK_SHUTDOWN__BOTH);
    socket->is_shut_write = is_set && (how == SK_SHUTDOWN__WRITE || how == SK_SHUTDOWN__BOTH);
}

static int take_inet(struct fy_explore *explore, struct fy_explore_socket *socket, const InetSkEntry *said,
                     struct fy_error *err)
{
    socket->file_id = said->id;
    socket->family = said->family;
    socket->type = said->type;
    socket->protocol = said->proto;
    socket->state = said->state;
    socket->has_state = true;
    socket->is_listening = said->state == TCP_LISTEN;
    socket->inode = said->ino;
    socket->backlog = said->backlog;
    socket->net_ns = said->ns_id;
    take_shutdown(socket, said->has_shutdown, said->shutdown);
    socket->local = inet_text(explore, said->src_addr, said->n_src_addr, said->src_port, said->ifname, err);
    if (!socket->local)
        return -1;
    if (said->dst_port == 0)
        return 0;
    socket->remote = inet_text(explore, said->dst_addr, said->n_dst_addr, said->dst_port, NULL, err);
    return socket->remote ? 0 : -1;
}

static int take_unix(struct fy_explore *explore, struct fy_explore_socket *socket, const UnixSkEntry *said,
                     struct fy_error *err)
{
    socket->file_id = said->id;
    socket->family = AF_UNIX;
    socket->type = said->type;
    socket->state = said->state;
    socket->has_state = true;
    socket->is_listening = said->state == TCP_LISTEN;
    socket->inode = said->ino;
    socket->peer_inode = said->peer;
    socket->backlog = said->backlog;
    socket->net_ns = said->ns_id;
    take_shutdown(socket, said->has_shutdown, said->shutdown);
    if (said->name.len == 0)
        return 0;
    socket->local = unix_text(explore, &said->name, err);
    socket->quoted_name = fy_explore_keep_quoted(explore, said->name.data, said->name.len, err);
    return socket->local && socket->quoted_name ? 0 : -1;
}

static int take_packet(struct fy_explore *explore, struct fy_explore_socket *socket, const PacketSockEntry *said,
                       struct fy_error *err)
{
    char text[32];
    int size = snprintf(text, sizeof(text), "if%" PRIu32, said->ifindex);

    socket->file_id = said->id;
    socket->family = AF_PACKET;
    socket->type = said->type;
    socket->protocol = ntohs((uint16_t)said->protocol);
    socket->net_ns = said->ns_id;
    if (said->ifindex == 0)
        return 0;
    socket->local = fy_explore_keep(explore, text, (size_t)size, err);
    return socket->local ? 0 : -1;
}

static int take_netlink(struct fy_explore *explore, struct fy_explore_socket *socket, const NetlinkSkEntry *said,
                        struct fy_error *err)
{
    char text[64];
    int size = snprintf(text, sizeof(text), "port %" PRIu32, said->portid);

    socket->file_id = said->id;
    socket->family = AF_NETLINK;
    socket->type = SOCK_RAW;
    socket->protocol = said->protocol;
    socket->state = said->state;
    socket->has_state = true;
    socket->inode = said->ino;
    socket->net_ns = said->ns_id;
    socket->local = fy_explore_keep(explore, text, (size_t)size, err);
    if (!socket->local)
        return -1;
    if (said->dst_portid == 0 && said->dst_group == 0)
        return 0;
    size = snprintf(text, sizeof(text), "port %" PRIu32 " groups %#" PRIx32, said->dst_portid, said->dst_group);
    socket->remote = fy_explore_keep(explore, text, (size_t)size, err);
    return socket->remote ? 0 : -1;
}

int fy_explore_add_socket(struct fy_explore *explore, int type, const ProtobufCMessage *member, size_t *index,
                          struct fy_error *err)
{
    struct fy_explore_socket socket = {.file_type = type};
    int result;

    if (type == FD_TYPES__INETSK)
        result = take_inet(explore, &socket, (const InetSkEntry *)member, err);
    else if (type == FD_TYPES__UNIXSK)
        result = take_unix(explore, &socket, (const UnixSkEntry *)member, err);
    else if (type == FD_TYPES__PACKETSK)
        result = take_packet(explore, &socket, (const PacketSockEntry *)member, err);
    else if (type == FD_TYPES__NETLINKSK)
        result = take_netlink(explore, &socket, (const NetlinkSkEntry *)member, err);
    else
        return 0;
    if (result < 0 || vector_push(&explore->sockets, err, socket) < 0)
        return -1;
    *index = explore->sockets.count;
    return 0;
}

/* ---- queues and peers ---- */

static int see_stream(struct fy_explore *explore, const struct fy_image_entry *entry, void *data, struct fy_error *err)
{
    const TcpStreamEntry *said = (const TcpStreamEntry *)entry->message;
    struct fy_explore_socket *socket = data;

    (void)explore;
    (void)err;
    socket->receive_bytes = said->inq_len;
    socket->send_bytes = said->outq_len;
    return 0;
}

static int load_streams(struct fy_explore *explore, struct fy_error *err)
{
    for (size_t i = 0; i < explore->sockets.count; i++) {
        struct fy_explore_socket *socket = &explore->sockets.items[i];
        char name[64];
        if (socket->file_type != FD_TYPES__INETSK || socket->type != SOCK_STREAM || socket->protocol != IPPROTO_TCP ||
            !socket->remote)
            continue;
        (void)snprintf(name, sizeof(name), "tcp-stream-%" PRIx32 ".img", socket->inode);
        if (fy_explore_read(explore, name, !explore->tcp_close, see_stream, socket, err) < 0)
            return -1;
    }
    return 0;
}

/* For looking up by id or by inode. */
struct key {
    uint32_t number;
    struct fy_explore_socket *socket;
};

typedef VECTOR(struct key) key_list;

static int compare_keys(const void *left, const void *right)
{
    const struct key *a = left, *b = right;

    return (a->number > b->number) - (a->number < b->number);
}

static int see_packet(struct fy_explore *explore, const struct fy_image_entry *entry, void *data, struct fy_error *err)
{
    const SkPacketEntry *said = (const SkPacketEntry *)entry->message;
    struct key wanted = {.number = said->id_for};
    const struct key *found = vector_find((key_list *)data, &wanted, compare_keys);

    (void)explore;
    (void)err;
    if (found)
        found->socket->receive_bytes += said->length;
    return 0;
}

static int load_packets(struct fy_explore *explore, struct fy_error *err)
{
    key_list by_id = {0};
    int result = 0;

    for (size_t i = 0; result == 0 && i < explore->sockets.count; i++)
        result = vector_push(&by_id, err, (struct key){explore->sockets.items[i].file_id, &explore->sockets.items[i]});
    vector_sort(&by_id, compare_keys);
    if (result == 0)
        result = fy_explore_read(explore, "sk-queues.img", false, see_packet, &by_id, err);
    free(by_id.items);
    return result < 0 ? -1 : 0;
}

/* The name of the other end of a unix socket is its remote address. */
static int join_peers(struct fy_explore *explore, struct fy_error *err)
{
    key_list by_inode = {0};
    int result = 0;

    for (size_t i = 0; result == 0 && i < explore->sockets.count; i++)
        if (explore->sockets.items[i].file_type == FD_TYPES__UNIXSK)
            result =
                vector_push(&by_inode, err, (struct key){explore->sockets.items[i].inode, &explore->sockets.items[i]});
    vector_sort(&by_inode, compare_keys);
    for (size_t i = 0; result == 0 && i < explore->sockets.count; i++) {
        struct fy_explore_socket *socket = &explore->sockets.items[i];
        struct key wanted = {.number = socket->peer_inode};
        const struct key *found = wanted.number ? vector_find(&by_inode, &wanted, compare_keys) : NULL;
        if (found)
            socket->remote = found->socket->local;
    }
    free(by_inode.items);
    return result;
}

int fy_explore_load_sockets(struct fy_explore *explore, struct fy_error *err)
{
    if (join_peers(explore, err) < 0)
        return -1;
    if (!(explore->parts & FY_EXPLORE_QUEUES))
        return 0;
    if (load_streams(explore, err) < 0)
        return -1;
    return load_packets(explore, err);
}
