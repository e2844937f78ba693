/* Dump of `runc/ID`: `runc checkpoint`, held by CRIU's action script.
 *
 *     runc state ─> runc checkpoint ─ stages ─> runc has ended ─> runc state ─ something to put right? ─> runc state ─>
 * report
 *
 * runc destroys the container when CRIU has killed it. Where it stands is never guessed: runc is asked, and when it
 * can't say, /proc. */
#include "runc_dump.h"
#include "runc_state.h"

#include <ferry/agent/evidence.h>
#include <ferry/base/cleanup.h>

#include <stdio.h>
#include <string.h>

void fy_runc_dump_answer(struct fy_dump *base, bool go_on)
{
    struct fy_runc_dump *dump = fy_container_of(base, struct fy_runc_dump, base);
    if (dump->call)
        fy_runc_call_answer(dump->call, go_on);
}

void fy_runc_dump_terminate(struct fy_dump *base)
{
    struct fy_runc_dump *dump = fy_container_of(base, struct fy_runc_dump, base);
    if (dump->call)
        fy_runc_call_terminate(dump->call);
}

pid_t fy_runc_dump_program(const struct fy_dump *base)
{
    const struct fy_runc_dump *dump = (const struct fy_runc_dump *)base;
    return dump->call ? fy_runc_call_pid(dump->call) : 0;
}

void fy_runc_dump_take_up(struct fy_dump *base)
{
    struct fy_runc_dump *dump = fy_container_of(base, struct fy_runc_dump, base);
    (void)snprintf(dump->id, sizeof(dump->id), "%s", base->spec->workload.id);
    dump->checkpoint_began = true;
}

/* ---- the end ---- */

static void ask_state(struct fy_dump *base);

static void report(struct fy_dump *base, bool runs)
{
    struct fy_runc_dump *dump = fy_container_of(base, struct fy_runc_dump, base);
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
    enum fy_workload_state state = runs ? FY_WORKLOAD_RUNNING : FY_WORKLOAD_GONE;
    if (dump->owner)
        dump->owner->ended(dump, state, &why);
    else
        fy_dump_ended(base, state, &why);
}

static void ran(void *data)
{
    ask_state(data);
}

static void run_or_report(struct fy_dump *base, const char *verb, const char *extra, bool runs)
{
    struct fy_runc_dump *dump = fy_container_of(base, struct fy_runc_dump, base);
    dump->put_right = true;
    if (fy_runc_run(base->host, verb, extra, dump->id, ran, base, NULL) < 0)
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
    struct fy_runc_dump *dump = fy_container_of(base, struct fy_runc_dump, base);
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
    const struct fy_runc_dump *dump = fy_container_of(base, struct fy_runc_dump, base);
    if (fy_runc_state(base->host, dump->id, state_known, base, NULL) < 0)
        report(base, fy_process_runs(&base->root));
}

void fy_runc_dump_settle(struct fy_dump *base)
{
    struct fy_runc_dump *dump = fy_container_of(base, struct fy_runc_dump, base);
    if (!dump->checkpoint_began)
        report(base, !dump->is_absent); /* nobody has touched it */
    else if (fy_dump_kill_given(base))
        ask_state(base);
    else
        fy_dump_release(base, ask_state); /* CRIU has, unless it died */
}

static void criu_ended(struct fy_runc_dump *dump)
{
    if (dump->owner)
        dump->owner->criu_ended(dump);
    else
        fy_dump_criu_ended(&dump->base);
}

static void call_stage(const char *stage, pid_t init_pid, void *data)
{
    struct fy_dump *base = data;
    struct fy_runc_dump *dump = fy_container_of(base, struct fy_runc_dump, base);
    (void)init_pid;
    if (dump->owner)
        dump->owner->stage(dump, stage);
    else
        fy_dump_stage(base, stage);
}

static void call_ended(bool success, const char *words, void *data)
{
    struct fy_dump *base = data;
    struct fy_runc_dump *dump = fy_container_of(base, struct fy_runc_dump, base);
    dump->call = NULL;
    dump->checkpoint_done = success;
    (void)snprintf(dump->words, sizeof(dump->words), "%s", words);
    criu_ended(dump);
}

/* ---- start ---- */

static int start_checkpoint(struct fy_runc_dump *dump, struct fy_error *err)
{
    static const struct fy_runc_call_events events = {.stage = call_stage, .ended = call_ended};
    struct fy_dump *base = &dump->base;
    const char *const arguments[] = {"--image-path", base->images_dir, "--work-path", base->work_dir, NULL};
    const struct fy_runc_call_options options = {
        .host = base->host,
        .spec = base->spec,
        .id = dump->id,
        .job_id = base->job_id,
        .work_dir = base->work_dir,
        .verb = "checkpoint",
        .arguments = arguments,
    };
    if (fy_runc_call_start(&options, &events, base, &dump->call, err) < 0)
        return -1;
    base->criu_group = fy_runc_call_pid(dump->call);
    return 0;
}

static void first_state_known(const struct fy_runc_state *state, const struct fy_error *err, void *data)
{
    struct fy_dump *base = data;
    struct fy_runc_dump *dump = fy_container_of(base, struct fy_runc_dump, base);
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
    criu_ended(dump);
}

int fy_runc_dump_begin(struct fy_runc_dump *dump, struct fy_error *err)
{
    return fy_runc_state(dump->base.host, dump->id, first_state_known, &dump->base, err);
}

static int start(struct fy_dump *base, struct fy_error *err)
{
    struct fy_runc_dump *dump = fy_container_of(base, struct fy_runc_dump, base);
    (void)snprintf(dump->id, sizeof(dump->id), "%s", base->spec->workload.id);
    return fy_runc_dump_begin(dump, err);
}

const struct fy_dump_driver fy_runc_dump_driver = {
    .size = sizeof(struct fy_runc_dump),
    .start = start,
    .answer = fy_runc_dump_answer,
    .terminate = fy_runc_dump_terminate,
    .program = fy_runc_dump_program,
    .take_up = fy_runc_dump_take_up,
    .settle = fy_runc_dump_settle,
};
