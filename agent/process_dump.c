/* Dump of `process/PID`: CRIU over its RPC, held by notifications. */
#include "dump.h"
#include "process_request.h"
#include "swrk.h"

#include <ferry/agent/evidence.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#include <stdio.h>

struct process_dump {
    struct fy_dump base;
    struct fy_swrk *swrk; /* NULL once it has ended */
    struct fy_process_request request;
    struct fy_swrk_result result;
};

static void answer(struct fy_dump *base, bool go_on)
{
    struct process_dump *dump = fy_container_of(base, struct process_dump, base);
    if (dump->swrk)
        fy_swrk_answer(dump->swrk, go_on);
}

static void terminate(struct fy_dump *base)
{
    struct process_dump *dump = fy_container_of(base, struct process_dump, base);
    if (dump->swrk)
        fy_swrk_kill(dump->swrk);
}

static pid_t program(const struct fy_dump *base)
{
    const struct process_dump *dump = (const struct process_dump *)base;
    return dump->swrk ? fy_swrk_pid(dump->swrk) : 0;
}

/* What CRIU has said went to another ferryd: settle() does all that it might not have done. */
static void take_up(struct fy_dump *base)
{
    (void)base;
}

static void notified(struct fy_swrk *swrk, const char *stage, pid_t pid, void *data)
{
    struct process_dump *dump = data;
    (void)swrk;
    (void)pid;
    /* CRIU has opened them by now. */
    fy_process_request_done(&dump->request);
    fy_dump_stage(&dump->base, stage);
}

static void swrk_ended(struct fy_swrk *swrk, const struct fy_swrk_result *result, void *data)
{
    struct process_dump *dump = data;
    (void)swrk;
    dump->swrk = NULL;
    dump->result = *result;
    fy_process_request_done(&dump->request);
    fy_dump_criu_ended(&dump->base);
}

/* ---- where the workload stands ---- */

static void report(struct fy_dump *base)
{
    struct process_dump *dump = fy_container_of(base, struct process_dump, base);
    char log_path[4096];
    struct fy_error why = FY_ERROR_INIT;
    bool kill_given = fy_dump_kill_given(base);
    bool runs = kill_given ? fy_process_tree_runs(&base->frozen) : fy_process_lives(&base->root);
    (void)snprintf(log_path, sizeof(log_path), "%s/dump.log", base->work_dir);
    if (kill_given && runs)
        fy_error_set(&why, FY_E_DUMP, "process %d was to be killed, and it still runs", (int)base->root.pid);
    else
        fy_evidence_from_log("dump", log_path, dump->result.words, FY_E_DUMP, &why);
    fy_dump_ended(base, runs ? FY_WORKLOAD_RUNNING : FY_WORKLOAD_GONE, &why);
}

static void settle(struct fy_dump *base)
{
    struct process_dump *dump = fy_container_of(base, struct process_dump, base);
    if (fy_dump_kill_given(base))
        fy_dump_finish_kill(base, report);
    else if (!dump->result.responded)
        fy_dump_release(base, report);
    else
        report(base);
}

/* ---- start ---- */

static int find_root(struct fy_dump *base, struct fy_error *err)
{
    uint64_t pid = 0;
    const char *id = base->spec->workload.id;
    if (!fy_text_parse_uint(id, INT32_MAX, &pid) || pid == 0)
        return fy_error_set(err, FY_E_USAGE, "process/%s: '%s' is no process id", id, id);
    if (!fy_process_identify((pid_t)pid, &base->root) || !fy_process_lives(&base->root))
        return fy_error_set(err, FY_E_NOT_FOUND, "there is no process %s on this host", id);
    return 0;
}

static int start(struct fy_dump *base, struct fy_error *err)
{
    static const struct fy_swrk_events events = {.notified = notified, .ended = swrk_ended};
    struct process_dump *dump = fy_container_of(base, struct process_dump, base);
    const struct fy_settings *settings = base->host->settings;
    if (find_root(base, err) < 0 ||
        fy_process_request_init(&dump->request, CRIU_REQ_TYPE__DUMP, base->spec, &settings->timeouts, base->images_dir,
                                base->work_dir, "dump.log", err) < 0)
        return -1;
    dump->request.opts.has_pid = 1;
    dump->request.opts.pid = base->root.pid;
    if (fy_swrk_start(base->host->loop, settings->criu, &dump->request.request, &events, dump, &dump->swrk, err) < 0) {
        fy_process_request_done(&dump->request);
        return -1;
    }
    base->criu_group = fy_swrk_pid(dump->swrk);
    return 0;
}

const struct fy_dump_driver fy_process_dump_driver = {
    .size = sizeof(struct process_dump),
    .start = start,
    .answer = answer,
    .terminate = terminate,
    .program = program,
    .take_up = take_up,
    .settle = settle,
};
