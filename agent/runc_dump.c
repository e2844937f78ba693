/* Dump of `runc/ID`: `runc checkpoint`, held by CRIU's action script.
 *
 *     runc state ─> runc checkpoint ─ stages ─> runc has ended ─> runc state ─ something to put right? ─> runc state ─>
 * report
 *
 * runc destroys the container when CRIU has killed it. Where it stands is never guessed: runc is asked, and when it
 * can't say, /proc. */
#include "dump.h"
#include "runc_call.h"
#include "runc_state.h"

#include <ferry/agent/evidence.h>
#include <ferry/base/cleanup.h>

#include <stdio.h>
#include <string.h>

struct runc_dump {
    struct fy_dump base;
    struct fy_runc_call *call; /* NULL before it starts and once it has ended */
    bool is_absent;            /* there was no such container */
    bool checkpoint_began;
    bool checkpoint_done; /* runc said that it went well */
    bool put_right;       /* once is enough: what is then still wrong is reported */
    char words[512];
};

static void answer(struct fy_dump *base, bool go_on)
{
    struct runc_dump *dump = fy_container_of(base, struct runc_dump, base);
    if (dump->call)
        fy_runc_call_answer(dump->call, go_on);
}

static void terminate(struct fy_dump *base)
{
    struct runc_dump *dump = fy_container_of(base, struct runc_dump, base);
    if (dump->call)
        fy_runc_call_terminate(dump->call);
}

/* ---- the end ---- */

static void ask_state(struct fy_dump *base);

static void report(struct fy_dump *base, bool runs)
{
    struct runc_dump *dump = fy_container_of(base, struct runc_dump, base);
    char log_path[4096];
    struct fy_error why = FY_ERROR_INIT;
    (void)snprintf(log_path, sizeof(log_path), "%s/dump.log", base->work_dir);
    if (fy_dump_kill_given(base) && runs)
        fy_error_set(&why, FY_E_DUMP, "container %s was to be killed, and it still runs", base->spec->workload.id);
    else if (dump->checkpoint_done && !fy_dump_kill_given(base))
        fy_error_set(&why, FY_E_DUMP,
                     "runc checkpointed container %s without being held; its image set is whole, in %s",
                     base->spec->workload.id, base->images_dir);
    else
        fy_evidence_from_log("dump", log_path, dump->words, FY_E_DUMP, &why);
    fy_dump_ended(base, runs ? FY_WORKLOAD_RUNNING : FY_WORKLOAD_GONE, &why);
}

static void ran(void *data)
{
    ask_state(data);
}

static void run_or_report(struct fy_dump *base, const char *verb, const char *extra, bool runs)
{
    struct runc_dump *dump = fy_container_of(base, struct runc_dump, base);
    dump->put_right = true;
    if (fy_runc_run(base->host, verb, extra, base->spec->workload.id, ran, base, NULL) < 0)
        report(base, runs);
}

static void killed(struct fy_dump *base)
{
    run_or_report(base, "delete", "--force", fy_process_tree_runs(&base->frozen));
}

static void released(struct fy_dump *base)
{
    /* CRIU had frozen its cgroup, which runc calls paused. */
    run_or_report(base, "resume", NULL, true);
}

static void state_known(const struct fy_runc_state *state, const struct fy_error *err, void *data)
{
    struct fy_dump *base = data;
    struct runc_dump *dump = fy_container_of(base, struct runc_dump, base);
    (void)err;
    bool runs =
        state ? state->status == FY_RUNC_RUNNING || state->status == FY_RUNC_PAUSED : fy_process_runs(&base->root);
    bool left_over = state && state->status != FY_RUNC_ABSENT;
    bool wrong = fy_dump_kill_given(base) ? left_over : state && state->status == FY_RUNC_PAUSED;
    if (!wrong || dump->put_right)
        report(base, runs);
    else if (fy_dump_kill_given(base))
        fy_dump_finish_kill(base, killed);
    else
        fy_dump_release(base, released);
}

static void ask_state(struct fy_dump *base)
{
    if (fy_runc_state(base->host, base->spec->workload.id, state_known, base, NULL) < 0)
        report(base, fy_process_runs(&base->root));
}

static void settle(struct fy_dump *base)
{
    struct runc_dump *dump = fy_container_of(base, struct runc_dump, base);
    if (!dump->checkpoint_began)
        report(base, !dump->is_absent); /* nobody has touched it */
    else if (fy_dump_kill_given(base))
        ask_state(base);
    else
        fy_dump_release(base, ask_state); /* CRIU has, unless it died */
}

static void call_stage(const char *stage, pid_t init_pid, void *data)
{
    (void)init_pid;
    fy_dump_stage(data, stage);
}

static void call_ended(bool success, const char *words, void *data)
{
    struct fy_dump *base = data;
    struct runc_dump *dump = fy_container_of(base, struct runc_dump, base);
    dump->call = NULL;
    dump->checkpoint_done = success;
    (void)snprintf(dump->words, sizeof(dump->words), "%s", words);
    fy_dump_criu_ended(base);
}

/* ---- start ---- */

static int start_checkpoint(struct runc_dump *dump, struct fy_error *err)
{
    static const struct fy_runc_call_events events = {.stage = call_stage, .ended = call_ended};
    struct fy_dump *base = &dump->base;
    const char *const arguments[] = {"--image-path", base->images_dir, "--work-path", base->work_dir, NULL};
    const struct fy_runc_call_options options = {
        .host = base->host,
        .spec = base->spec,
        .job_id = base->job_id,
        .work_dir = base->work_dir,
        .verb = "checkpoint",
        .arguments = arguments,
    };
    return fy_runc_call_start(&options, &events, base, &dump->call, err);
}

static void first_state_known(const struct fy_runc_state *state, const struct fy_error *err, void *data)
{
    struct fy_dump *base = data;
    struct runc_dump *dump = fy_container_of(base, struct runc_dump, base);
    const char *id = base->spec->workload.id;
    if (!state)
        fy_error_propagate(&base->err, err);
    else if ((dump->is_absent = state->status == FY_RUNC_ABSENT))
        fy_error_set(&base->err, FY_E_NOT_FOUND, "there is no container %s", id);
    else if (!fy_process_identify(state->pid, &base->root))
        fy_error_set(&base->err, FY_E_UNSUPPORTED, "container %s does not run", id);
    else if (base->decided)
        fy_error_set(&base->err, FY_E_CANCELLED, "given up before the dump began");
    else if ((dump->checkpoint_began = start_checkpoint(dump, &base->err) == 0))
        return;
    fy_dump_criu_ended(base);
}

static int start(struct fy_dump *base, struct fy_error *err)
{
    return fy_runc_state(base->host, base->spec->workload.id, first_state_known, base, err);
}

const struct fy_dump_driver fy_runc_dump_driver = {
    .size = sizeof(struct runc_dump),
    .start = start,
    .answer = answer,
    .terminate = terminate,
    .settle = settle,
};
