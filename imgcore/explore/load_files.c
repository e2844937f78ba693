/* Descriptor tables and open files: files.img, or the one image a kind of before. */
#include "model.h"

#include <criu/memfd.pb-c.h>
#include <criu/pipes.pb-c.h>
#include <ferry/imgcore/file_entry.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- open files ---- */

/* The field of that name if the message has it in that width. */
static const void *field_of(const ProtobufCMessage *message, const char *name, ProtobufCType type)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);

    if (!field || field->type != type || field->label == PROTOBUF_C_LABEL_REPEATED)
        return NULL;
    return (const char *)message + field->offset;
}

static int take_path(struct fy_explore *explore, struct fy_explore_file *file, const RegFileEntry *said,
                     struct fy_error *err)
{
    file->path = fy_explore_keep(explore, said->name, strnlen(said->name, MAX_PATH_BYTES), err);
    return file->path ? 0 : -1;
}

static int add_file(struct fy_explore *explore, int type, uint32_t id, const ProtobufCMessage *member,
                    struct fy_error *err)
{
    struct file file = {.said = {.type = type, .id = id}, .order = explore->files.count};
    const uint32_t *flags = field_of(member, "flags", PROTOBUF_C_TYPE_UINT32);
    const uint64_t *position = field_of(member, "pos", PROTOBUF_C_TYPE_UINT64);

    file.said.has_flags = flags != NULL;
    file.said.flags = flags ? *flags : 0;
    file.said.has_position = position != NULL;
    file.said.position_bytes = position ? *position : 0;
    if (type == FD_TYPES__REG && take_path(explore, &file.said, (const RegFileEntry *)member, err) < 0)
        return -1;
    if (type == FD_TYPES__PIPE)
        file.said.number = ((const PipeEntry *)member)->pipe_id;
    if (type == FD_TYPES__FIFO)
        file.said.number = ((const FifoEntry *)member)->pipe_id;
    if (type == FD_TYPES__MEMFD)
        file.said.number = ((const MemfdFileEntry *)member)->inode_id;
    if (fy_explore_add_socket(explore, type, member, &file.socket, err) < 0)
        return -1;
    return vector_push(&explore->files, err, file);
}

static int see_file(struct fy_explore *explore, const struct fy_image_entry *entry, void *data, struct fy_error *err)
{
    const FileEntry *file = (const FileEntry *)entry->message;
    const ProtobufCMessage *member = fy_file_entry_member(file);

    (void)data;
    if (!member)
        return fy_explore_note_trouble(explore, err,
                                       "files.img: entry %" PRIu64 " (id %" PRIu32 ") does not hold what it says",
                                       entry->number, file->id);
    return add_file(explore, (int)file->type, file->id, member, err);
}

static int see_old_file(struct fy_explore *explore, const struct fy_image_entry *entry, void *data,
                        struct fy_error *err)
{
    const struct fy_image_type *type = data;
    const uint32_t *id = field_of(entry->message, "id", PROTOBUF_C_TYPE_UINT32);

    return id ? add_file(explore, type->fd_type, *id, entry->message, err) : 0;
}

static int see_memfd(struct fy_explore *explore, const struct fy_image_entry *entry, void *data, struct fy_error *err)
{
    const MemfdInodeEntry *said = (const MemfdInodeEntry *)entry->message;
    struct memfd_inode inode = {.id = said->inode_id};

    (void)data;
    inode.name = fy_explore_keep(explore, said->name, strnlen(said->name, MAX_PATH_BYTES), err);
    return inode.name ? vector_push(&explore->memfds, err, inode) : -1;
}

static int load_open_files(struct fy_explore *explore, struct fy_error *err)
{
    int there = fy_explore_read(explore, "files.img", false, see_file, NULL, err), old = 0;

    for (int kind = 0; there >= 0 && kind < FY_IMAGE_KIND_COUNT; kind++) {
        const struct fy_image_type *type = fy_catalogue_get((enum fy_image_kind)kind);
        if (type->fd_type <= 0)
            continue;
        int found = fy_explore_read(explore, type->pattern, false, see_old_file, (void *)type, err);
        if (found < 0)
            return -1;
        old += found;
    }
    if (there < 0)
        return -1;
    if (there == 0 && old == 0 && explore->tasks.count > 0 && !explore->is_pre_dump)
        return fy_explore_note_trouble(explore, err, "files.img is missing");
    return fy_explore_read(explore, "memfd.img", false, see_memfd, NULL, err) < 0 ? -1 : 0;
}

/* ---- tables ---- */

static int see_descriptor(struct fy_explore *explore, const struct fy_image_entry *entry, void *data,
                          struct fy_error *err)
{
    const FdinfoEntry *said = (const FdinfoEntry *)entry->message;
    struct table *table = data;
    struct fy_explore_descriptor descriptor = {
        .fd = said->fd, .file_id = said->id, .file_type = (int)said->type, .close_on_exec = said->flags & 1};
    struct holder holder = {
        .type = descriptor.file_type, .file_id = descriptor.file_id, .said = {table->said.id, descriptor.fd}};

    if (vector_push(&table->descriptors, err, descriptor) < 0)
        return -1;
    return vector_push(&explore->holders, err, holder);
}

