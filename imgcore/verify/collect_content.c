/* Facts about what open files hold and what tasks are under: data in pipes and terminals, connections, locks, filters,
 * control groups, network devices. */
#include "edges.h"
#include "set.h"
#include <criu/cgroup.pb-c.h>
#include <criu/core.pb-c.h>
#include <criu/files.pb-c.h>
#include <criu/namespaces.pb-c.h>
#include <criu/netdev.pb-c.h>
#include <criu/pipes.pb-c.h>
#include <criu/security.pb-c.h>
#include <criu/sockets-inet.pb-c.h>
#include <criu/tty.pb-c.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <stdlib.h>

#define SIGINFO_BYTES 128 /* of siginfo_t, on every architecture */

int fy_collect_pipe_data(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                         struct fy_error *err)
{
    const PipeDataEntry *data = (const PipeDataEntry *)entry->message;
    bool is_fifo = file->type->kind == FY_IMAGE_FIFO_DATA;

    if (data->has_size && data->bytes > data->size)
        fy_set_report_entry(set, FY_FINDING_PIPE_DATA_SIZE, file->name, entry->number,
                            "holds %" PRIu32 " bytes for a pipe that takes %" PRIu32, data->bytes, data->size);
    if (fy_edge_define(set, is_fifo ? EDGE_FIFO_DATA : EDGE_PIPE_DATA, data->pipe_id, file, entry->number, err) < 0)
        return -1;
    return fy_edge_need(set, is_fifo ? EDGE_FIFO : EDGE_PIPE, data->pipe_id, FY_FINDING_PIPE_DATA_ORPHAN, file,
                        entry->number, "where its data belongs", err);
}

int fy_collect_tty_info(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                        struct fy_error *err)
{
    const TtyInfoEntry *info = (const TtyInfoEntry *)entry->message;

    if ((info->type == TTY_TYPE__PTY) != (info->pty != NULL))
        fy_set_report_entry(set, FY_FINDING_TTY_INFO_CONTENT, file->name, entry->number, "is %sa pty, but %s its index",
                            info->pty ? "not " : "", info->pty ? "has" : "lacks");
    return fy_edge_define(set, EDGE_TTY_INFO, info->id, file, entry->number, err);
}

int fy_collect_tty_data(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                        struct fy_error *err)
{
    return fy_edge_need(set, EDGE_TTY_INFO, ((const TtyDataEntry *)entry->message)->tty_id, FY_FINDING_TTY_INFO_MISSING,
                        file, entry->number, "where its data belongs", err);
}

int fy_collect_lock(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                    struct fy_error *err)
{
    const FileLockEntry *lock = (const FileLockEntry *)entry->message;

    return vector_push(&set->edges.locks, err, (struct edge_lock){file, entry->number, lock->pid, lock->fd});
}

/* What CRIU asks for before it restores a connection; the bits of opt_mask are those of the kernel's tcp_info. */
int fy_collect_tcp_stream(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                          struct fy_error *err)
{
    enum { TIMESTAMPS = 1, WINDOW_SCALE = 4 };
    const TcpStreamEntry *stream = (const TcpStreamEntry *)entry->message;
    const char *missing = NULL;

    (void)err;
    if (!stream->has_unsq_len)
        missing = "unsq_len";
    else if ((stream->opt_mask & WINDOW_SCALE) && !stream->has_rcv_wscale)
        missing = "rcv_wscale";
    else if ((stream->opt_mask & TIMESTAMPS) && !stream->has_timestamp)
        missing = "timestamp";
    if (missing)
        fy_set_report_entry(set, FY_FINDING_TCP_FIELD, file->name, entry->number, "does not have %s", missing);
    else if (stream->unsq_len > stream->outq_len)
        fy_set_report_entry(set, FY_FINDING_TCP_QUEUE, file->name, entry->number,
                            "has %" PRIu32 " bytes not yet sent in a queue of %" PRIu32, stream->unsq_len,
                            stream->outq_len);
    return 0;
}

enum { NOT_VISITED, ON_THE_WAY, GOOD, IN_A_CIRCLE };

/* The filter that was installed before this one; -1 at the end of the chain, or when it is not there. */
static int64_t previous_of(const SeccompEntry *filters, size_t index)
{
    const SeccompFilter *filter = filters->seccomp_filters[index];

    return filter->has_prev && filter->prev < filters->n_seccomp_filters ? (int64_t)filter->prev : -1;
}

/* Goes down the chain until its end, or a filter that is known; all on the way are then known as well. */
static void follow(const SeccompEntry *filters, uint8_t *visits, size_t from)
{
    int64_t at = (int64_t)from;
    uint8_t verdict;

    while (at >= 0 && visits[at] == NOT_VISITED) {
        visits[at] = ON_THE_WAY;
        at = previous_of(filters, (size_t)at);
    }
    verdict = at < 0 || visits[at] == GOOD ? GOOD : IN_A_CIRCLE;
    for (at = (int64_t)from; at >= 0 && visits[at] == ON_THE_WAY; at = previous_of(filters, (size_t)at))
        visits[at] = verdict;
}

