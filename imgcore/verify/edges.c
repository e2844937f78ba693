/* Rules about numbers: what an entry names is there, and what may be there once is not there twice. */
#include "edges.h"
#include "set.h"
#include <inttypes.h>
#include <sched.h>

#define ANY_NUMBER_OF_TIMES FY_FINDING_COUNT

static const struct {
    const char *what;
    enum fy_image_kind defined_in; /* when it is damaged, what is missing may stand in the part that was not read */
    enum fy_finding_id twice;
    int namespace; /* CLONE_NEW…: only when it is part of the set */
} spaces[EDGE_SPACE_COUNT] = {
    [EDGE_PIPE] = {"pipe", FY_IMAGE_FILES, ANY_NUMBER_OF_TIMES, 0},
    [EDGE_PIPE_DATA] = {"record of a pipe", FY_IMAGE_PIPES_DATA, FY_FINDING_PIPE_DATA_TWICE, 0},
    [EDGE_FIFO] = {"FIFO", FY_IMAGE_FILES, ANY_NUMBER_OF_TIMES, 0},
    [EDGE_FIFO_DATA] = {"record of a FIFO", FY_IMAGE_FIFO_DATA, FY_FINDING_PIPE_DATA_TWICE, 0},
    [EDGE_TTY_INFO] = {"terminal", FY_IMAGE_TTY_INFO, FY_FINDING_TTY_INFO_TWICE, 0},
    [EDGE_MEMFD_INODE] = {"memory file", FY_IMAGE_MEMFD_INODE, FY_FINDING_MEMFD_TWICE, 0},
    [EDGE_UNIX_INODE] = {"UNIX socket", FY_IMAGE_FILES, ANY_NUMBER_OF_TIMES, 0},
    [EDGE_MOUNT] = {"mount", FY_IMAGE_MNTS, FY_FINDING_MOUNT_TWICE, CLONE_NEWNS},
    [EDGE_CGROUP_SET] = {"set of control groups", FY_IMAGE_CGROUP, FY_FINDING_CGROUP_TWICE, 0},
    [EDGE_SECCOMP_FILTER] = {"seccomp filter", FY_IMAGE_SECCOMP, ANY_NUMBER_OF_TIMES, 0},
    [EDGE_REMAP] = {"path that is gone of the file", FY_IMAGE_REMAP_FPATH, FY_FINDING_REMAP_TWICE, 0},
    [EDGE_NET_NAMESPACE] = {"network namespace", FY_IMAGE_IDS, ANY_NUMBER_OF_TIMES, CLONE_NEWNET},
    [EDGE_NAMESPACE] = {"namespace", FY_IMAGE_IDS, ANY_NUMBER_OF_TIMES, 0},
};

void fy_edges_done(struct fy_edges *edges)
{
    free(edges->defined.items);
    free(edges->needed.items);
    free(edges->epolls.items);
    free(edges->locks.items);
    free(edges->fifos.items);
    free(edges->pidfds.items);
    free(edges->mounts.items);
    free(edges->devices.items);
    free(edges->remaps.items);
    free(edges->regular_sizes.items);
    free(edges->ghost_sizes.items);
    free(edges->external_nets.items);
    free(edges->written_only.items);
}

int fy_edge_define(struct fy_set *set, enum edge_space space, uint64_t number, const struct set_file *file,
                   uint64_t entry, struct fy_error *err)
{
    return vector_push(&set->edges.defined, err,
                       (struct edge_end){.space = space, .number = number, .file = file, .entry = entry});
}

int fy_edge_need(struct fy_set *set, enum edge_space space, uint64_t number, enum fy_finding_id finding,
                 const struct set_file *file, uint64_t entry, const char *what, struct fy_error *err)
{
    return vector_push(
        &set->edges.needed, err,
        (struct edge_end){
            .space = space, .finding = finding, .number = number, .file = file, .entry = entry, .what = what});
}

