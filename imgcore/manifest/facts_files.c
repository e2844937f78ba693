/* Facts about open files: what must be there by path, and which addresses are used. */
#include "facts_private.h"
#include <arpa/inet.h>
#include <criu/files.pb-c.h>
#include <ferry/base/cleanup.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define GHOST_BIT 0x80000000u /* in remap_id of old images, which have no remap_type */

static int no_memory(struct fy_error *err)
{
    return fy_error_set(err, FY_E_NOMEM, "no memory for the facts of an image set");
}

/* ---- files with a path ---- */

/* What is carried along or comes back by other means is not looked for at its path. */
int fy_facts_remap(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    const RemapFilePathEntry *remap = (const RemapFilePathEntry *)message;
    bool by_path = remap->has_remap_type ? remap->remap_type == REMAP_TYPE__LINKED : !(remap->remap_id & GHOST_BIT);

    (void)id;
    return by_path ? 0 : fy_facts_number(gathering, &gathering->ghost_ids, remap->orig_id, err);
}

static int take_build_id(Ferry__Manifest__File *file, const RegFileEntry *entry, struct fy_error *err)
{
    if (entry->n_build_id == 0 || entry->n_build_id > FACTS_WORDS_MAX)
        return 0;
    file->build_id.data = malloc(4 * entry->n_build_id);
    if (!file->build_id.data)
        return no_memory(err);
    file->has_build_id = true;
    file->build_id.len = 4 * entry->n_build_id;
    for (size_t i = 0; i < file->build_id.len; i++)
        file->build_id.data[i] = (uint8_t)(entry->build_id[i / 4] >> (8 * (i % 4)));
    return 0;
}

int fy_facts_reg_file(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    const RegFileEntry *entry = (const RegFileEntry *)message;
    struct named_file named = {.id = entry->id};

    (void)id;
    if (gathering->files.count >= 16 * FACTS_LIST_MAX) {
        gathering->facts->has_incomplete = gathering->facts->incomplete = true;
        return 0;
    }
    named.file = malloc(sizeof(*named.file));
    if (!named.file)
        return no_memory(err);
    ferry__manifest__file__init(named.file);
    named.file->has_size_bytes = entry->has_size;
    named.file->size_bytes = entry->size;
    named.file->has_mode = entry->has_mode;
    named.file->mode = entry->mode;
    if (fy_facts_text(&named.file->path, entry->name, err) == 0 && take_build_id(named.file, entry, err) == 0 &&
        vector_push(&gathering->files, err, named) == 0)
        return 0;
    ferry__manifest__file__free_unpacked(named.file, NULL);
    return -1;
}

static int compare_ids(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp(((const struct named_file *)left)->file->path, ((const struct named_file *)right)->file->path);
}

static int keep_file(Ferry__Manifest__Facts *facts, struct named_file *named, struct fy_error *err)
{
    Ferry__Manifest__File *last = facts->n_files ? facts->files[facts->n_files - 1] : NULL;

    if (last && strcmp(last->path, named->file->path) == 0) {
        last->has_mapped = last->mapped = last->mapped || named->file->mapped;
        return 0;
    }
    if (facts->n_files >= FACTS_LIST_MAX) {
        facts->has_incomplete = facts->incomplete = true;
        return 0;
    }
    if (fy_facts_grow((void **)&facts->files, facts->n_files, sizeof(void *), err) < 0)
        return -1;
    facts->files[facts->n_files++] = fy_take(named->file);
    return 0;
}

int fy_facts_finish_files(struct gathering *gathering, struct fy_error *err)
{
    vector_sort(&gathering->mapped_ids, compare_ids);
    vector_sort(&gathering->ghost_ids, compare_ids);
    vector_sort(&gathering->files, compare_paths);
    for (size_t i = 0; i < gathering->files.count; i++) {
        struct named_file *named = &gathering->files.items[i];
        if (vector_find(&gathering->ghost_ids, &named->id, compare_ids))
            continue;
        if (vector_find(&gathering->mapped_ids, &named->id, compare_ids))
            named->file->has_mapped = named->file->mapped = true;
        if (keep_file(gathering->facts, named, err) < 0)
            return -1;
    }
    return 0;
}

void fy_facts_files_done(struct gathering *gathering)
{
    for (size_t i = 0; i < gathering->files.count; i++)
        if (gathering->files.items[i].file)
            ferry__manifest__file__free_unpacked(gathering->files.items[i].file, NULL);
    free(gathering->files.items);
}

/* ---- sockets ---- */

/* An empty one in the list: 1; 0 if there are too many. */
static int add_socket(struct gathering *gathering, Ferry__Manifest__Socket **added, struct fy_error *err)
{
    Ferry__Manifest__Facts *facts = gathering->facts;

    if (facts->n_sockets >= FACTS_LIST_MAX) {
        facts->has_incomplete = facts->incomplete = true;
        return 0;
    }
    if (fy_facts_grow((void **)&facts->sockets, facts->n_sockets, sizeof(void *), err) < 0)
        return -1;
    *added = malloc(sizeof(**added));
    if (!*added)
        return no_memory(err);
    ferry__manifest__socket__init(*added);
    facts->sockets[facts->n_sockets++] = *added;
    return 1;
}