static void check_filter(const struct fy_set *set, const struct set_file *file, const SeccompEntry *filters, size_t i,
                         bool is_in_a_circle)
{
    const SeccompFilter *filter = filters->seccomp_filters[i];

    if (filter->has_prev && filter->prev >= filters->n_seccomp_filters)
        fy_set_report_entry(set, FY_FINDING_SECCOMP_FILTER, file->name, 0,
                            "filter %zu follows filter %" PRIu32 ", which is not there", i, filter->prev);
    if (filter->filter.len == 0 || filter->filter.len % sizeof(struct sock_filter))
        fy_set_report_entry(set, FY_FINDING_SECCOMP_FILTER, file->name, 0,
                            "filter %zu has %zu bytes, which are not whole instructions", i, filter->filter.len);
    if (is_in_a_circle)
        fy_set_report_entry(set, FY_FINDING_SECCOMP_CIRCLE, file->name, 0,
                            "filter %zu leads to filters that follow themselves", i);
}

int fy_collect_seccomp(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                       struct fy_error *err)
{
    const SeccompEntry *filters = (const SeccompEntry *)entry->message;
    uint8_t *visits = calloc(filters->n_seccomp_filters + 1, 1);
    int result = visits ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for %zu filters", filters->n_seccomp_filters);

    for (size_t i = 0; i < filters->n_seccomp_filters && result == 0; i++) {
        follow(filters, visits, i);
        check_filter(set, file, filters, i, visits[i] == IN_A_CIRCLE);
        result = fy_edge_define(set, EDGE_SECCOMP_FILTER, i, file, entry->number, err);
    }
    free(visits);
    return result;
}

int fy_collect_cgroup(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                      struct fy_error *err)
{
    const CgroupEntry *cgroup = (const CgroupEntry *)entry->message;

    for (size_t i = 0; i < cgroup->n_sets; i++)
        if (fy_edge_define(set, EDGE_CGROUP_SET, cgroup->sets[i]->id, file, entry->number, err) < 0)
            return -1;
    return 0;
}

int fy_collect_netns(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                     struct fy_error *err)
{
    const NetnsEntry *netns = (const NetnsEntry *)entry->message;

    return netns->ext_key ? vector_push(&set->edges.external_nets, err, (uint32_t)file->id) : 0;
}

int fy_collect_netdev(struct fy_set *set, const struct set_file *file, const struct fy_image_entry *entry,
                      struct fy_error *err)
{
    const NetDeviceEntry *device = (const NetDeviceEntry *)entry->message;

    return vector_push(&set->edges.devices, err,
                       (struct edge_device){.file = file,
                                            .entry = entry->number,
                                            .ifindex = device->ifindex,
                                            .master = device->has_master ? device->master : 0,
                                            .is_loopback = device->type == ND_TYPE__LOOPBACK});
}

static void check_signals(const struct fy_set *set, const struct set_file *file, const SignalQueueEntry *queue)
{
    for (size_t i = 0; queue && i < queue->n_signals; i++)
        if (queue->signals[i]->siginfo.len != SIGINFO_BYTES)
            fy_set_report(set, FY_FINDING_SIGNAL_SIZE, file->name,
                          "waiting signal %zu has %zu bytes, and a siginfo_t has %d", i, queue->signals[i]->siginfo.len,
                          SIGINFO_BYTES);
}

/* The control groups that CRIU was in itself are not in the set. */
static int need_cgroup(struct fy_set *set, const struct set_file *file, bool has_set, uint32_t number,
                       struct fy_error *err)
{
    if (!has_set || number == 0 || !set->has_inventory || number == set->inventory.root_cg_set)
        return 0;
    return fy_edge_need(set, EDGE_CGROUP_SET, number, FY_FINDING_CGROUP_UNKNOWN, file, 0, "where the task runs", err);
}

int fy_collect_core_edges(struct fy_set *set, const struct set_file *file, const CoreEntry *core, struct fy_error *err)
{
    const ThreadCoreEntry *thread = core->thread_core;

    if (!thread)
        return 0;
    check_signals(set, file, thread->signals_p);
    if (core->tc)
        check_signals(set, file, core->tc->signals_s);
    /* In old sets the whole task has it. */
    if (!thread->has_cg_set && core->tc && need_cgroup(set, file, core->tc->has_cg_set, core->tc->cg_set, err) < 0)
        return -1;
    if (need_cgroup(set, file, thread->has_cg_set, thread->cg_set, err) < 0)
        return -1;
    if (!thread->has_seccomp_mode || thread->seccomp_mode != SECCOMP_MODE__filter)
        return 0;
    return fy_edge_need(set, EDGE_SECCOMP_FILTER, thread->seccomp_filter, FY_FINDING_SECCOMP_UNKNOWN, file, 0,
                        "what the thread is under", err);
}