static int compare_ends(const void *left, const void *right)
{
    const struct edge_end *a = left, *b = right;
    if (a->space != b->space)
        return a->space < b->space ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

bool fy_edge_is_defined(const struct fy_set *set, enum edge_space space, uint64_t number)
{
    struct edge_end key = {.space = space, .number = number};
    return vector_find(&set->edges.defined, &key, compare_ends) != NULL;
}

static void check_unique(const struct fy_set *set)
{
    for (size_t i = 1; i < set->edges.defined.count; i++) {
        const struct edge_end *end = &set->edges.defined.items[i];
        if (spaces[end->space].twice != ANY_NUMBER_OF_TIMES && compare_ends(end, end - 1) == 0)
            fy_set_report_entry(set, spaces[end->space].twice, end->file->name, end->entry,
                                "is the %s with the number %" PRIu64 ", and so is another one", spaces[end->space].what,
                                end->number);
    }
}

/* Of a mount or network that is not part of the set, entries have the number, and the restore does not look at it. */
static bool matters(const struct fy_set *set, const struct edge_end *end, int namespaces)
{
    return (spaces[end->space].namespace == 0 || spaces[end->space].namespace & namespaces) &&
           fy_set_is_whole(set, spaces[end->space].defined_in);
}

static void check_needed(const struct fy_set *set)
{
    int namespaces = fy_set_namespaces(set);

    for (size_t i = 0; i < set->edges.needed.count; i++) {
        const struct edge_end *end = &set->edges.needed.items[i];
        if (matters(set, end, namespaces) && !fy_edge_is_defined(set, end->space, end->number))
            fy_set_report_entry(set, end->finding, end->file->name, end->entry,
                                "%s is the %s with the number %" PRIu64 ", which is not in the set", end->what,
                                spaces[end->space].what, end->number);
    }
}

/* Tasks' namespaces, CRIU's own, and networks without a task, which are there because a mount or a file holds them. */
static int define_namespaces(struct fy_set *set, struct fy_error *err)
{
    size_t count;
    const struct set_file *nets = fy_set_images(set, FY_IMAGE_NETNS, &count);

    for (size_t i = 0; i < count; i++)
        if (fy_edge_define(set, EDGE_NET_NAMESPACE, nets[i].id, &nets[i], 0, err) < 0 ||
            fy_edge_define(set, EDGE_NAMESPACE, nets[i].id, &nets[i], 0, err) < 0)
            return -1;
    for (size_t i = 0; i <= set->ids.count; i++) {
        const struct fy_namespace_ids *ns = i < set->ids.count ? &set->ids.items[i].ns : &set->inventory.root_ids;
        const uint32_t numbers[] = {ns->pid, ns->net, ns->ipc, ns->uts, ns->mnt, ns->user, ns->cgroup, ns->time};
        if (fy_edge_define(set, EDGE_NET_NAMESPACE, ns->net, NULL, 0, err) < 0)
            return -1;
        for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++)
            if (fy_edge_define(set, EDGE_NAMESPACE, numbers[j], NULL, 0, err) < 0)
                return -1;
    }
    return 0;
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* CRIU writes a record, possibly of no bytes, for each FIFO that is open for reading; old versions did not. */
static int need_fifo_data(struct fy_set *set, struct fy_error *err)
{
    if (set->inventory.img_version < 2)
        return 0;
    vector_sort(&set->edges.written_only, compare_numbers);
    for (size_t i = 0; i < set->edges.fifos.count; i++) {
        const struct edge_fifo *fifo = &set->edges.fifos.items[i];
        if (!vector_find(&set->edges.written_only, &fifo->regf_id, compare_numbers) &&
            fy_edge_need(set, EDGE_FIFO_DATA, fifo->pipe_id, FY_FINDING_PIPE_DATA_MISSING, fifo->file, fifo->entry,
                         "the content of a FIFO", err) < 0)
            return -1;
    }
    return 0;
}

int fy_rules_edges(struct fy_set *set, struct fy_error *err)
{
    if (define_namespaces(set, err) < 0 || need_fifo_data(set, err) < 0)
        return -1;
    vector_sort(&set->edges.defined, compare_ends);
    check_unique(set);
    check_needed(set);
    return 0;
}
