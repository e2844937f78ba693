/* Reads every image of a set once, to its last byte, and hands the entries to the collectors of their kind. */
#include "set.h"
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static fy_collector *const collectors[FY_IMAGE_KIND_COUNT] = {
    [FY_IMAGE_PSTREE] = fy_collect_pstree,
    [FY_IMAGE_CORE] = fy_collect_core,
    [FY_IMAGE_IDS] = fy_collect_ids,
    [FY_IMAGE_MM] = fy_collect_mm,
    [FY_IMAGE_FS] = fy_collect_fs,
    [FY_IMAGE_FDINFO] = fy_collect_fdinfo,
    [FY_IMAGE_FILES] = fy_collect_file,
    [FY_IMAGE_SK_QUEUES] = fy_collect_packet,
    [FY_IMAGE_REMAP_FPATH] = fy_collect_remap,
    [FY_IMAGE_MEMFD_INODE] = fy_collect_memfd_segment,
    [FY_IMAGE_IPCNS_SHM] = fy_collect_ipc_segment_size,
    [FY_IMAGE_MNTS] = fy_collect_mount,
    [FY_IMAGE_PAGEMAP] = fy_collect_pagemap,
    [FY_IMAGE_PAGEMAP_SHMEM] = fy_collect_pagemap,
    [FY_IMAGE_GHOST_FILE] = fy_collect_ghost,
    [FY_IMAGE_PIPES_DATA] = fy_collect_pipe_data,
    [FY_IMAGE_FIFO_DATA] = fy_collect_pipe_data,
    [FY_IMAGE_TTY_INFO] = fy_collect_tty_info,
    [FY_IMAGE_TTY_DATA] = fy_collect_tty_data,
    [FY_IMAGE_FILE_LOCKS] = fy_collect_lock,
    [FY_IMAGE_TCP_STREAM] = fy_collect_tcp_stream,
    [FY_IMAGE_SECCOMP] = fy_collect_seccomp,
    [FY_IMAGE_CGROUP] = fy_collect_cgroup,
    [FY_IMAGE_NETNS] = fy_collect_netns,
    [FY_IMAGE_NETDEV] = fy_collect_netdev,
    [FY_IMAGE_EVENTPOLL_TFD] = fy_collect_legacy_epoll,
    [FY_IMAGE_VMAS] = fy_collect_vma,
};

/* CRIU decides by the inventory which magics to expect, so an image of the other form would be misread. */
static bool is_of_the_set_s_form(const struct fy_set *set, const struct set_file *file, const struct fy_image *image)
{
    bool common_magic = fy_image_framing(image) != FY_FRAMING_V1_0;

    /* Statistics are of the CRIU that ran last, and the inventory has one magic in either form. */
    return !set->has_inventory || set->inventory.img_version == 0 || file->type->kind == FY_IMAGE_INVENTORY ||
           fy_catalogue_is_service(file->type) || common_magic == (set->inventory.img_version >= 2);
}

/* The message without what the finding says already. */
static const char *without_place(const char *message, const char *file)
{
    size_t length = strlen(file);

    if (strncmp(message, file, length) == 0 && strncmp(message + length, ": ", 2) == 0)
        message += length + 2;
    if (strncmp(message, "entry ", 6) == 0)
        message += 6 + strspn(message + 6, "0123456789") + 1;
    return message;
}

/* What the reader dislikes about an image's content is a finding; what the system says stays an error. */
static int report_fault(struct fy_set *set, struct set_file *file, enum fy_finding_id id, uint64_t entry,
                        const struct fy_error *fault, struct fy_error *err)
{
    if (fault->code != FY_E_FORMAT && fault->code != FY_E_LIMIT) {
        fy_error_propagate(err, fault);
        return -1;
    }
    /* All that belongs into it was read before the trailing bytes. */
    if (id != FY_FINDING_TRAILING_BYTES)
        file->is_damaged = set->is_damaged[file->type->kind] = true;
    if (id == FY_FINDING_MAGIC)
        fy_set_report(set, id, file->name, "%s", without_place(fault->message, file->name));
    else
        fy_set_report_entry(set, fault->code == FY_E_LIMIT ? FY_FINDING_ENTRY_TOO_LARGE : id, file->name, entry, "%s",
                            without_place(fault->message, file->name));
    return 0;
}

