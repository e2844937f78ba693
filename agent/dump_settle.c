/* A CRIU that died while it held a workload has let the tasks go, as they are no longer traced; but their packets are
 * still dropped, or a decision to kill is not carried out. This does the rest. */
#include "dump.h"
#include "locks.h"

#include <ferry/agent/child.h>
#include <ferry/base/cleanup.h>

#include <stdio.h>
#include <time.h>

#define KILL_WAIT_MS 10000
#define NFT_LIMIT_MS 5000

static void work_done(uv_work_t *work, int status)
{
    struct fy_dump *dump = fy_container_of(work, struct fy_dump, work);
    (void)status;
    dump->settled(dump);
}

/* ---- killing ---- */

/* In the thread pool. */
static void kill_and_wait(uv_work_t *work)
{
    struct fy_dump *dump = fy_container_of(work, struct fy_dump, work);
    const struct timespec pause = {.tv_nsec = 1000 * 1000};
    fy_process_tree_kill(&dump->frozen);
    for (int i = 0; i < KILL_WAIT_MS && fy_process_tree_runs(&dump->frozen); i++)
        (void)nanosleep(&pause, NULL);
}

void fy_dump_finish_kill(struct fy_dump *dump, void (*then)(struct fy_dump *dump))
{
    dump->settled = then;
    if (dump->frozen.count == 0 || uv_queue_work(dump->host->loop, &dump->work, kill_and_wait, work_done) != 0)
        then(dump);
}

bool fy_dump_looks_whole(const struct fy_dump *dump)
{
    for (size_t i = 0; i < dump->frozen.count; i++)
        if (!fy_process_runs(&dump->frozen.processes[i]))
            return false;
    return dump->frozen.count > 0 || fy_process_runs(&dump->root);
}

/* ---- releasing ---- */

static void locks_removed(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct fy_dump *dump = data;
    (void)child;
    (void)result;
    dump->settled(dump);
}

/* The locks are in the workload's own network namespace, which may be the host's. */
static int remove_locks(struct fy_dump *dump)
{
    char namespace[64];
    struct fy_child *child;
    FY_AUTO_FREE char *commands = NULL;
    if (fy_locks_removal(dump->host->settings->run_dir, dump->job_id, &commands, NULL) < 0 || !commands[0])
        return -1;
    (void)snprintf(namespace, sizeof(namespace), "--net=/proc/%d/ns/net", (int)dump->root.pid);
    const char *const argv[] = {"nsenter", namespace, "nft", "-f", "-", NULL};
    struct fy_child_options options = {.argv = argv, .input = commands, .inherit_fd = -1, .deadline_ms = NFT_LIMIT_MS};
    return fy_child_start(dump->host->loop, &options, locks_removed, dump, &child, NULL);
}

void fy_dump_look(struct fy_dump *dump)
{
    char log_path[4096];
    (void)snprintf(log_path, sizeof log_path, "%s/dump.log", dump->work_dir);
    if (fy_process_tree_collect(dump->root.pid, FY_DUMP_PROCESS_LIMIT, &dump->frozen, NULL) == 0)
        (void)fy_repair_end(&dump->frozen, &dump->repair, NULL);
    (void)fy_locks_note_from_log(dump->host->settings->run_dir, dump->job_id, log_path, NULL);
}

/* CRIU died before post-dump, so nobody has looked yet. */
static void look_late(uv_work_t *work)
{
    fy_dump_look(fy_container_of(work, struct fy_dump, work));
}

static void looked_late(uv_work_t *work, int status)
{
    struct fy_dump *dump = fy_container_of(work, struct fy_dump, work);
    (void)status;
    if (!fy_process_lives(&dump->root) || remove_locks(dump) < 0)
        dump->settled(dump);
}

void fy_dump_release(struct fy_dump *dump, void (*then)(struct fy_dump *dump))
{
    dump->settled = then;
    if (!fy_process_lives(&dump->root))
        then(dump);
    else if (dump->frozen.count == 0 && uv_queue_work(dump->host->loop, &dump->work, look_late, looked_late) == 0)
        return;
    else if (remove_locks(dump) < 0)
        then(dump);
}
