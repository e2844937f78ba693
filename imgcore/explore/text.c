/* What an open file or a mapping is, in the words of crit. */
#include "model.h"

#include <criu/files.pb-c.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static int append_text(struct fy_buf *text, const char *what, struct fy_error *err)
{
    return fy_buf_append(text, what, strlen(what), err);
}

/* An address of a unix socket has at most 108 bytes; more is cut. */
#define MAX_NAME_BYTES 256

const char *fy_explore_keep_quoted(struct fy_explore *explore, const uint8_t *data, size_t size, struct fy_error *err)
{
    char text[3 * MAX_NAME_BYTES + 1];
    size_t used = 0;

    for (size_t i = 0; i < size && i < MAX_NAME_BYTES; i++) {
        bool is_last = i + 1 == size;
        bool is_plain = (data[i] > ' ' && data[i] <= '~' && data[i] != '=') || (data[i] == ' ' && !is_last);
        used += (size_t)snprintf(text + used, sizeof(text) - used, is_plain ? "%c" : "=%02X", data[i]);
    }
    return fy_explore_keep(explore, text, used, err);
}

static int append_unix(const struct fy_explore_socket *socket, struct fy_buf *text, struct fy_error *err)
{
    return fy_buf_printf(text, err, "unix[%" PRIu32 " (%" PRIu32 ")%s%s]", socket->inode, socket->peer_inode,
                         socket->quoted_name ? " " : "", socket->quoted_name ? socket->quoted_name : "");
}

int fy_explore_file_text(const struct fy_explore *explore, int type, uint32_t id, struct fy_buf *text,
                         struct fy_error *err)
{
    const struct fy_explore_file *file = fy_explore_find_file(explore, type, id);
    const char *name = fy_explore_type_name(type);

    if (type == FD_TYPES__REG)
        return append_text(text, file && file->path[0] ? file->path : "unknown path", err);
    if (type == FD_TYPES__PIPE)
        return file ? fy_buf_printf(text, err, "pipe[%" PRIu64 "]", file->number) : append_text(text, "pipe[?]", err);
    if (type == FD_TYPES__UNIXSK)
        return file ? append_unix(file->socket, text, err) : append_text(text, "unix[?]", err);
    return name ? fy_buf_printf(text, err, "%s.%" PRIu32, name, id) : fy_buf_printf(text, err, "%d.%" PRIu32, type, id);
}

static int append_memfd(const struct fy_explore *explore, uint32_t id, struct fy_buf *text, struct fy_error *err)
{
    const struct fy_explore_file *file = fy_explore_find_file(explore, FD_TYPES__MEMFD, id);
    const char *name = file ? fy_explore_memfd_name(explore, file->number) : NULL;

    if (!name)
        return append_text(text, "unknown path", err);
    /* The kernel names shared anonymous memory by the device it could have come from. */
    return fy_buf_printf(text, err, "%s%s", name[0] == '/' ? "" : "memfd:", name);
}

int fy_explore_mapped_file_text(const struct fy_explore *explore, const struct fy_explore_mapping *mapping,
                                struct fy_buf *text, struct fy_error *err)
{
    if (!(mapping->status & (FY_MAPPING_FILE_PRIVATE | FY_MAPPING_FILE_SHARED)))
        return 0;
    if (mapping->object > UINT32_MAX)
        return append_text(text, "unknown path", err);
    if (mapping->status & FY_MAPPING_MEMFD)
        return append_memfd(explore, (uint32_t)mapping->object, text, err);
    return fy_explore_file_text(explore, FD_TYPES__REG, (uint32_t)mapping->object, text, err);
}

static int append_mapped_part(const struct fy_explore *explore, const struct fy_explore_mapping *mapping,
                              struct fy_buf *text, struct fy_error *err)
{
    if (fy_explore_mapped_file_text(explore, mapping, text, err) < 0 ||
        (mapping->offset_bytes && fy_buf_printf(text, err, " + %#" PRIx64, mapping->offset_bytes) < 0))
        return -1;
    return mapping->status & FY_MAPPING_FILE_SHARED ? append_text(text, " (s)", err) : 0;
}

int fy_explore_mapping_text(const struct fy_explore *explore, const struct fy_explore_mapping *mapping,
                            struct fy_buf *text, struct fy_error *err)
{
    uint32_t status = mapping->status;

    if (status & FY_MAPPING_SYSV)
        return fy_buf_printf(text, err, "ips[%" PRIx32 "]", mapping->shared_by_number);
    if (status & FY_MAPPING_ANON_SHARED)
        return fy_buf_printf(text, err, "shmem[%" PRIx32 "]", mapping->shared_by_number);
    if (status & FY_MAPPING_SOCKET)
        return fy_buf_printf(text, err, "packet[%" PRIx32 "]", mapping->shared_by_number);
    if (status & (FY_MAPPING_FILE_PRIVATE | FY_MAPPING_FILE_SHARED))
        return append_mapped_part(explore, mapping, text, err);
    if (status & FY_MAPPING_STACK)
        return append_text(text, "[stack]", err);
    if (status & FY_MAPPING_VSYSCALL)
        return append_text(text, "[vsyscall]", err);
    if (status & FY_MAPPING_VDSO)
        return append_text(text, "[vdso]", err);
    return mapping->flags & MAP_GROWSDOWN ? append_text(text, "[stack?]", err) : 0;
}
