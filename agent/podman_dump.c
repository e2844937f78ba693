/* Dump of `podman/NAME`: podman makes its containers with runc, so runc dumps it as any other, and podman writes down
 * what it needs besides while the tasks are frozen.
 *
 *     podman inspect ─> podman checkpoint, up to the stand-in ─> runc checkpoint ─ post-dump ─> podman's archive ─>
 * HELD resume: that was all kill: conmon, the tasks ─> podman rm ─> report
 *
 * conmon, which watches the container for podman, is killed before the tasks are: it would call podman, and that starts
 * a container anew whose restart policy says so. Until then podman notices nothing. */
#include "podman_call.h"
#include "podman_export.h"
#include "runc_dump.h"

#include <ferry/base/cleanup.h>

#include <stdio.h>
#include <string.h>

struct podman_dump {
    struct fy_runc_dump runc;
    struct fy_podman_export *export; /* NULL before it starts and once it has ended */
    struct fy_process conmon;
    bool exported;  /* what podman knows is in the image set */
    bool frozen;    /* CRIU waits at post-dump, and we for podman */
    bool runc_over; /* CRIU has ended, and we wait for podman */
    bool taken_up;  /* an earlier ferryd's */
    enum fy_workload_state state;
    struct fy_error why;
};

static struct podman_dump *dump_of(struct fy_dump *base)
{
    struct fy_runc_dump *runc = fy_container_of(base, struct fy_runc_dump, base);
    return fy_container_of(runc, struct podman_dump, runc);
}

/* ---- podman's archive ---- */

static void export_ended(const struct fy_error *err, void *data)
{
    struct podman_dump *dump = data;
    struct fy_dump *base = &dump->runc.base;
    dump->export = NULL;
    dump->exported = err == NULL;
    if (err && !base->decided)
        fy_error_propagate(&base->err, err);
    if (dump->runc_over || !dump->runc.checkpoint_began) {
        fy_dump_criu_ended(base);
        return;
    }
    if (err)
        fy_dump_decide(base, FY_DECIDE_RESUME);
    if (dump->frozen)
        fy_dump_stage(base, "post-dump");
}

static void export_waits(void *data)
{
    struct podman_dump *dump = data;
    struct fy_dump *base = &dump->runc.base;
    if (!base->decided && fy_runc_dump_begin(&dump->runc, &base->err) == 0)
        return;
    fy_error_set(&base->err, FY_E_CANCELLED, "given up before the dump began");
    fy_podman_export_answer(dump->export, false);
}

/* ---- between CRIU and the decision ---- */

static void stage(struct fy_runc_dump *runc, const char *name)
{
    struct podman_dump *dump = fy_container_of(runc, struct podman_dump, runc);
    if (strcmp(name, "post-dump") != 0 || runc->base.decided || !dump->export) {
        fy_dump_stage(&runc->base, name);
        return;
    }
    dump->frozen = true;
    fy_podman_export_answer(dump->export, true);
}

static void criu_ended(struct fy_runc_dump *runc)
{
    struct podman_dump *dump = fy_container_of(runc, struct podman_dump, runc);
    dump->runc_over = true;
    if (dump->export)
        fy_podman_export_answer(dump->export, false);
    else
        fy_dump_criu_ended(&runc->base);
}

static void answer(struct fy_dump *base, bool go_on)
{
    struct podman_dump *dump = dump_of(base);
    struct fy_process_tree alone = {.processes = &dump->conmon, .count = 1};
    if (go_on && fy_dump_kill_given(base))
        fy_process_tree_kill(&alone);
    fy_runc_dump_answer(base, go_on);
}

static void terminate(struct fy_dump *base)
{
    struct podman_dump *dump = dump_of(base);
    if (dump->export)
        fy_podman_export_answer(dump->export, false);
    fy_runc_dump_terminate(base);
}

/* ---- the end ---- */

static void report(void *data)
{
    struct podman_dump *dump = data;
    struct fy_error why = dump->why;
    fy_dump_ended(&dump->runc.base, dump->state, fy_error_is_set(&why) ? &why : NULL);
}

