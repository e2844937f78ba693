/* Facts about open files: descriptors, what they lead to, and what those need in turn. */
#include "edges.h"
#include "set.h"
#include <criu/ipc.pb-c.h>
#include <criu/mounts.pb-c.h>
#include <criu/sockets.pb-c.h>
#include <ferry/imgcore/file_entry.h>
#include <inttypes.h>
#include <string.h>

#define GHOST_BIT 0x80000000u /* in remap_id of old images, which have no remap_type */

int fy_collect_fdinfo(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                      struct fy_error *err)
{
    const FdinfoEntry *fd = (const FdinfoEntry *)entry->message;

    return vector_push(
        &set->fds, err,
        (struct set_fd){
            .file = file, .files_id = (uint32_t)file->id, .fd = fd->fd, .id = fd->id, .type = (int)fd->type});
}

/* Field 1 of every kind of open file is its id. */
static uint32_t id_of(const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(message->descriptor, 1);

    return *(const uint32_t *)(const void *)((const char *)message + field->offset);
}

int fy_collect_file(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                    struct fy_error *err)
{
    const FileEntry *open_file = (const FileEntry *)entry->message;
    const ProtobufCMessage *member = fy_file_entry_member(open_file);

    if (!member) {
        fy_set_report_entry(set, FY_FINDING_FILE_CONTENT, file->name, entry->number,
                            "(id %" PRIu32 ") does not hold what its type %d says", open_file->id,
                            (int)open_file->type);
        return 0;
    }
    if (id_of(member) != open_file->id)
        fy_set_report_entry(set, FY_FINDING_FILE_TWO_IDS, file->name, entry->number,
                            "has two ids, %" PRIu32 " and %" PRIu32, open_file->id, id_of(member));
    return fy_collect_member(set, file, entry->number, (int)open_file->type, member, err);
}

/* Files in flight: descriptors that were sent over a socket and not yet received. */
int fy_collect_packet(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                      struct fy_error *err)
{
    const SkPacketEntry *packet = (const SkPacketEntry *)entry->message;

    if (vector_push(&set->file_refs, err, (struct set_file_ref){file, "a packet", packet->id_for, ANY_TYPE}) < 0)
        return -1;
    for (size_t i = 0; i < packet->n_scm; i++)
        for (size_t j = 0; j < packet->scm[i]->n_rights; j++)
            if (vector_push(&set->file_refs, err,
                            (struct set_file_ref){file, "a file in flight", packet->scm[i]->rights[j], ANY_TYPE}) < 0)
                return -1;
    return 0;
}

int fy_collect_remap(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                     struct fy_error *err)
{
    const RemapFilePathEntry *remap = (const RemapFilePathEntry *)entry->message;
    bool is_ghost = remap->has_remap_type ? remap->remap_type == REMAP_TYPE__GHOST : remap->remap_id & GHOST_BIT;
    uint32_t id = remap->has_remap_type ? remap->remap_id : remap->remap_id & ~GHOST_BIT;

    struct edge_remap gone = {.file = file,
                              .entry = entry->number,
                              .orig_id = remap->orig_id,
                              .is_ghost = is_ghost,
                              .ghost_id = is_ghost ? id : 0};

    if (vector_push(&set->edges.remaps, err, gone) < 0 ||
        fy_edge_define(set, EDGE_REMAP, remap->orig_id, file, entry->number, err) < 0)
        return -1;
    if (is_ghost)
        return vector_push(&set->image_refs, err,
                           (struct set_image_ref){file, "a deleted file", FY_IMAGE_GHOST_FILE, id});
    if (remap->has_remap_type && remap->remap_type == REMAP_TYPE__PROCFS)
        return 0;
    return vector_push(&set->file_refs, err, (struct set_file_ref){file, "a linked file", id, FD_TYPES__REG});
}

int fy_collect_memfd(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                     struct fy_error *err)
{
    const MemfdInodeEntry *inode = (const MemfdInodeEntry *)entry->message;

    if (fy_edge_define(set, EDGE_MEMFD_INODE, inode->inode_id, file, entry->number, err) < 0)
        return -1;
    if (inode->size == 0)
        return 0;
    return vector_push(&set->image_refs, err,
                       (struct set_image_ref){file, "a memory file", FY_IMAGE_PAGEMAP_SHMEM, inode->shmid});
}

int fy_collect_ipc_segment(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                           struct fy_error *err)
{
    const IpcShmEntry *segment = (const IpcShmEntry *)entry->message;

    if (!segment->in_pagemaps)
        return 0;
    return vector_push(&set->image_refs, err,
                       (struct set_image_ref){file, "a System V segment", FY_IMAGE_PAGEMAP_SHMEM, segment->desc->id});
}

int fy_collect_mount(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                     struct fy_error *err)
{
    const MntEntry *mount = (const MntEntry *)entry->message;

    if (fy_edge_define(set, EDGE_MOUNT, mount->mnt_id, file, entry->number, err) < 0 ||
        vector_push(&set->edges.mounts, err,
                    (struct edge_mount){.file = file,
                                        .entry = entry->number,
                                        .mnt_id = mount->mnt_id,
                                        .parent_mnt_id = mount->parent_mnt_id,
                                        .is_root = strcmp(mount->mountpoint, "/") == 0}) < 0)
        return -1;
    return vector_push(&set->mounts, err,
                       (struct set_mount){.file = file,
                                          .mnt_id = mount->mnt_id,
                                          .root_dev = mount->root_dev,
                                          .is_tmpfs = mount->fstype == FSTYPE__TMPFS,
                                          .is_external = mount->ext_mount || mount->ext_key || mount->with_plugin});
}
