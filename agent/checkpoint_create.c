/* Taking a checkpoint. The dump goes to memory, so that the workload stands still for as short a time as can be; what
 * is slow (comparing, compressing, writing to a disk) comes when it runs again, unless it is to be stopped. */
#include "checkpoint_op.h"
#include "hook.h"
#include "root_tar.h"

#include <ferry/agent/address.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/fs.h>
#include <ferry/base/text.h>
#include <ferry/config/quantity.h>
#include <string.h>
#include <sys/utsname.h>

#define CONFIG_LIMIT_BYTES ((size_t)16 << 20)
/* As at a migration's destination: an image set is a little larger than the memory in it. */
#define SPACE_HEADROOM(bytes) ((bytes) + (bytes) / 16 + 4u * 1024u * 1024u)

struct create {
    struct fy_checkpoint_op op;
    struct fy_checkpoint_create what;
    struct fy_workload_facts facts;
    int criu_version;
    struct fy_dump *dump; /* while it exists */
    uint64_t freeze_ns, freeze_us;
    uv_timer_t budget;      /* how long it may stand still */
    struct fy_hooks *hooks; /* while some run */
    struct fy_child *tar;   /* while it keeps what was changed in the root file system, and the workload is held */
    bool storing;           /* the thread is at work, and the workload is held */
    bool stored;            /* it is on the disk */
    bool kill_given;        /* and the workload was to end */
    struct fy_error err;    /* the first failure */
};

static struct create *of(struct fy_checkpoint_op *op)
{
    return fy_container_of(op, struct create, op);
}

/* ---- storing ---- */

