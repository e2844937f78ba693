/* Restore of `process/PID`: CRIU over its RPC, held by notifications. The restored root is a child of CRIU until that
 * ends, and of the host's init from then on: neither the end of CRIU nor of ferryd ends it. */
#include "process_request.h"
#include "restore.h"
#include "swrk.h"

#include <ferry/agent/evidence.h>
#include <ferry/base/cleanup.h>

#include <stdio.h>

struct process_restore {
    struct fy_restore base;
    struct fy_swrk *swrk; /* NULL once it has ended */
    struct fy_process_request request;
    struct fy_swrk_result result;
};

static void answer(struct fy_restore *base, bool go_on)
{
    struct process_restore *restore = fy_container_of(base, struct process_restore, base);
    if (restore->swrk)
        fy_swrk_answer(restore->swrk, go_on);
}

static pid_t program(const struct fy_restore *base)
{
    const struct process_restore *restore = (const struct process_restore *)base;
    return restore->swrk ? fy_swrk_pid(restore->swrk) : 0;
}

static void notified(struct fy_swrk *swrk, const char *stage, pid_t pid, void *data)
{
    struct process_restore *restore = data;
    (void)swrk;
    fy_restore_stage(&restore->base, stage, pid);
}

static void swrk_ended(struct fy_swrk *swrk, const struct fy_swrk_result *result, void *data)
{
    struct process_restore *restore = data;
    (void)swrk;
    restore->swrk = NULL;
    restore->result = *result;
    fy_process_request_done(&restore->request);
    fy_restore_criu_ended(&restore->base);
}

static void report_gone(struct fy_restore *base)
{
    struct process_restore *restore = fy_container_of(base, struct process_restore, base);
    char log_path[4096];
    struct fy_error why = FY_ERROR_INIT;
    (void)snprintf(log_path, sizeof(log_path), "%s/restore.log", base->work_dir);
    if (base->resumed && restore->result.success)
        fy_error_set(&why, FY_E_RESTORE, "process %d was restored, and ended at once", (int)base->root_pid);
    else
        fy_evidence_from_log("restore", log_path, restore->result.words, FY_E_RESTORE, &why);
    fy_restore_ended(base, FY_WORKLOAD_GONE, 0, &why);
}

/* Tasks of which CRIU has not said that they run wait in its restorer for ever: they are no workload. */
static void settle(struct fy_restore *base)
{
    struct process_restore *restore = fy_container_of(base, struct process_restore, base);
    bool told_so = base->resumed || (restore->result.responded && restore->result.success);
    if (fy_restore_run_given(base) && told_so && base->tasks.count > 0 && fy_process_lives(&base->tasks.processes[0]))
        fy_restore_ended(base, FY_WORKLOAD_RUNNING, base->root_pid, NULL);
    else
        fy_restore_clean(base, report_gone);
}

static int start(struct fy_restore *base, struct fy_error *err)
{
    static const struct fy_swrk_events events = {.notified = notified, .ended = swrk_ended};
    struct process_restore *restore = fy_container_of(base, struct process_restore, base);
    const struct fy_settings *settings = base->host->settings;
    if (fy_process_request_init(&restore->request, CRIU_REQ_TYPE__RESTORE, base->spec, &settings->timeouts,
                                base->images_dir, base->work_dir, "restore.log", err) < 0)
        return -1;
    if (fy_swrk_start(base->host->loop, settings->criu, &restore->request.request, &events, restore, &restore->swrk,
                      err) < 0) {
        fy_process_request_done(&restore->request);
        return -1;
    }
    return 0;
}

const struct fy_restore_driver fy_process_restore_driver = {
    .size = sizeof(struct process_restore),
    .start = start,
    .answer = answer,
    .program = program,
    .settle = settle,
};
