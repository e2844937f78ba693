/* From the directory to a verdict: list, read the inventory, read everything, apply the rules, sum up. */
#include "set.h"
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/set_check.h>
#include <inttypes.h>
#include <string.h>

/* In this order, because a lost image explains more than what it is missed by. */
static fy_rules *const rules[] = {
    fy_rules_tasks, fy_rules_namespaces, fy_rules_files, fy_rules_references, fy_rules_pages, fy_rules_strays,
};

static int check_version(const struct fy_inventory *inventory, struct fy_error *err)
{
    switch (inventory->img_version) {
    case 0:
        return fy_set_fault(err, "Make the final dump, and restore that; this level serves as its parent.",
                            "inventory.img", "this is a pre-dump, with memory only: it cannot be restored by itself");
    case 1:
    case 2:
        break;
    default:
        (void)fy_error_set(err, FY_E_UNSUPPORTED, "inventory.img: image version %" PRIu32 " is not known here",
                           inventory->img_version);
        return fy_error_next(err, "Dump without compression, or use a version of ferry that knows this format.");
    }
    if (inventory->fdinfo_per_id && inventory->has_root_ids)
        return 0;
    (void)fy_error_set(err, FY_E_UNSUPPORTED, "inventory.img: was written by a CRIU too old to be restored today (%s)",
                       inventory->has_root_ids ? "descriptor tables by pid" : "no ids of its own");
    return fy_error_next(err, NEXT_DUMP);
}

static uint64_t sum_lazy(const struct fy_set *set)
{
    uint64_t pages = 0;

    for (size_t i = 0; i < set->pagemaps.count; i++)
        if (__builtin_add_overflow(pages, set->pagemaps.items[i].lazy_pages, &pages))
            return UINT64_MAX;
    return pages;
}

static int check_lazy(const struct fy_set *set, const struct fy_imageset_options *options, struct fy_error *err)
{
    uint64_t pages = sum_lazy(set);

    if (pages == 0 || (options && options->accept_lazy))
        return 0;
    return fy_set_fault(err, "Restore it with lazy pages while the source serves them, or dump without.",
                        "inventory.img", "this is a lazy dump: %" PRIu64 " pages are still on the source", pages);
}

static int load_and_check(struct fy_set *set, const struct fy_imageset_options *options, struct fy_error *err)
{
    if (fy_set_list(set, err) < 0 || fy_set_load_inventory(set, err) < 0 || check_version(&set->inventory, err) < 0 ||
        fy_set_load(set, err) < 0)
        return -1;
    for (size_t i = 0; i < FY_ARRAY_SIZE(rules); i++)
        if (rules[i](set, err) < 0)
            return -1;
    return check_lazy(set, options, err);
}

static void sum_files(const struct fy_set *set, struct fy_imageset_summary *summary)
{
    for (size_t i = 0; i < set->files.count; i++) {
        const struct set_file *file = &set->files.items[i];
        summary->file_count += file->is_regular;
        summary->total_bytes += file->size_bytes;
        if (file->type && file->type->kind == FY_IMAGE_PAGES)
            summary->pages_bytes += file->size_bytes;
        if (file->type && file->type->kind == FY_IMAGE_TCP_STREAM)
            summary->has_tcp_established = true;
    }
}

static void sum_tasks(const struct fy_set *set, struct fy_imageset_summary *summary)
{
    summary->root_pid = set->tasks.items[0].pid;
    summary->task_count = set->tasks.count;
    for (size_t i = 0; i < set->tasks.count; i++) {
        if (fy_set_is_zombie(set, &set->tasks.items[i]))
            summary->zombie_count++;
        else
            summary->thread_count += set->tasks.items[i].thread_count;
    }
    for (size_t i = 0; i < set->pagemaps.count; i++)
        summary->parent_pages += set->pagemaps.items[i].parent_pages;
}

/* Moves the names of files that are not CRIU's out of the index. */
static int take_unknown_names(struct fy_set *set, struct fy_imageset_summary *summary, struct fy_error *err)
{
    size_t count = set->files.count - set->known_count;

    if (count == 0)
        return 0;
    summary->unknown_names = calloc(count, sizeof(char *));
    if (!summary->unknown_names)
        return fy_error_set(err, FY_E_NOMEM, "no memory for %zu file names", count);
    for (size_t i = 0; i < count; i++)
        summary->unknown_names[i] = fy_take(set->files.items[set->known_count + i].name);
    summary->unknown_count = count;
    return 0;
}

int fy_imageset_check(int dir_fd, const struct fy_imageset_options *options, struct fy_imageset_summary *summary,
                      struct fy_error *err)
{
    struct fy_imageset_summary made = {0};
    struct fy_set set;
    int result;

    fy_set_init(&set, dir_fd);
    result = load_and_check(&set, options, err);
    if (result == 0)
        result = take_unknown_names(&set, &made, err);
    if (result == 0) {
        made.inventory = set.inventory;
        made.namespaces = fy_set_namespaces(&set);
        made.lazy_pages = sum_lazy(&set);
        sum_files(&set, &made);
        sum_tasks(&set, &made);
        *summary = made;
    }
    fy_set_done(&set);
    return result;
}

void fy_imageset_summary_done(struct fy_imageset_summary *summary)
{
    if (!summary)
        return;
    for (size_t i = 0; i < summary->unknown_count; i++)
        free(summary->unknown_names[i]);
    free(summary->unknown_names);
    *summary = (struct fy_imageset_summary){0};
}