static int keep_config(struct create *create, struct fy_error *err)
{
    FY_AUTO_FREE char *from = NULL;
    FY_AUTO_FREE char *to = NULL;
    FY_AUTO_FREE char *text = NULL;
    size_t size = 0;
    if (!create->facts.bundle[0])
        return 0;
    if (asprintf(&from, "%s/config.json", create->facts.bundle) < 0 ||
        asprintf(&to, "%s/config.json", create->op.extra_dir) < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a file's name");
    if (fy_fs_read_file(from, CONFIG_LIMIT_BYTES, &text, &size, err) < 0)
        return fy_error_wrap(err, "configuration of container %s", create->what.spec.workload.id);
    return fy_fs_write_file(to, text, size, 0600, err);
}

static void fill_overlay(const struct fy_overlay *overlay, Ferry__Checkpoint__Overlay *message,
                         Ferry__Checkpoint__Record *record)
{
    ferry__checkpoint__overlay__init(message);
    message->path = (char *)(uintptr_t)overlay->path;
    message->lower = (char *)(uintptr_t)overlay->lower;
    message->upper = (char *)(uintptr_t)overlay->upper;
    message->work = (char *)(uintptr_t)overlay->work;
    message->options = (char *)(uintptr_t)overlay->options;
    record->overlay = overlay->upper[0] ? message : NULL;
}

static void fill_options(const struct create *create, Ferry__Checkpoint__Record *record)
{
    const struct fy_migration_spec *spec = &create->what.spec;
    record->tcp = (char *)(uintptr_t)fy_tcp_mode_name(spec->tcp);
    record->has_file_locks = record->has_shell_job = record->has_ext_unix_sockets = record->has_link_remap = 1;
    record->file_locks = spec->file_locks;
    record->shell_job = spec->shell_job;
    record->ext_unix_sockets = spec->ext_unix_sockets;
    record->link_remap = spec->link_remap;
    record->has_freeze_us = create->what.leave_running;
    record->freeze_us = create->freeze_us;
    record->has_left_running = 1;
    record->left_running = create->what.leave_running;
    record->bundle = create->facts.bundle[0] ? (char *)(uintptr_t)create->facts.bundle : NULL;
    record->container_id = create->facts.container_id[0] ? (char *)(uintptr_t)create->facts.container_id : NULL;
    record->image = create->facts.image[0] ? (char *)(uintptr_t)create->facts.image : NULL;
    record->image_id = create->facts.image_id[0] ? (char *)(uintptr_t)create->facts.image_id : NULL;
    /* What podman exports has the changed files of its root. */
    record->root = spec->workload.kind == FY_WORKLOAD_PODMAN ? (char *)"changes"
                   : record->overlay                         ? (char *)"overlay"
                                                             : NULL;
    _Static_assert(sizeof(pid_t) == sizeof(uint32_t), "pids are handed on as they are");
    record->n_pids = create->facts.pid_count;
    record->pids = (uint32_t *)(uintptr_t)create->facts.pids;
}

static void put(struct create *create, const Ferry__Checkpoint__Record *facts)
{
    struct fy_checkpoint_op *op = &create->op;
    struct fy_checkpoint *made = NULL;
    struct utsname host = {0};
    char criu[32];
    (void)uname(&host);
    (void)snprintf(criu, sizeof criu, "%d.%d.%d", create->criu_version / 10000, create->criu_version / 100 % 100,
                   create->criu_version % 100);
    const struct fy_checkpoint_source source = {
        .images_dir = op->images_dir,
        .extra_dir = op->extra_dir,
        .facts = facts,
        .parent = create->what.parent[0] ? create->what.parent : NULL,
        .label = facts->workload,
        .kernel = host.release,
        .criu_version = criu,
    };
    if (keep_config(create, &op->work_err) == 0 &&
        fy_checkpoint_put(op->options.store, &source, &op->progress, &made, &op->work_err) == 0)
        create->stored = true;
    fy_checkpoint_free(made);
}

/* In the thread. */
static void store(struct fy_checkpoint_op *op)
{
    struct create *create = of(op);
    Ferry__Checkpoint__Record facts = FERRY__CHECKPOINT__RECORD__INIT;
    Ferry__Checkpoint__Label labels[FY_CHECKPOINT_LABELS_MAX];
    Ferry__Checkpoint__Label *list[FY_CHECKPOINT_LABELS_MAX];
    Ferry__Checkpoint__Overlay overlay;
    char workload[FY_WORKLOAD_TEXT_SIZE];
    fy_workload_format(&create->what.spec.workload, workload);
    facts.id = create->what.id;
    facts.workload = workload;
    facts.host = op->options.host->settings->name;
    facts.created_us = fy_clock_wall_us();
    for (size_t i = 0; i < create->what.label_count; i++) {
        ferry__checkpoint__label__init(&labels[i]);
        labels[i].key = create->what.labels[i].key;
        labels[i].value = create->what.labels[i].value;
        list[i] = &labels[i];
    }
    facts.n_labels = create->what.label_count;
    facts.labels = list;
    fill_overlay(&create->facts.overlay, &overlay, &facts);
    fill_options(create, &facts);
    put(create, &facts);
}

/* ---- hooks ---- */

/* False: there are none of this stage, or they cannot be started (create->err). */
static bool start_hooks(struct create *create, enum fy_hook_stage stage, fy_hooks_cb done)
{
    struct fy_checkpoint_op *op = &create->op;
    const struct fy_migration_spec *spec = &create->what.spec;
    const struct fy_hook_facts facts = {
        .spec = spec,
        .side = FY_HOOK_SOURCE,
        .job_id = op->options.job_id,
        .peer = "",
        .job_dir = op->job_dir,
        .images_dir = op->images_dir,
        .log_dir = op->options.log_dir,
        .root_pid = create->facts.pid_count ? create->facts.pids[0] : 0,
        .failure = stage == FY_HOOK_POST_ABORT ? &create->err : NULL,
    };
    if (!fy_hooks_any(spec, FY_HOOK_SOURCE, stage))
        return false;
    checkpoint_op_phase(op, fy_hook_stage_name(stage), NULL);
    return fy_hooks_start(op->options.host, &facts, stage, done, create, &create->hooks, &create->err) == 0;
}

/* ---- the end ---- */

static void budget_closed(uv_handle_t *handle)
{
    struct create *create = fy_container_of((uv_timer_t *)handle, struct create, budget);
    checkpoint_op_end(&create->op, fy_error_is_set(&create->err) ? &create->err : NULL);
}

static void finish(struct create *create)
{
    create->op.report.downtime_us = create->freeze_us;
    uv_close((uv_handle_t *)&create->budget, budget_closed);
}

/* Nothing can be undone any more: what such a hook says stands in its log. */
static void last_hooks_ended(const struct fy_error *err, void *data)
{
    struct create *create = data;
    (void)err;
    create->hooks = NULL;
    finish(create);
}

static void end(struct create *create)
{
    enum fy_hook_stage stage = fy_error_is_set(&create->err) ? FY_HOOK_POST_ABORT : FY_HOOK_POST_COMMIT;
    if (!start_hooks(create, stage, last_hooks_ended))
        finish(create);
}

static void stored_and_running(struct fy_checkpoint_op *op)
{
    struct create *create = of(op);
    fy_error_propagate(&create->err, &op->work_err);
    end(create);
}

/* The workload stands still until its checkpoint is safe. */
static void stored_and_held(struct fy_checkpoint_op *op)
{
    struct create *create = of(op);
    create->storing = false;
    fy_error_propagate(&create->err, &op->work_err);
    if (!create->dump) { /* CRIU has ended meanwhile */
        end(create);
        return;
    }
    create->kill_given = create->stored;
    checkpoint_op_phase(op, create->stored ? "stop" : "rollback", NULL);
    fy_dump_decide(create->dump, create->stored ? FY_DECIDE_KILL : FY_DECIDE_RESUME);
}

/* ---- the dump ---- */

/* What is there by then is thrown away: the workload comes first. */
static void over_budget(uv_timer_t *timer)
{
    struct create *create = fy_container_of(timer, struct create, budget);
    char limit[FY_DURATION_TEXT_SIZE];
    fy_duration_format(create->what.spec.max_freeze_ms, limit);
    fy_error_set(&create->err, FY_E_TIMEOUT,
                 "given up: it would have stood still for longer than its freeze budget of %s", limit);
    fy_error_next(&create->err, "it runs on; raise freeze_budget, or choose hours in which it uses less memory");
    atomic_store(&create->op.progress.cancelled, true);
    if (create->tar)
        fy_child_terminate(create->tar);
    if (create->dump && !create->stored)
        fy_dump_decide(create->dump, FY_DECIDE_RESUME);
}

static void freezing(struct fy_dump *dump, void *data)
{
    struct create *create = data;
    (void)dump;
    create->freeze_ns = fy_clock_monotonic_ns();
    if (create->what.spec.max_freeze_ms)
        (void)uv_timer_start(&create->budget, over_budget, create->what.spec.max_freeze_ms, 0);
    checkpoint_op_phase(&create->op, "dump", "frozen here");
}

static void root_is_kept(struct create *create)
{
    if (create->op.cancelled || create->what.leave_running) {
        (void)uv_timer_stop(&create->budget); /* nothing takes time any more */
        fy_dump_decide(create->dump, FY_DECIDE_RESUME);
        return;
    }
    checkpoint_op_phase(&create->op, "store", NULL);
    create->storing = true;
    checkpoint_op_work(&create->op, store, stored_and_held);
}

static void tar_ended(struct fy_child *tar, const struct fy_child_result *result, void *data)
{
    struct create *create = data;
    (void)tar;
    create->tar = NULL;
    if (create->op.cancelled)
        fy_error_set(&create->err, FY_E_CANCELLED, "cancelled; %s runs on", create->what.spec.workload.id);
    if (root_tar_check(result, &create->err) < 0)
        fy_error_wrap(&create->err, "what was changed in the root file system (%s)", create->facts.overlay.upper);
    if (!create->dump) /* CRIU has ended meanwhile */
        end(create);
    else if (fy_error_is_set(&create->err))
        fy_dump_decide(create->dump, FY_DECIDE_RESUME);
    else
        root_is_kept(create);
}

/* Memory and files are of the same moment: the files are kept while nothing runs. */
static void held(struct fy_dump *dump, void *data)
{
    struct create *create = data;
    const char *upper = create->facts.overlay.upper;
    if (create->op.cancelled || !upper[0]) {
        root_is_kept(create);
        return;
    }
    checkpoint_op_phase(&create->op, "root", NULL);
    if (root_tar_keep(create->op.options.host, upper, create->op.extra_dir, tar_ended, create, &create->tar,
                      &create->err) < 0)
        fy_dump_decide(dump, FY_DECIDE_RESUME);
}

/* CRIU's packet locks outlive tasks that were killed. */
static void unlocked(const struct fy_error *err, void *data)
{
    struct create *create = data;
    fy_error_propagate(&create->err, err);
    end(create);
}

static void dump_done(struct fy_dump *dump, enum fy_workload_state state, const struct fy_error *err, void *data)
{
    struct create *create = data;
    (void)dump;
    create->dump = NULL;
    (void)uv_timer_stop(&create->budget);
    if (create->freeze_ns)
        create->freeze_us = (fy_clock_monotonic_ns() - create->freeze_ns) / 1000;
    create->op.report.workload_state = state == FY_WORKLOAD_RUNNING ? "runs here" : "stopped, in its checkpoint";
    if (err)
        fy_error_propagate(&create->err, err);
    if (create->op.cancelled)
        fy_error_set(&create->err, FY_E_CANCELLED, "cancelled; %s runs on", create->what.spec.workload.id);
    if (create->storing || create->tar)
        return; /* stored_and_held() or tar_ended() ends it */
    if (state == FY_WORKLOAD_GONE && fy_address_withdraw(create->op.options.host, create->op.options.job_id, NULL, 0,
                                                         unlocked, create, &create->err) == 0)
        return;
    if (fy_error_is_set(&create->err) || create->kill_given || !create->what.leave_running) {
        end(create);
        return;
    }
    checkpoint_op_phase(&create->op, "store", NULL);
    checkpoint_op_work(&create->op, store, stored_and_running);
}

/* ---- before ---- */

static int check_space(const struct create *create, struct fy_error *err)
{
    uint64_t available;
    char have[FY_TEXT_SIZE], want[FY_TEXT_SIZE];
    const char *run_dir = create->op.options.host->settings->run_dir;
    uint64_t needed = SPACE_HEADROOM(create->facts.memory_bytes);
    if (fy_fs_available_bytes(run_dir, &available, err) < 0)
        return -1;
    if (needed <= available - available / 20)
        return 0;
    fy_text_bytes(available, have);
    fy_text_bytes(needed, want);
    fy_error_set(err, FY_E_NOSPACE, "%s has %s, about %s are needed for the images of %s", run_dir, have, want,
                 create->what.spec.workload.id);
    return fy_error_next(err, "make the file system of %s larger: mount -o remount,size=… %s", run_dir, run_dir);
}

static void dump(struct create *create)
{
    static const struct fy_dump_events events = {.freezing = freezing, .held = held, .done = dump_done};
    struct fy_checkpoint_op *op = &create->op;
    if (op->cancelled)
        fy_error_set(&create->err, FY_E_CANCELLED, "cancelled before the dump began");
    const struct fy_dump_request request = {.spec = &create->what.spec,
                                            .job_id = op->options.job_id,
                                            .images_dir = op->images_dir,
                                            .work_dir = op->options.log_dir};
    if (fy_error_is_set(&create->err) ||
        fy_dump_start(op->options.host, &request, &events, create, &create->dump, &create->err) < 0)
        end(create);
}

static void first_hooks_ended(const struct fy_error *err, void *data)
{
    struct create *create = data;
    create->hooks = NULL;
    fy_error_propagate(&create->err, err);
    dump(create);
}

static void version_known(int version, const struct fy_error *err, void *data)
{
    struct create *create = data;
    create->criu_version = version;
    fy_error_propagate(&create->err, err);
    if (fy_error_is_set(&create->err) || !start_hooks(create, FY_HOOK_PRE_DUMP, first_hooks_ended))
        dump(create);
}

static void inspected(const struct fy_workload_facts *facts, const struct fy_error *err, void *data)
{
    struct create *create = data;
    if (facts)
        create->facts = *facts;
    else
        fy_error_propagate(&create->err, err);
    if (fy_error_is_set(&create->err) || check_space(create, &create->err) < 0 ||
        fy_criu_version(create->op.options.host, version_known, create, &create->err) < 0)
        end(create);
}

static void begin(struct fy_checkpoint_op *op)
{
    struct create *create = of(op);
    (void)uv_timer_init(op->options.host->loop, &create->budget);
    checkpoint_op_phase(op, "inspect", NULL);
    if (checkpoint_op_make_directories(op, &create->err) < 0 ||
        fy_driver_inspect(op->options.host, &create->what.spec.workload, inspected, create, &create->err) < 0)
        end(create);
}

static int cancel(struct fy_checkpoint_op *op, struct fy_error *err)
{
    struct create *create = of(op);
    if (create->stored)
        return fy_error_set(err, FY_E_BUSY, "checkpoint %s is stored already", create->what.id);
    if (create->hooks)
        fy_hooks_stop(create->hooks);
    if (create->tar)
        fy_child_terminate(create->tar);
    if (create->dump)
        fy_dump_decide(create->dump, FY_DECIDE_RESUME);
    return 0;
}

static const struct fy_checkpoint_kind create_kind = {
    .size = sizeof(struct create),
    .begin = begin,
    .cancel = cancel,
};

int fy_checkpoint_create_start(const struct fy_checkpoint_op_options *options, const struct fy_checkpoint_create *what,
                               struct fy_checkpoint_op **op, struct fy_error *err)
{
    if (checkpoint_op_new(&create_kind, options, &what->spec.workload, op, err) < 0)
        return -1;
    of(*op)->what = *what;
    return 0;
}
