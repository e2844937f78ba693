/* Damage to descriptors, open files, and what they lead to. */
#include "damage.h"
#include <criu/files.pb-c.h>
#include <criu/fs.pb-c.h>
#include <criu/mm.pb-c.h>
#include <criu/sockets.pb-c.h>
#include <stdlib.h>
#include <string.h>

struct entry_count {
    int type;
    uint32_t id;
    size_t count;
};

static unsigned count_descriptor(ProtobufCMessage *message, uint64_t number, void *context)
{
    const FdinfoEntry *fd = (const FdinfoEntry *)message;
    struct entry_count *wanted = context;

    (void)number;
    wanted->count += (int)fd->type == wanted->type && fd->id == wanted->id;
    return 0;
}

static unsigned count_right(ProtobufCMessage *message, uint64_t number, void *context)
{
    const SkPacketEntry *packet = (const SkPacketEntry *)message;
    struct entry_count *wanted = context;

    (void)number;
    for (size_t i = 0; i < packet->n_scm; i++)
        for (size_t j = 0; j < packet->scm[i]->n_rights; j++)
            wanted->count += packet->scm[i]->rights[j] == wanted->id;
    return 0;
}

static unsigned count_in_fs(ProtobufCMessage *message, uint64_t number, void *context)
{
    const FsEntry *fs = (const FsEntry *)message;
    struct entry_count *wanted = context;

    (void)number;
    wanted->count += (size_t)(fs->cwd_id == wanted->id) + (size_t)(fs->root_id == wanted->id);
    return 0;
}

static unsigned count_in_mm(ProtobufCMessage *message, uint64_t number, void *context)
{
    const MmEntry *mm = (const MmEntry *)message;
    struct entry_count *wanted = context;

    (void)number;
    wanted->count += mm->exe_file_id == wanted->id;
    for (size_t i = 0; i < mm->n_vmas; i++)
        wanted->count += mm->vmas[i]->status & (1u << 6 | 1u << 7) && mm->vmas[i]->shmid == wanted->id;
    return 0;
}

static unsigned count_path(ProtobufCMessage *message, uint64_t number, void *context)
{
    const FileEntry *file = (const FileEntry *)message;
    struct entry_count *wanted = context;

    (void)number;
    wanted->count += file->fifo && file->fifo->has_regf_id && file->fifo->regf_id == wanted->id;
    wanted->count += file->tty && file->tty->has_regf_id && file->tty->regf_id == wanted->id;
    wanted->count += file->tunf && file->tunf->id == wanted->id;
    return 0;
}

static unsigned count_link(ProtobufCMessage *message, uint64_t number, void *context)
{
    const RemapFilePathEntry *remap = (const RemapFilePathEntry *)message;
    struct entry_count *wanted = context;

    (void)number;
    wanted->count += remap->remap_type == REMAP_TYPE__LINKED && remap->remap_id == wanted->id;
    return 0;
}

/* How many descriptors, files in flight, mappings and so on lead to an open file. */
static size_t count_ways(const struct trial *trial, int type, uint32_t id)
{
    static const struct {
        enum fy_image_kind kind;
        entry_edit *count;
    } ways[] = {{FY_IMAGE_FDINFO, count_descriptor}, {FY_IMAGE_SK_QUEUES, count_right},
                {FY_IMAGE_FS, count_in_fs},          {FY_IMAGE_MM, count_in_mm},
                {FY_IMAGE_FILES, count_path},        {FY_IMAGE_REMAP_FPATH, count_link}};
    struct entry_count wanted = {.type = type, .id = id};
    const struct shop_file *file;

    for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
        for (size_t i = 0; (file = shop_next(trial->shop, ways[way].kind, &i)) != NULL;)
            shop_look(trial->shop, file, ways[way].count, &wanted);
    return wanted.count;
}

/* The only way to its file, which is not a socket that may be inherited. */
static bool is_single_way(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    const FdinfoEntry *fd = (const FdinfoEntry *)message;

    (void)number;
    return fd->type != FD_TYPES__INETSK && fd->type != FD_TYPES__UNIXSK &&
           count_ways(trial, (int)fd->type, fd->id) == 1;
}

static void descriptor_left_out(struct trial *trial)
{
    damage_leave_out(trial, FY_IMAGE_FDINFO, is_single_way);
}

struct table {
    const struct trial *trial;
    bool has_its_own;
};

static unsigned look_for_own(ProtobufCMessage *message, uint64_t number, void *context)
{
    struct table *table = context;

    table->has_its_own = table->has_its_own || is_single_way(message, number, table->trial);
    return 0;
}

/* Of a table whose files are all in other tables too, the loss cannot be told from a task without open files. */
static void table_missing(struct trial *trial)
{
    const struct shop_file *file;

    for (size_t i = 0; (file = shop_next(trial->shop, FY_IMAGE_FDINFO, &i)) != NULL;) {
        struct table table = {.trial = trial};
        shop_look(trial->shop, file, look_for_own, &table);
        if (!table.has_its_own)
            continue;
        shop_remove(trial->shop, file->name);
        trial_judge(trial, file);
    }
}

static void descriptor_twice(struct trial *trial)
{
    damage_repeat(trial, FY_IMAGE_FDINFO, NULL);
}

static bool to_nowhere(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((FdinfoEntry *)message)->id = NOWHERE;
    return true;
}

static void descriptor_to_nowhere(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_FDINFO, to_nowhere);
}

static bool of_other_type(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    FdinfoEntry *fd = (FdinfoEntry *)message;

    (void)number, (void)trial;
    fd->type = fd->type == FD_TYPES__FANOTIFY ? FD_TYPES__PIPE : FD_TYPES__FANOTIFY;
    return true;
}

static void descriptor_of_other_type(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_FDINFO, of_other_type);
}

