/* Damage to the inventory, the tree of tasks, and what every task has; and to the form of files as such. */
#include "damage.h"
#include <criu/core.pb-c.h>
#include <criu/inventory.pb-c.h>
#include <criu/pstree.pb-c.h>
#include <stdlib.h>
#include <string.h>

static void inventory_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_INVENTORY);
}
static void pstree_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_PSTREE);
}
static void core_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_CORE);
}
static void ids_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_IDS);
}
static void mm_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_MM);
}
static void fs_missing(struct trial *trial)
{
    damage_missing(trial, FY_IMAGE_FS);
}

static bool of_version_9(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)number, (void)trial;
    ((InventoryEntry *)message)->img_version = 9;
    return true;
}

static void version_9(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_INVENTORY, of_version_9);
}

static void pid_twice(struct trial *trial)
{
    damage_repeat(trial, FY_IMAGE_PSTREE, NULL);
}

static bool without_parent(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)trial;
    ((PstreeEntry *)message)->ppid = 0;
    return number > 0;
}

static void second_root(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_PSTREE, without_parent);
}

static bool of_a_stranger(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    (void)trial;
    ((PstreeEntry *)message)->ppid = NOWHERE;
    return number > 0;
}

static void parent_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_PSTREE, of_a_stranger);
}

static bool with_a_thread_more(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    PstreeEntry *task = (PstreeEntry *)message;
    static uint32_t threads[2];

    (void)number;
    threads[0] = task->pid;
    threads[1] = NOWHERE;
    task->threads = threads;
    task->n_threads = 2;
    /* A zombie's threads are not looked at. */
    return shop_find(trial->shop, FY_IMAGE_MM, task->pid) != NULL;
}

static void thread_unknown(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_PSTREE, with_a_thread_more);
}

static bool without_thread_core(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    CoreEntry *core = (CoreEntry *)message;
    bool had = core->thread_core != NULL;

    (void)number, (void)trial;
    core->thread_core = NULL;
    return had;
}

static void thread_core_missing(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_CORE, without_thread_core);
}

static bool without_task_core(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    CoreEntry *core = (CoreEntry *)message;
    bool had = core->tc != NULL;

    (void)number, (void)trial;
    core->tc = NULL;
    return had;
}

static void task_core_missing(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_CORE, without_task_core);
}

static bool with_61_sigactions(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    CoreEntry *core = (CoreEntry *)message;

    (void)number, (void)trial;
    if (!core->tc || core->tc->n_sigactions != 62)
        return false;
    core->tc->n_sigactions = 61;
    return true;
}

static void sigaction_missing(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_CORE, with_61_sigactions);
}

static bool without_registers(ProtobufCMessage *message, uint64_t number, const struct trial *trial)
{
    CoreEntry *core = (CoreEntry *)message;

    (void)number, (void)trial;
    if (!core->thread_core || !core->thread_info)
        return false;
    core->thread_info = NULL;
    return true;
}

static void registers_missing(struct trial *trial)
{
    damage_change(trial, FY_IMAGE_CORE, without_registers);
}

/* Single images once, the others by some of their bytes. */
static void bad_magic(struct trial *trial)
{
    for (size_t i = 0; i < trial->shop->file_count; i++) {
        const struct shop_file *file = &trial->shop->files[i];
        size_t last = file->type->kind == FY_IMAGE_INVENTORY ? 3 : 7;
        if (file->type->magic == 0)
            continue;
        file->whole.data[0] ^= 1;
        shop_restore(trial->shop, file);
        file->whole.data[0] ^= 1;
        trial_judge(trial, file);
        file->whole.data[last] ^= 0x40;
        shop_restore(trial->shop, file);
        file->whole.data[last] ^= 0x40;
        trial_judge(trial, file);
    }
}

/* Within the size word of its last entry, and within its body. */
static void cut_entry(struct trial *trial)
{
    for (size_t i = 0; i < trial->shop->file_count; i++) {
        const struct shop_file *file = &trial->shop->files[i];
        size_t count;
        struct extent *extents = shop_extents(trial->shop, file, &count);
        /* A deleted file's content has no length of its own. */
        if (count > 0 && file->type->kind != FY_IMAGE_GHOST_FILE) {
            for (size_t size = extents[count - 1].begin + 1; size < extents[count - 1].begin + 4; size++) {
                shop_write(trial->shop, file->name, file->whole.data, size);
                trial_judge(trial, file);
            }
            if (file->whole.size > extents[count - 1].begin + 4) {
                shop_write(trial->shop, file->name, file->whole.data, file->whole.size - 1);
                trial_judge(trial, file);
            }
        }
        free(extents);
    }
}