static enum fy_finding_id finding_of(const struct fy_image *image)
{
    switch (fy_image_flaw(image)) {
    case FY_IMAGE_FLAW_FIELD:
        return FY_FINDING_FIELD_MISSING;
    case FY_IMAGE_FLAW_TRAILING:
        return FY_FINDING_TRAILING_BYTES;
    case FY_IMAGE_FLAW_FORM:
        break;
    }
    return FY_FINDING_ENTRY_DAMAGED;
}

static int read_entries(struct fy_set *set, struct set_file *file, struct fy_image *image, struct fy_error *err)
{
    fy_collector *collect = file->type->fd_type ? fy_collect_legacy_file : collectors[file->type->kind];
    struct fy_error fault = FY_ERROR_INIT;
    struct fy_image_entry entry;
    uint64_t count = 0;
    int result;

    for (; (result = fy_image_next(image, &entry, &fault)) > 0; count++) {
        fy_rules_unknown(set, file, &entry);
        if (collect && collect(set, file, &entry, err) < 0)
            return -1;
    }
    return result < 0 ? report_fault(set, file, finding_of(image), count, &fault, err) : 0;
}

static int load_image(struct fy_set *set, struct set_file *file, struct fy_error *err)
{
    struct fy_error fault = FY_ERROR_INIT;
    struct fy_image *image = NULL;
    int result;

    if (fy_image_open(set->dir_fd, file->name, NULL, &image, &fault) < 0)
        return report_fault(set, file, FY_FINDING_MAGIC, 0, &fault, err);
    if (!is_of_the_set_s_form(set, file, image))
        fy_set_report(set, FY_FINDING_FRAMING_FORM, file->name,
                      fy_image_framing(image) != FY_FRAMING_V1_0
                          ? "begins with two magics, but inventory.img says version 1.0, which has one"
                          : "begins with one magic, but inventory.img says version 1.1, which has two");
    result = read_entries(set, file, image, err);
    fy_image_free(image);
    return result;
}

int fy_set_load_file(struct fy_set *set, struct set_file *file, struct fy_error *err)
{
    bool has_wide_number = file->type->kind == FY_IMAGE_PAGEMAP_SHMEM;

    if (file->is_regular && (file->id <= UINT32_MAX || has_wide_number))
        return file->type->magic ? load_image(set, file, err) : 0;
    if (!file->is_regular)
        fy_set_report(set, FY_FINDING_NOT_REGULAR, file->name, "is not a regular file");
    else
        fy_set_report(set, FY_FINDING_NAME_NUMBER, file->name, "has a number of more than 32 bits in its name");
    file->is_damaged = set->is_damaged[file->type->kind] = true;
    return 0;
}

static int compare_cores(const void *left, const void *right)
{
    const struct set_core *a = left, *b = right;
    return (a->tid > b->tid) - (a->tid < b->tid);
}