static void ended(struct fy_runc_dump *runc, enum fy_workload_state state, const struct fy_error *why)
{
    struct podman_dump *dump = fy_container_of(runc, struct podman_dump, runc);
    dump->state = state;
    fy_error_propagate(&dump->why, why);
    if (!fy_dump_kill_given(&runc->base) || state != FY_WORKLOAD_GONE ||
        fy_podman_remove(runc->base.host, runc->id, report, dump, NULL) < 0)
        report(dump);
}

/* ---- after an earlier ferryd ---- */

static const struct fy_runc_dump_owner runc_owner = {.stage = stage, .criu_ended = criu_ended, .ended = ended};

static void take_up(struct fy_dump *base)
{
    struct podman_dump *dump = dump_of(base);
    fy_runc_dump_take_up(base);
    dump->runc.owner = &runc_owner;
    dump->taken_up = true;
}

/* Under which id runc has it, only podman knows. */
static void found(const struct fy_podman_container *container, const struct fy_error *err, void *data)
{
    struct podman_dump *dump = data;
    struct fy_dump *base = &dump->runc.base;
    struct fy_process_tree alone = {.processes = &dump->conmon, .count = 1};
    (void)err;
    if (!container || !container->exists) {
        fy_dump_ended(base, FY_WORKLOAD_GONE, err);
        return;
    }
    (void)snprintf(dump->runc.id, sizeof(dump->runc.id), "%s", container->id);
    if (fy_dump_kill_given(base) && fy_process_identify(container->conmon_pid, &dump->conmon))
        fy_process_tree_kill(&alone);
    fy_runc_dump_settle(base);
}

static void settle(struct fy_dump *base)
{
    struct podman_dump *dump = dump_of(base);
    if (!dump->taken_up || fy_podman_inspect(base->host, base->spec->workload.id, found, dump, NULL) < 0)
        fy_runc_dump_settle(base);
}

/* ---- start ---- */

static int start_export(struct podman_dump *dump, struct fy_error *err)
{
    static const struct fy_podman_export_events events = {.waits = export_waits, .ended = export_ended};
    struct fy_dump *base = &dump->runc.base;
    const struct fy_podman_export_options options = {
        .host = base->host,
        .job_id = base->job_id,
        .id = dump->runc.id,
        .images_dir = base->images_dir,
        .work_dir = base->work_dir,
    };
    return fy_podman_export_start(&options, &events, dump, &dump->export, err);
}

static void inspected(const struct fy_podman_container *container, const struct fy_error *err, void *data)
{
    struct podman_dump *dump = data;
    struct fy_dump *base = &dump->runc.base;
    const char *name = base->spec->workload.id;
    if (!container) {
        fy_error_propagate(&base->err, err);
    } else if ((dump->runc.is_absent = !container->exists)) {
        fy_error_set(&base->err, FY_E_NOT_FOUND, "podman has no container %s", name);
    } else if (strcmp(container->status, "running") != 0) {
        fy_error_set(&base->err, FY_E_UNSUPPORTED, "container %s does not run: it is %s", name, container->status);
    } else if (!fy_process_identify(container->conmon_pid, &dump->conmon)) {
        fy_error_set(&base->err, FY_E_UNSUPPORTED, "container %s has no conmon", name);
    } else if (base->decided) {
        fy_error_set(&base->err, FY_E_CANCELLED, "given up before the dump began");
    } else {
        (void)snprintf(dump->runc.id, sizeof(dump->runc.id), "%s", container->id);
        if (start_export(dump, &base->err) == 0)
            return;
    }
    fy_dump_criu_ended(base);
}

static int start(struct fy_dump *base, struct fy_error *err)
{
    struct podman_dump *dump = dump_of(base);
    dump->runc.owner = &runc_owner;
    return fy_podman_inspect(base->host, base->spec->workload.id, inspected, dump, err);
}

const struct fy_dump_driver fy_podman_dump_driver = {
    .size = sizeof(struct podman_dump),
    .start = start,
    .answer = answer,
    .terminate = terminate,
    .program = fy_runc_dump_program,
    .take_up = take_up,
    .settle = settle,
};