static int load_table(struct fy_explore *explore, struct table *table, struct fy_error *err)
{
    char name[64];
    int there;

    (void)snprintf(name, sizeof(name), "fdinfo-%" PRIu32 ".img", table->said.id);
    there = fy_explore_read(explore, name, false, see_descriptor, table, err);
    if (there < 0)
        return -1;
    table->said.is_there = there == 1;
    table->said.descriptors = table->descriptors.items;
    table->said.descriptor_count = table->descriptors.count;
    if (table->said.is_there)
        return 0;
    return fy_explore_note_trouble(explore, err,
                                   "%s is missing: task %" PRIu32 " has nothing open, or this file is lost", name,
                                   table->pids.items[0]);
}

static int compare_tables(const void *left, const void *right)
{
    const struct table *a = left, *b = right;

    return (a->said.id > b->said.id) - (a->said.id < b->said.id);
}

static struct table *find_table(const struct fy_explore *explore, uint32_t id)
{
    struct table key = {.said = {.id = id}};

    return vector_find(&explore->tables, &key, compare_tables);
}

/* One for each id, sorted. */
static int make_tables(struct fy_explore *explore, struct fy_error *err)
{
    size_t kept = 0;

    for (size_t i = 0; i < explore->tasks.count; i++) {
        const struct fy_explore_task *task = &explore->tasks.items[i];
        if (task->has_ids && vector_push(&explore->tables, err, (struct table){.said = {.id = task->table_id}}) < 0)
            return -1;
    }
    vector_sort(&explore->tables, compare_tables);
    for (size_t i = 0; i < explore->tables.count; i++)
        if (i == 0 || explore->tables.items[i].said.id != explore->tables.items[i - 1].said.id)
            explore->tables.items[kept++] = explore->tables.items[i];
    explore->tables.count = kept;
    for (size_t i = 0; i < explore->tasks.count; i++) {
        const struct fy_explore_task *task = &explore->tasks.items[i];
        if (task->has_ids && vector_push(&find_table(explore, task->table_id)->pids, err, task->pid) < 0)
            return -1;
    }
    return 0;
}

static int load_tables(struct fy_explore *explore, struct fy_error *err)
{
    if (make_tables(explore, err) < 0)
        return -1;
    for (size_t i = 0; i < explore->tables.count; i++) {
        struct table *table = &explore->tables.items[i];
        table->said.pids = table->pids.items;
        table->said.pid_count = table->pids.count;
        if (load_table(explore, table, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- order ---- */

static int compare_files(const void *left, const void *right)
{
    const struct file *a = left, *b = right;

    if (a->said.type != b->said.type)
        return a->said.type < b->said.type ? -1 : 1;
    if (a->said.id != b->said.id)
        return a->said.id < b->said.id ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static int compare_holders(const void *left, const void *right)
{
    const struct holder *a = left, *b = right;

    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    if (a->file_id != b->file_id)
        return a->file_id < b->file_id ? -1 : 1;
    if (a->said.table_id != b->said.table_id)
        return a->said.table_id < b->said.table_id ? -1 : 1;
    return (a->said.fd > b->said.fd) - (a->said.fd < b->said.fd);
}

static int compare_memfds(const void *left, const void *right)
{
    const struct memfd_inode *a = left, *b = right;

    return (a->id > b->id) - (a->id < b->id);
}

int fy_explore_load_files(struct fy_explore *explore, struct fy_error *err)
{
    if (load_open_files(explore, err) < 0 ||
        ((explore->parts & FY_EXPLORE_DESCRIPTORS) && load_tables(explore, err) < 0))
        return -1;
    vector_sort(&explore->files, compare_files);
    vector_sort(&explore->holders, compare_holders);
    vector_sort(&explore->memfds, compare_memfds);
    for (size_t i = 0; i < explore->holders.count; i++)
        if (vector_push(&explore->holder_list, err, explore->holders.items[i].said) < 0)
            return -1;
    /* The list of sockets does not grow any more. */
    for (size_t i = 0; i < explore->files.count; i++)
        if (explore->files.items[i].socket)
            explore->files.items[i].said.socket = &explore->sockets.items[explore->files.items[i].socket - 1];
    return 0;
}

/* ---- looking up ---- */

const struct fy_explore_table *fy_explore_find_table(const struct fy_explore *explore, uint32_t id)
{
    const struct table *table = find_table(explore, id);

    return table ? &table->said : NULL;
}

const struct fy_explore_file *fy_explore_find_file(const struct fy_explore *explore, int type, uint32_t id)
{
    const struct file key = {.said = {.type = type, .id = id}};
    size_t low = 0, high = explore->files.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_files(&explore->files.items[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == explore->files.count || explore->files.items[low].said.type != type ||
        explore->files.items[low].said.id != id)
        return NULL;
    return &explore->files.items[low].said;
}

/* The first holder that does not stand before `key`. */
static size_t lower_bound(const struct fy_explore *explore, const struct holder *key)
{
    size_t low = 0, high = explore->holders.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_holders(&explore->holders.items[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct fy_explore_holder *fy_explore_holders(const struct fy_explore *explore, int type, uint32_t id,
                                                   size_t *count)
{
    const struct holder first = {.type = type, .file_id = id};
    struct holder after = {.type = type, .file_id = id + 1};
    size_t from = lower_bound(explore, &first);

    if (after.file_id == 0)
        after.type++;
    *count = lower_bound(explore, &after) - from;
    return explore->holder_list.items ? explore->holder_list.items + from : NULL;
}

const char *fy_explore_memfd_name(const struct fy_explore *explore, uint64_t inode_id)
{
    const struct memfd_inode key = {.id = inode_id};
    const struct memfd_inode *found = vector_find(&explore->memfds, &key, compare_memfds);

    return found ? found->name : NULL;
}
