/* Rules about entries that name a descriptor or a task: epoll files, locks, pidfds. */
#include "edges.h"
#include "set.h"
#include <criu/files.pb-c.h>
#include <inttypes.h>

/* Of descriptors that epoll files wait for: a second or so. */
#define LOOKUPS_MAX 10000000

static const struct set_fd *find_fd(const struct fy_set *set, uint32_t files_id, uint32_t number)
{
    size_t low = 0, high = set->fds.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct set_fd *fd = &set->fds.items[middle];
        if (fd->files_id < files_id || (fd->files_id == files_id && fd->fd < number))
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->fds.count && set->fds.items[low].files_id == files_id && set->fds.items[low].fd == number
               ? &set->fds.items[low]
               : NULL;
}

struct holder {
    uint32_t id, files_id;
};

struct holders {
    VECTOR(struct holder) list;
};

static int compare_holders(const void *left, const void *right)
{
    const struct holder *a = left, *b = right;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return (a->files_id > b->files_id) - (a->files_id < b->files_id);
}

/* The tables that have an epoll file. */
static int gather_holders(const struct fy_set *set, struct holders *holders, struct fy_error *err)
{
    for (size_t i = 0; i < set->fds.count; i++)
        if (set->fds.items[i].type == FD_TYPES__EVENTPOLL &&
            vector_push(&holders->list, err, (struct holder){set->fds.items[i].id, set->fds.items[i].files_id}) < 0)
            return -1;
    vector_sort(&holders->list, compare_holders);
    return 0;
}

/* Whether some table that has the epoll file has the descriptor; one that is only in flight is in no table, and CRIU
 * does not look at it either. Many tables with much to look for get the benefit of the doubt when `budget` is used up.
 */
static bool is_watched_fd_there(const struct fy_set *set, const struct holders *holders, const struct edge_epoll *epoll,
                                size_t *budget)
{
    size_t low = 0, high = holders->list.count;
    bool is_held = false;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (holders->list.items[middle].id < epoll->id)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < holders->list.count && holders->list.items[low].id == epoll->id; low++) {
        is_held = true;
        if (*budget == 0 || find_fd(set, holders->list.items[low].files_id, epoll->fd))
            return true;
        --*budget;
    }
    return !is_held;
}

static int check_epolls(const struct fy_set *set, struct fy_error *err)
{
    size_t budget = LOOKUPS_MAX;
    struct holders holders = {0};
    int result = set->edges.epolls.count ? gather_holders(set, &holders, err) : 0;

    for (size_t i = 0; i < set->edges.epolls.count && result == 0; i++) {
        const struct edge_epoll *epoll = &set->edges.epolls.items[i];
        if (!is_watched_fd_there(set, &holders, epoll, &budget))
            fy_set_report_entry(set, FY_FINDING_EPOLL_FD, epoll->file->name, epoll->entry,
                                "the epoll file with the id %" PRIu32 " waits for descriptor %" PRIu32
                                ", which no task that has the file has",
                                epoll->id, epoll->fd);
    }
    free(holders.list.items);
    return result;
}

static void check_locks(const struct fy_set *set)
{
    for (size_t i = 0; i < set->edges.locks.count; i++) {
        const struct edge_lock *lock = &set->edges.locks.items[i];
        const struct set_ids *ids = fy_set_find_ids(set, (uint32_t)lock->pid);
        if (!ids)
            fy_set_report_entry(set, FY_FINDING_LOCK_TASK, lock->file->name, lock->entry,
                                "is a lock of task %" PRId32 ", which is not in the set", lock->pid);
        else if (!find_fd(set, ids->files_id, (uint32_t)lock->fd))
            fy_set_report_entry(set, FY_FINDING_LOCK_FD, lock->file->name, lock->entry,
                                "is a lock on descriptor %" PRId32 " of task %" PRId32 ", which it does not have",
                                lock->fd, lock->pid);
    }
}

/* Of a task that has gone, a pidfd has no number. */
static void check_pidfds(const struct fy_set *set)
{
    for (size_t i = 0; i < set->edges.pidfds.count; i++) {
        const struct edge_pidfd *pidfd = &set->edges.pidfds.items[i];
        if (pidfd->pid > 0 && !fy_set_find_core(set, (uint32_t)pidfd->pid))
            fy_set_report_entry(set, FY_FINDING_PIDFD_TASK, pidfd->file->name, pidfd->entry,
                                "is a pidfd of task %" PRId32 ", which is not in the set", pidfd->pid);
    }
}

int fy_rules_descriptors(struct fy_set *set, struct fy_error *err)
{
    if (!fy_set_is_whole(set, FY_IMAGE_FDINFO) || !fy_set_is_whole(set, FY_IMAGE_IDS))
        return 0;
    check_locks(set);
    if (fy_set_is_whole(set, FY_IMAGE_CORE))
        check_pidfds(set);
    return check_epolls(set, err);
}