/* The length of the field at `data`, 0 at the end; its number is put into *tag. */
static size_t field_size(const uint8_t *data, size_t size, uint32_t *tag)
{
    uint64_t key = 0, length = 0;
    size_t at = 0;

    if (size == 0)
        return 0;
    for (unsigned shift = 0; at < size; shift += 7) {
        key |= (uint64_t)(data[at] & 0x7f) << shift;
        if (!(data[at++] & 0x80))
            break;
    }
    *tag = (uint32_t)(key >> 3);
    if ((key & 7) == 1 || (key & 7) == 5)
        return at + ((key & 7) == 1 ? 8 : 4);
    for (unsigned shift = 0; at < size; shift += 7) {
        length |= (uint64_t)(data[at] & 0x7f) << shift;
        if (!(data[at++] & 0x80))
            break;
    }
    return (key & 7) == 2 ? at + (size_t)length : at;
}

/* The entry at [begin, begin + 4 + size) shortened to `kept` bytes, which its size word says. */
static void shorten_entry(struct trial *trial, const struct shop_file *file, size_t begin, size_t size, size_t kept)
{
    size_t rest = file->whole.size - begin - 4 - size;
    uint8_t *data = malloc(file->whole.size);
    uint32_t word = (uint32_t)kept;

    if (!data)
        die("no memory");
    memcpy(data, file->whole.data, begin);
    memcpy(data + begin, &word, 4);
    memcpy(data + begin + 4, file->whole.data + begin + 4, kept);
    memcpy(data + begin + 4 + kept, file->whole.data + begin + 4 + size, rest);
    shop_write(trial->shop, file->name, data, begin + 4 + kept + rest);
    free(data);
    trial_judge(trial, file);
}

/* A body that ends before one of its required fields, framed as if that were right. */
static void cut_fields(struct trial *trial, const struct shop_file *file, size_t begin,
                       const ProtobufCMessageDescriptor *descriptor)
{
    const uint8_t *body = file->whole.data + begin + 4;
    uint32_t size, tag = 0;
    size_t length;

    memcpy(&size, file->whole.data + begin, 4);
    for (size_t at = 0; (length = field_size(body + at, size - at, &tag)) > 0; at += length) {
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(descriptor, tag);
        if (field && field->label == PROTOBUF_C_LABEL_REQUIRED)
            shorten_entry(trial, file, begin, size, at);
    }
}

static void cut_before_field(struct trial *trial)
{
    for (size_t i = 0; i < trial->shop->file_count; i++) {
        const struct shop_file *file = &trial->shop->files[i];
        size_t count;
        struct extent *extents = shop_extents(trial->shop, file, &count);
        if (count > 0)
            cut_fields(trial, file, extents[0].begin, file->type->first);
        if (count > 1)
            cut_fields(trial, file, extents[count - 1].begin, file->type->rest ? file->type->rest : file->type->first);
        free(extents);
    }
}

const struct damage damages_of_tasks[] = {
    {"inventory.img missing", "refuses", inventory_missing},
    {"pstree.img missing", "crashes", pstree_missing},
    {"core missing", "fails", core_missing},
    {"ids missing", "fails", ids_missing},
    {"mm missing", "crashes", mm_missing},
    {"fs missing", "crashes", fs_missing},
    {"image version 9", "refuses", version_9},
    {"pid twice", "aborts", pid_twice},
    {"second root", "fails", second_root},
    {"parent unknown", "fails", parent_unknown},
    {"thread unknown", "fails", thread_unknown},
    {"core without thread_core", "crashes", thread_core_missing},
    {"leader's core without tc", "crashes", task_core_missing},
    {"core without registers", "crashes", registers_missing},
    {"sigaction missing", "fails", sigaction_missing},
    {"bad magic", "fails", bad_magic},
    {"entry cut short", "fails", cut_entry},
    {"entry cut before a required field", "fails", cut_before_field},
    {0},
};
