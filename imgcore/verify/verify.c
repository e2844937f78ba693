/* From the directory to a verdict: list, read the inventory, read everything, apply the rules, sum up. */
#include "set.h"
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/verify.h>
#include <inttypes.h>
#include <string.h>

/* In this order, because a lost image explains more than what it is missed by. */
static fy_rules *const rules[] = {
    fy_rules_tasks,  fy_rules_cores,  fy_rules_namespaces,  fy_rules_mounts, fy_rules_net_dumps,
    fy_rules_ghosts, fy_rules_files,  fy_rules_descriptors, fy_rules_edges,  fy_rules_references,
    fy_rules_pages,  fy_rules_strays, fy_rules_statistics,
};

/* A pre-dump has memory only; there is nothing that it could belong to. */
static fy_rules *const pre_dump_rules[] = {fy_rules_pages, fy_rules_strays};

static bool is_pre_dump(const struct fy_set *set)
{
    return set->has_inventory && set->inventory.img_version == 0;
}

/* False when the set is of a form whose other images cannot be judged. */
static bool check_version(const struct fy_set *set)
{
    const struct fy_inventory *inventory = &set->inventory;

    if (!set->has_inventory)
        return true;
    if (inventory->img_version == 0) {
        fy_set_report(set, FY_FINDING_PRE_DUMP, "inventory.img",
                      "this is a pre-dump, with memory only: it cannot be restored by itself");
        return true;
    }
    if (inventory->img_version > 2) {
        fy_set_report(set, FY_FINDING_VERSION_UNKNOWN, "inventory.img", "image version %" PRIu32 " is not known here%s",
                      inventory->img_version, inventory->img_version == 3 ? " (compressed pages)" : "");
        return false;
    }
    if (!inventory->fdinfo_per_id || !inventory->has_root_ids)
        fy_set_report(set, FY_FINDING_TOO_OLD, "inventory.img",
                      "was written by a CRIU too old to be restored today (%s)",
                      inventory->has_root_ids ? "descriptor tables by pid" : "no ids of its own");
    return inventory->fdinfo_per_id && inventory->has_root_ids;
}

static uint64_t sum_lazy(const struct fy_set *set)
{
    uint64_t pages = 0;

    for (size_t i = 0; i < set->pagemaps.count; i++)
        if (__builtin_add_overflow(pages, set->pagemaps.items[i].lazy_pages, &pages))
            return UINT64_MAX;
    return pages;
}

static void check_lazy(const struct fy_set *set, const struct fy_imageset_options *options)
{
    uint64_t pages = sum_lazy(set);

    if (pages > 0 && !(options && options->accept_lazy))
        fy_set_report(set, FY_FINDING_LAZY, "inventory.img",
                      "this is a lazy dump: %" PRIu64 " pages are still on the source", pages);
}

static int load_and_check(struct fy_set *set, const struct fy_imageset_options *options, struct fy_error *err)
{
    fy_rules *const *list = rules;
    size_t count = FY_ARRAY_SIZE(rules);

    if (fy_set_list(set, err) < 0 || fy_set_load_inventory(set, err) < 0)
        return -1;
    if (!check_version(set))
        return 0;
    if (is_pre_dump(set)) {
        list = pre_dump_rules;
        count = FY_ARRAY_SIZE(pre_dump_rules);
    }
    if (fy_set_load(set, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (list[i](set, err) < 0)
            return -1;
    check_lazy(set, options);
    return 0;
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
    summary->root_pid = set->tasks.count ? set->tasks.items[0].pid : 0;
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

static int sum_up(struct fy_set *set, struct fy_imageset_summary *summary, struct fy_error *err)
{
    struct fy_imageset_summary made = {.error_count = set->report->by_severity[FY_SEVERITY_ERROR],
                                       .warning_count = set->report->by_severity[FY_SEVERITY_WARNING],
                                       .note_count = set->report->by_severity[FY_SEVERITY_NOTE],
                                       .is_pre_dump = is_pre_dump(set),
                                       .inventory = set->inventory,
                                       .namespaces = fy_set_namespaces(set),
                                       .lazy_pages = sum_lazy(set)};

    if (take_unknown_names(set, &made, err) < 0)
        return -1;
    sum_files(set, &made);
    sum_tasks(set, &made);
    *summary = made;
    return 0;
}

int fy_imageset_verify(int dir_fd, const struct fy_imageset_options *options, fy_finding_fn *report, void *data,
                       struct fy_imageset_summary *summary, struct fy_error *err)
{
    struct fy_report out;
    struct fy_set set;
    int result;

    fy_report_init(&out, report, data);
    fy_set_init(&set, dir_fd, &out);
    result = load_and_check(&set, options, err);
    if (result == 0)
        result = fy_report_finish(&out, err);
    if (result == 0)
        result = sum_up(&set, summary, err);
    fy_set_done(&set);
    fy_report_done(&out);
    return result;
}

/* Keeps the first error; of a set that has none but is a pre-dump, that it is one. */
static void keep_first(const struct fy_finding *finding, void *data)
{
    struct fy_error *first = data;
    bool cannot_judge = fy_finding_kind(finding->id)->effect == FY_EFFECT_UNSUPPORTED;

    if (first->code != FY_OK || (finding->severity != FY_SEVERITY_ERROR && finding->id != FY_FINDING_PRE_DUMP))
        return;
    if (finding->has_entry)
        (void)fy_error_set(first, cannot_judge ? FY_E_UNSUPPORTED : FY_E_VERIFY, "%s: entry %" PRIu64 " %s",
                           finding->file, finding->entry, finding->what);
    else
        (void)fy_error_set(first, cannot_judge ? FY_E_UNSUPPORTED : FY_E_VERIFY, "%s: %s", finding->file,
                           finding->what);
    (void)fy_error_next(first, "%s", finding->next);
}

int fy_imageset_check(int dir_fd, const struct fy_imageset_options *options, struct fy_imageset_summary *summary,
                      struct fy_error *err)
{
    struct fy_error first = FY_ERROR_INIT;
    struct fy_imageset_summary made;

    if (fy_imageset_verify(dir_fd, options, keep_first, &first, &made, err) < 0)
        return -1;
    if (first.code != FY_OK) {
        fy_imageset_summary_done(&made);
        fy_error_propagate(err, &first);
        return -1;
    }
    *summary = made;
    return 0;
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