static int take_number(char **into, const char *const *names, size_t count, uint32_t number, struct fy_error *err)
{
    char text[16];

    if (number < count && names[number])
        return fy_facts_text(into, names[number], err);
    (void)snprintf(text, sizeof(text), "%u", number);
    return fy_facts_text(into, text, err);
}

static int take_type(Ferry__Manifest__Socket *socket, uint32_t type, struct fy_error *err)
{
    static const char *const names[] = {
        [SOCK_STREAM] = "stream", [SOCK_DGRAM] = "dgram", [SOCK_RAW] = "raw", [SOCK_SEQPACKET] = "seqpacket"};

    return take_number(&socket->type, names, FY_ARRAY_SIZE(names), type, err);
}

static int take_state(Ferry__Manifest__Socket *socket, uint32_t state, struct fy_error *err)
{
    static const char *const names[] = {[TCP_ESTABLISHED] = "established",
                                        [TCP_SYN_SENT] = "syn-sent",
                                        [TCP_SYN_RECV] = "syn-recv",
                                        [TCP_FIN_WAIT1] = "fin-wait-1",
                                        [TCP_FIN_WAIT2] = "fin-wait-2",
                                        [TCP_TIME_WAIT] = "time-wait",
                                        [TCP_CLOSE] = "close",
                                        [TCP_CLOSE_WAIT] = "close-wait",
                                        [TCP_LAST_ACK] = "last-ack",
                                        [TCP_LISTEN] = "listen",
                                        [TCP_CLOSING] = "closing"};

    return take_number(&socket->state, names, FY_ARRAY_SIZE(names), state, err);
}

static int take_address(char **into, uint32_t family, const uint32_t *words, size_t count, struct fy_error *err)
{
    size_t wanted = family == AF_INET6 ? 4 : 1;
    char text[INET6_ADDRSTRLEN] = "?";

    if (count == wanted && (family == AF_INET || family == AF_INET6))
        (void)inet_ntop((int)family, words, text, sizeof(text));
    return fy_facts_text(into, text, err);
}

int fy_facts_inet(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    static const char *const families[] = {[AF_INET] = "inet", [AF_INET6] = "inet6"};
    static const char *const protocols[] = {
        [IPPROTO_TCP] = "tcp", [IPPROTO_UDP] = "udp", [IPPROTO_UDPLITE] = "udplite"};
    const InetSkEntry *entry = (const InetSkEntry *)message;
    Ferry__Manifest__Socket *socket;
    int added = add_socket(gathering, &socket, err);

    (void)id;
    if (added <= 0)
        return added;
    socket->has_local_port = socket->has_remote_port = true;
    socket->local_port = entry->src_port;
    socket->remote_port = entry->dst_port;
    if (take_number(&socket->family, families, FY_ARRAY_SIZE(families), entry->family, err) < 0 ||
        take_type(socket, entry->type, err) < 0 ||
        take_number(&socket->protocol, protocols, FY_ARRAY_SIZE(protocols), entry->proto, err) < 0 ||
        take_state(socket, entry->state, err) < 0)
        return -1;
    if (take_address(&socket->local, entry->family, entry->src_addr, entry->n_src_addr, err) < 0)
        return -1;
    return entry->dst_port ? take_address(&socket->remote, entry->family, entry->dst_addr, entry->n_dst_addr, err) : 0;
}

/* Sockets without a name need nothing of a destination. */
int fy_facts_unix(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    const UnixSkEntry *entry = (const UnixSkEntry *)message;
    size_t size = entry->name.len;
    Ferry__Manifest__Socket *socket;
    int added;

    (void)id;
    if (size > 0 && entry->name.data[0] != '\0' && entry->name.data[size - 1] == '\0')
        size--; /* a path may have its NUL, an abstract name has none that does not count */
    if (size == 0)
        return 0;
    added = add_socket(gathering, &socket, err);
    if (added <= 0)
        return added;
    socket->local = malloc(size + 1);
    if (!socket->local)
        return no_memory(err);
    for (size_t i = 0; i < size; i++)
        socket->local[i] = entry->name.data[i] ? (char)entry->name.data[i] : '@';
    socket->local[size] = '\0';
    if (fy_facts_text(&socket->family, "unix", err) < 0 || take_type(socket, entry->type, err) < 0)
        return -1;
    return take_state(socket, entry->state, err);
}

int fy_facts_file(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    const FileEntry *file = (const FileEntry *)message;

    if (file->reg && fy_facts_reg_file(gathering, id, &file->reg->base, err) < 0)
        return -1;
    if (file->isk && fy_facts_inet(gathering, id, &file->isk->base, err) < 0)
        return -1;
    return file->usk ? fy_facts_unix(gathering, id, &file->usk->base, err) : 0;
}

int fy_facts_stream(struct gathering *gathering, uint64_t id, const ProtobufCMessage *message, struct fy_error *err)
{
    (void)id;
    (void)message;
    (void)err;
    gathering->facts->has_tcp_established = gathering->facts->tcp_established = true;
    return 0;
}