static void files_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_FILES);
}
static void file_twice(struct trial *trial)
{
    damage_repeat(trial, FY_IMAGE_FILES, NULL);
}
static void file_left_out(struct trial *trial)
{
    damage_leave_out(trial, FY_IMAGE_FILES, NULL);
}

static bool with_two_ids(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((FileEntry *)message)->id ^= 0x10000;
    return true;
}

static void file_with_two_ids(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_FILES, with_two_ids);
}

static bool without_content(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    FileEntry *file = (FileEntry *)message;

    (void)number, (void)trial;
    file->reg = NULL;
    file->pipe = NULL;
    file->usk = NULL;
    file->isk = NULL;
    return file->type == FD_TYPES__REG || file->type == FD_TYPES__PIPE || file->type == FD_TYPES__UNIXSK ||
           file->type == FD_TYPES__INETSK;
}

static void file_without_content(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_FILES, without_content);
}

static bool in_no_directory(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((FsEntry *)message)->cwd_id = NOWHERE;
    return true;
}

static bool with_no_root(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((FsEntry *)message)->root_id = NOWHERE;
    return true;
}

static void directory_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_FS, in_no_directory);
    damage_change(trial, FY_IMAGE_FS, with_no_root);
}

static bool with_no_program(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((MmEntry *)message)->exe_file_id = NOWHERE;
    return true;
}

static void program_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_MM, with_no_program);
}

/* The first mapping of a file, or of shared memory. */
static bool change_mapping(ProtobufCMessage *message, uint32_t status)
{
    MmEntry *mm = (MmEntry *)message;

    for (size_t i = 0; i < mm->n_vmas; i++)
        if (mm->vmas[i]->status & status) {
            mm->vmas[i]->shmid = NOWHERE;
            return true;
        }
    return false;
}

static bool of_no_file(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    return change_mapping(message, 1u << 6 | 1u << 7);
}

static void mapped_file_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_MM, of_no_file);
}

static bool of_no_segment(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    return change_mapping(message, 1u << 8 | 1u << 10);
}

static void segment_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_MM, of_no_segment);
}

/* One kind of open file loses what it leads to. */
static bool lose_target(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    FileEntry *file = (FileEntry *)message;

    (void)number, (void)trial;
    if (file->type == FD_TYPES__FIFO && file->fifo->has_regf_id)
        file->fifo->regf_id = NOWHERE;
    else if (file->type == FD_TYPES__TTY)
        file->tty->tty_info_id = NOWHERE;
    else if (file->type == FD_TYPES__MEMFD)
        file->memfd->inode_id = NOWHERE;
    else if (file->type == FD_TYPES__EVENTPOLL && file->epfd->n_tfd > 0)
        file->epfd->tfd[0]->tfd = NOWHERE;
    else if (file->type == FD_TYPES__UNIXSK && file->usk->peer)
        file->usk->peer = NOWHERE;
    else if (file->type == FD_TYPES__NS)
        file->nsf->ns_id = NOWHERE;
    else
        return false;
    return true;
}

static void target_lost(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_FILES, lose_target);
}

static bool lose_path(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    FileEntry *file = (FileEntry *)message;

    (void)number, (void)trial;
    if (file->type != FD_TYPES__TTY || !file->tty->has_regf_id)
        return false;
    file->tty->regf_id = NOWHERE;
    return true;
}

static void terminal_path_lost(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_FILES, lose_path);
}

static bool in_another_network(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    FileEntry *file = (FileEntry *)message;
    size_t first = 0;

    (void)number;
    if (!shop_next(trial->shop, FY_IMAGE_NETNS, &first))
        return false; /* networks are not part of the set */
    if (file->isk && file->isk->has_ns_id)
        file->isk->ns_id = NOWHERE;
    else if (file->usk && file->usk->has_ns_id)
        file->usk->ns_id = NOWHERE;
    else if (file->psk && file->psk->has_ns_id)
        file->psk->ns_id = NOWHERE;
    else if (file->nlsk && file->nlsk->has_ns_id)
        file->nlsk->ns_id = NOWHERE;
    else
        return false;
    return true;
}

static void network_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_FILES, in_another_network);
}

static bool on_no_mount(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    FileEntry *file = (FileEntry *)message;

    (void)number;
    if (!file->reg || !file->reg->has_mnt_id || file->reg->mnt_id == -1)
        return false;
    for (size_t i = 0; i < trial->shop->file_count; i++)
        if (trial->shop->files[i].type->kind == FY_IMAGE_MNTS) {
            file->reg->mnt_id = (int32_t)NOWHERE;
            return true;
        }
    return false;
}

static void mount_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_FILES, on_no_mount);
}

const struct damage damages_of_files[] = {
    {"files.img missing", "crashes", files_missing},
    {"open file left out", "crashes", file_left_out},
    {"open file twice", "wrong file", file_twice},
    {"open file with two ids", "fails", file_with_two_ids},
    {"open file without content", "crashes", file_without_content},
    {"fdinfo missing", "loses descriptors", table_missing},
    {"descriptor left out", "loses descriptors", descriptor_left_out},
    {"descriptor twice", "hangs", descriptor_twice},
    {"descriptor to nowhere", "fails", descriptor_to_nowhere},
    {"descriptor of another type", "fails", descriptor_of_other_type},
    {"directory unknown", "fails", directory_unknown},
    {"program unknown", "fails", program_unknown},
    {"mapped file unknown", "fails", mapped_file_unknown},
    {"shared segment unknown", "loses memory", segment_unknown},
    {"open file's target lost", "fails", target_lost},
    {"terminal's path lost", "fails", terminal_path_lost},
    {"network of a socket unknown", "fails", network_unknown},
    {"mount of a file unknown", "aborts", mount_unknown},
    {0},
};
