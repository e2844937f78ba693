/* Waiting for the end of what an earlier ferryd has started. */
#include "dump.h"
#include "traces.h"

#include <ferry/base/cleanup.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS 20u

struct fy_aftermath {
    const struct fy_host *host;
    struct fy_traces traces;
    uint64_t patience_ms;
    uint64_t waited_ms;
    fy_aftermath_cb done;
    void *data;
    uv_timer_t timer;
};

static void timer_closed(uv_handle_t *handle)
{
    struct fy_aftermath *aftermath = fy_container_of(handle, struct fy_aftermath, timer);
    aftermath->done(&aftermath->traces, aftermath->data);
    free(aftermath);
}

/* With what they have made: an unfinished copy is no workload. A held dump's tasks are never below its helpers. */
static void kill_helpers(const struct fy_traces *traces)
{
    if (traces->run_given) { /* the tasks may run, and may be below */
        fy_process_tree_kill(&traces->helpers);
        return;
    }
    for (size_t i = 0; i < traces->helpers.count; i++) {
        struct fy_process_tree below = {0};
        const struct fy_process *helper = &traces->helpers.processes[i];
        if (fy_process_lives(helper) && fy_process_tree_collect(helper->pid, FY_DUMP_PROCESS_LIMIT, &below, NULL) == 0)
            fy_process_tree_kill(&below);
        fy_process_tree_done(&below);
    }
}

static void look(uv_timer_t *timer)
{
    struct fy_aftermath *aftermath = fy_container_of(timer, struct fy_aftermath, timer);
    if (!fy_process_tree_runs(&aftermath->traces.helpers)) {
        uv_close((uv_handle_t *)timer, timer_closed);
        return;
    }
    aftermath->waited_ms += LOOK_MS;
    if (aftermath->waited_ms >= aftermath->patience_ms)
        kill_helpers(&aftermath->traces);
}

int fy_aftermath_start(const struct fy_host *host, const char *job_id, bool kills, uint64_t patience_ms,
                       fy_aftermath_cb done, void *data, struct fy_error *err)
{
    struct fy_aftermath *aftermath = calloc(1, sizeof *aftermath);
    if (!aftermath)
        return fy_error_set(err, FY_E_NOMEM, "no memory for taking up job %s", job_id);
    aftermath->host = host;
    aftermath->patience_ms = patience_ms;
    aftermath->done = done;
    aftermath->data = data;
    fy_traces_read(host->settings->run_dir, job_id, &aftermath->traces);
    if (kills)
        fy_process_tree_kill(&aftermath->traces.tasks);
    fy_process_tree_signal(&aftermath->traces.helpers, SIGCONT);
    (void)uv_timer_init(host->loop, &aftermath->timer);
    (void)uv_timer_start(&aftermath->timer, look, 0, LOOK_MS);
    return 0;
}