static int compare_ids(const void *left, const void *right)
{
    const struct set_ids *a = left, *b = right;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

static int compare_mms(const void *left, const void *right)
{
    const struct set_mm *a = left, *b = right;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

static int compare_fds(const void *left, const void *right)
{
    const struct set_fd *a = left, *b = right;
    if (a->files_id != b->files_id)
        return a->files_id < b->files_id ? -1 : 1;
    return (a->fd > b->fd) - (a->fd < b->fd);
}

static int compare_open_files(const void *left, const void *right)
{
    const struct set_open_file *a = left, *b = right;
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static bool is_left_to_rules(const struct set_file *file)
{
    return file->is_damaged || file->type->kind == FY_IMAGE_PAGEMAP || file->type->kind == FY_IMAGE_PAGEMAP_SHMEM;
}

int fy_set_load(struct fy_set *set, struct fy_error *err)
{
    for (size_t i = 0; i < set->known_count; i++)
        if (!is_left_to_rules(&set->files.items[i]) && fy_set_load_file(set, &set->files.items[i], err) < 0)
            return -1;
    vector_sort(&set->cores, compare_cores);
    vector_sort(&set->ids, compare_ids);
    vector_sort(&set->mms, compare_mms);
    vector_sort(&set->fds, compare_fds);
    vector_sort(&set->open_files, compare_open_files);
    return 0;
}

/* A store of checkpoints has the same names with a suffix. */
static void report_no_inventory(struct fy_set *set)
{
    static const char *const stored[] = {"inventory.img.zst", "inventory.img.sealed"};

    for (size_t i = 0; i < FY_ARRAY_SIZE(stored); i++) {
        if (faccessat(set->dir_fd, stored[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
            fy_set_report(set, FY_FINDING_STORED, stored[i], "belongs to ferry's store of checkpoints");
            return;
        }
    }
    fy_set_report(set, FY_FINDING_INVENTORY_MISSING, "inventory.img",
                  "is missing: it is written last, so the dump did not finish");
}

int fy_set_load_inventory(struct fy_set *set, struct fy_error *err)
{
    struct set_file *file = (struct set_file *)fy_set_find_image(set, FY_IMAGE_INVENTORY, 0);
    struct fy_error fault = FY_ERROR_INIT;
    size_t reported;

    if (!file) {
        report_no_inventory(set);
        return 0;
    }
    if (file->is_regular && fy_inventory_read(set->dir_fd, &set->inventory, &fault) == 0) {
        set->has_inventory = true;
        return 0;
    }
    /* The ordinary way says best what is wrong with it; it does not know what the numbers in it mean. */
    reported = set->report->by_severity[FY_SEVERITY_ERROR];
    if (fy_set_load_file(set, file, err) < 0)
        return -1;
    if (set->report->by_severity[FY_SEVERITY_ERROR] == reported)
        return report_fault(set, file, FY_FINDING_ENTRY_DAMAGED, 0, &fault, err);
    file->is_damaged = set->is_damaged[FY_IMAGE_INVENTORY] = true;
    return 0;
}

const struct set_core *fy_set_find_core(const struct fy_set *set, uint32_t tid)
{
    struct set_core key = {.tid = tid};
    return vector_find(&set->cores, &key, compare_cores);
}

const struct set_ids *fy_set_find_ids(const struct fy_set *set, uint32_t pid)
{
    struct set_ids key = {.pid = pid};
    return vector_find(&set->ids, &key, compare_ids);
}

struct set_open_file *fy_set_find_open_file(const struct fy_set *set, int type, uint32_t id)
{
    struct set_open_file key = {.type = type, .id = id};
    return vector_find(&set->open_files, &key, compare_open_files);
}

bool fy_set_is_zombie(const struct fy_set *set, const struct set_task *task)
{
    const struct set_core *core = fy_set_find_core(set, task->pid);
    return core && core->task_state == TASK_ZOMBIE;
}

const struct set_mm *fy_set_find_mm(const struct fy_set *set, uint32_t pid)
{
    struct set_mm key = {.pid = pid};
    return vector_find(&set->mms, &key, compare_mms);
}

static uint32_t page_bytes_of(const struct fy_set *set, const struct set_mm *mm)
{
    const struct set_core *core = fy_set_find_core(set, mm->pid);
    return core && core->is_32bit ? mm->page_bytes_32bit : mm->page_bytes_64bit;
}

uint32_t fy_set_page_bytes(const struct fy_set *set, uint64_t pid)
{
    const struct set_mm *mm = fy_set_find_mm(set, (uint32_t)pid);

    if (mm && page_bytes_of(set, mm))
        return page_bytes_of(set, mm);
    for (size_t i = 0; i < set->mms.count; i++)
        if (page_bytes_of(set, &set->mms.items[i]))
            return page_bytes_of(set, &set->mms.items[i]);
    return 4096;
}
