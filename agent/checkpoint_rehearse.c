/* Rehearsing a checkpoint: it is expanded and verified in memory, and restored in scratch namespaces by a program of
 * its own (rehearse.c), which vetoes before a task runs. */
#include "checkpoint_op.h"
#include "hook.h"
#include "overlay.h"
#include "podman_call.h"
#include "rehearse_podman.h"
#include "root_tar.h"
#include "runc_cgroup.h"

#include <ferry/agent/child.h>
#include <ferry/agent/evidence.h>
#include <ferry/agent/hold.h>
#include <ferry/agent/rehearsal.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>
#include <time.h>

#define MAX_ARGUMENTS 40
#define CGROUP_PATIENCE_MS 5000
#define CGROUP_LOOK_MS 20
#define OUTPUT_LIMIT_BYTES ((size_t)64 << 10)

struct rehearsing {
    struct fy_checkpoint_op op;
    char id[FY_CHECKPOINT_ID_SIZE];
    struct fy_migration_spec spec; /* its only hook is the probe */
    char *bundle, *image, *image_id;
    struct fy_overlay overlay; /* "": its root is as it is now */
    struct fy_podman_store store;
    char *scratch_dir, *probe, *config, *root_tar, *archive;
    struct fy_child *child;
    struct fy_error err;
};

static struct rehearsing *of(struct fy_checkpoint_op *op)
{
    return fy_container_of(op, struct rehearsing, op);
}

static void end(struct rehearsing *rehearsing)
{
    if (rehearsing->op.cancelled)
        fy_error_set(&rehearsing->err, FY_E_CANCELLED, "cancelled; nothing of it is left");
    checkpoint_op_end(&rehearsing->op, fy_error_is_set(&rehearsing->err) ? &rehearsing->err : NULL);
}

/* ---- the program ---- */

/* runc's last word is its reason. NULL: nothing was started that could have one. */
static char *read_engine_output(const struct rehearsing *rehearsing)
{
    FY_AUTO_FREE char *path = NULL;
    char *text = NULL;
    if (asprintf(&path, "%s/" FY_REHEARSAL_OUTPUT, rehearsing->op.options.log_dir) < 0) {
        path = NULL;
        return NULL;
    }
    if (fy_fs_read_file(path, OUTPUT_LIMIT_BYTES, &text, NULL, NULL) < 0)
        return NULL;
    size_t size = strlen(text);
    while (size && text[size - 1] == '\n')
        text[--size] = '\0';
    const char *last = strrchr(text, '\n');
    if (last)
        memmove(text, last + 1, strlen(last));
    return text;
}

/* CRIU's log tells why it could not restore. What failed before is this host's, and says nothing about the checkpoint.
 */
static void explain_restore(struct rehearsing *rehearsing, const struct fy_child_result *result)
{
    FY_AUTO_FREE char *log = NULL;
    FY_AUTO_FREE char *output = read_engine_output(rehearsing);
    if (asprintf(&log, "%s/restore.log", rehearsing->op.options.log_dir) < 0)
        log = NULL;
    if (!output || !log) {
        (void)fy_child_check("the rehearsal", result, &rehearsing->err);
        return;
    }
    fy_evidence_from_log("rehearsal", log, output, FY_E_RESTORE, &rehearsing->err);
    fy_error_wrap(&rehearsing->err, "%s cannot be restored", rehearsing->id);
}

static void explain(struct rehearsing *rehearsing, const struct fy_child_result *result)
{
    const char *log_dir = rehearsing->op.options.log_dir;
    if (result->timed_out) {
        fy_error_set(&rehearsing->err, FY_E_TIMEOUT, "%s was not restored, and looked at, within timeouts.restore",
                     rehearsing->id);
        fy_error_next(&rehearsing->err, "raise timeouts.restore in the configuration, or see %s", log_dir);
        return;
    }
    (void)fy_rehearsal_judge(log_dir, rehearsing->probe, &rehearsing->err);
    if (rehearsing->err.code == FY_E_HOOK) {
        fy_error_wrap(&rehearsing->err, "%s was restored, and refused", rehearsing->id);
        fy_error_next(&rehearsing->err, "see what it says in %s/" FY_REHEARSAL_PROBE_LOG, log_dir);
        return;
    }
    bool restored = !fy_error_is_set(&rehearsing->err);
    fy_error_clear(&rehearsing->err);
    if (restored)
        (void)fy_child_check("the rehearsal", result, &rehearsing->err);
    else
        explain_restore(rehearsing, result);
}

/* In the thread: what was killed before its runtime could take it away, and may be dying still. */
static void remove_cgroup(struct fy_checkpoint_op *op)
{
    const struct timespec pause = {.tv_nsec = CGROUP_LOOK_MS * 1000000L};
    char name[sizeof FY_REHEARSAL_CGROUP + FY_JOB_ID_SIZE];
    (void)snprintf(name, sizeof name, FY_REHEARSAL_CGROUP "%s", op->options.job_id);
    for (unsigned i = 0; !fy_runc_cgroup_remove_all(name) && i < CGROUP_PATIENCE_MS / CGROUP_LOOK_MS; i++)
        (void)nanosleep(&pause, NULL);
}

static void cgroup_removed(struct fy_checkpoint_op *op)
{
    end(of(op));
}

static void child_ended(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct rehearsing *rehearsing = data;
    (void)child;
    rehearsing->child = NULL;
    if (result->exit_status != 0 || result->signal || result->timed_out)
        explain(rehearsing, result);
    checkpoint_op_work(&rehearsing->op, remove_cgroup, cgroup_removed);
}

static void list_arguments(const struct rehearsing *rehearsing, const char *client, const char *argv[MAX_ARGUMENTS])
{
    const struct fy_checkpoint_op *op = &rehearsing->op;
    const struct fy_settings *settings = op->options.host->settings;
    const struct fy_migration_spec *spec = &rehearsing->spec;
    const char *const fixed[] = {
        client, "rehearse", op->images_dir, op->options.log_dir, rehearsing->scratch_dir, settings->criu};
    size_t count = FY_ARRAY_SIZE(fixed);
    memcpy(argv, fixed, sizeof fixed);
    if (spec->workload.kind == FY_WORKLOAD_PODMAN) {
        const char *const container[] = {
            "--podman",       settings->podman,         "--archive",    rehearsing->archive,
            "--store-driver", rehearsing->store.driver, "--store-root", rehearsing->store.root,
            "--volumes",      rehearsing->store.volumes};
        memcpy(argv + count, container, sizeof container);
        count += FY_ARRAY_SIZE(container);
    }
    if (spec->workload.kind == FY_WORKLOAD_RUNC) {
        const char *const container[] = {"--runc",   settings->runc,     "--bundle", rehearsing->bundle,
                                         "--config", rehearsing->config, "--id",     spec->workload.id};
        memcpy(argv + count, container, sizeof container);
        count += FY_ARRAY_SIZE(container);
    }
    if (rehearsing->overlay.upper[0]) {
        const char *const root[] = {
            "--overlay",         rehearsing->overlay.path,    "--lower",    rehearsing->overlay.lower,
            "--overlay-options", rehearsing->overlay.options, "--root-tar", rehearsing->root_tar};
        memcpy(argv + count, root, sizeof root);
        count += FY_ARRAY_SIZE(root);
    }
    if (rehearsing->probe) {
        argv[count++] = "--probe";
        argv[count++] = rehearsing->probe;
    }
    if (spec->file_locks)
        argv[count++] = "--file-locks";
    if (spec->shell_job)
        argv[count++] = "--shell-job";
    if (spec->ext_unix_sockets)
        argv[count++] = "--ext-unix-sockets";
    if (spec->link_remap)
        argv[count++] = "--link-remap";
}

static int start_child(struct rehearsing *rehearsing, struct fy_error *err)
{
    struct fy_checkpoint_op *op = &rehearsing->op;
    const struct fy_settings *settings = op->options.host->settings;
    const char *argv[MAX_ARGUMENTS] = {NULL};
    if (asprintf(&rehearsing->scratch_dir, "%s/scratch", op->job_dir) < 0) {
        rehearsing->scratch_dir = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for a rehearsal");
    }
    if (asprintf(&rehearsing->config, "%s/config.json", op->extra_dir) < 0) {
        rehearsing->config = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for a rehearsal");
    }
    if (asprintf(&rehearsing->root_tar, "%s/" ROOT_TAR_NAME, op->extra_dir) < 0) {
        rehearsing->root_tar = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for a rehearsal");
    }
    if (fy_fs_make_directories(rehearsing->scratch_dir, 0700, err) < 0)
        return -1;
    list_arguments(rehearsing, fy_hold_server_client(op->options.host->holds), argv);
    const struct fy_child_options options = {
        .argv = argv, .inherit_fd = -1, .deadline_ms = settings->timeouts.restore_ms, .kill_after_ms = 1000};
    return fy_child_start(op->options.host->loop, &options, child_ended, rehearsing, &rehearsing->child, err);
}

static void expanded(struct fy_checkpoint_op *op)
{
    struct rehearsing *rehearsing = of(op);
    fy_error_propagate(&rehearsing->err, &op->work_err);
    if (fy_error_is_set(&rehearsing->err) || op->cancelled) {
        end(rehearsing);
        return;
    }
    checkpoint_op_phase(op, "restore", NULL);
    if (start_child(rehearsing, &rehearsing->err) < 0)
        end(rehearsing);
}

/* In the thread. */
static void expand(struct fy_checkpoint_op *op)
{
    struct rehearsing *rehearsing = of(op);
    if (fy_checkpoint_expand(op->options.store, rehearsing->id, op->images_dir, op->extra_dir, &op->progress,
                             &op->work_err) < 0 ||
        rehearsing->spec.workload.kind != FY_WORKLOAD_PODMAN)
        return;
    if (asprintf(&rehearsing->archive, "%s/podman.tar", op->job_dir) < 0) {
        rehearsing->archive = NULL;
        fy_error_set(&op->work_err, FY_E_NOMEM, "no memory for a rehearsal");
        return;
    }
    (void)rehearse_podman_write(op->images_dir, op->options.job_id, rehearsing->archive, &op->work_err);
}

/* ---- start ---- */

static void begin_expanding(struct rehearsing *rehearsing)
{
    struct fy_checkpoint_op *op = &rehearsing->op;
    if (fy_error_is_set(&rehearsing->err) || op->cancelled ||
        checkpoint_op_make_directories(op, &rehearsing->err) < 0) {
        end(rehearsing);
        return;
    }
    checkpoint_op_phase(op, "expand", NULL);
    checkpoint_op_work(op, expand, expanded);
}

/* podman itself would look for it in registries. */
static void image_looked_up(bool exists, const struct fy_error *err, void *data)
{
    struct rehearsing *rehearsing = data;
    fy_error_propagate(&rehearsing->err, err);
    if (!exists && !err) {
        fy_error_set(&rehearsing->err, FY_E_RESTORE,
                     "%s cannot be restored: the image %.200s (%.12s) is not on this host", rehearsing->id,
                     rehearsing->image, rehearsing->image_id);
        fy_error_next(&rehearsing->err, "bring the same one here (podman save, podman load)");
    }
    begin_expanding(rehearsing);
}

/* Only these drivers let a store see the images of another one. */
static void store_known(const struct fy_podman_store *store, const struct fy_error *err, void *data)
{
    struct rehearsing *rehearsing = data;
    const struct fy_host *host = rehearsing->op.options.host;
    fy_error_propagate(&rehearsing->err, err);
    if (store)
        rehearsing->store = *store;
    if (store && strcmp(store->driver, "overlay") != 0 && strcmp(store->driver, "vfs") != 0)
        fy_error_set(&rehearsing->err, FY_E_UNSUPPORTED, "%s is not rehearsed: podman keeps images with %s here",
                     rehearsing->id, store->driver);
    if (fy_error_is_set(&rehearsing->err) || !rehearsing->image_id[0] ||
        fy_podman_image_exists(host, rehearsing->image_id, image_looked_up, rehearsing, &rehearsing->err) < 0)
        begin_expanding(rehearsing);
}

static void begin(struct fy_checkpoint_op *op)
{
    struct rehearsing *rehearsing = of(op);
    if (rehearsing->spec.workload.kind == FY_WORKLOAD_PODMAN &&
        fy_podman_store(op->options.host, store_known, rehearsing, &rehearsing->err) == 0)
        return;
    begin_expanding(rehearsing);
}

static int cancel(struct fy_checkpoint_op *op, struct fy_error *err)
{
    (void)err;
    if (of(op)->child)
        fy_child_terminate(of(op)->child);
    return 0;
}

static void done(struct fy_checkpoint_op *op)
{
    struct rehearsing *rehearsing = of(op);
    free(rehearsing->bundle);
    free(rehearsing->image);
    free(rehearsing->image_id);
    free(rehearsing->scratch_dir);
    free(rehearsing->probe);
    free(rehearsing->config);
    free(rehearsing->root_tar);
    free(rehearsing->archive);
}

static const struct fy_checkpoint_kind rehearse_kind = {
    .size = sizeof(struct rehearsing),
    .begin = begin,
    .cancel = cancel,
    .done = done,
};

/* The rules for hooks hold for the probe: in hooks_dir, and nobody but root can change it. */
static int take_probe(struct fy_migration_spec *spec, const struct fy_host *host, const char *name, char **path,
                      struct fy_error *err)
{
    spec->hook_count = 0;
    if (!name)
        return 0;
    if (!fy_hook_name_is_valid(name))
        return fy_error_set(err, FY_E_USAGE, "probe '%.80s': expected the name of a file in %s", name,
                            host->settings->hooks_dir);
    spec->hooks[0] = (struct fy_hook){.side = FY_HOOK_SOURCE, .deadline_ms = FY_HOOK_DEADLINE_MS};
    (void)snprintf(spec->hooks[0].name, sizeof spec->hooks[0].name, "%s", name);
    spec->hook_count = 1;
    if (fy_hooks_check(host, spec, FY_HOOK_SOURCE, err) < 0)
        return -1;
    if (asprintf(path, "%s/%s", host->settings->hooks_dir, name) >= 0)
        return 0;
    *path = NULL;
    return fy_error_set(err, FY_E_NOMEM, "no memory for a rehearsal");
}

static int copy_words(struct rehearsing *rehearsing, const Ferry__Checkpoint__Record *record, struct fy_error *err)
{
    rehearsing->bundle = strdup(record->bundle ? record->bundle : "");
    rehearsing->image = strdup(record->image ? record->image : "");
    rehearsing->image_id = strdup(record->image_id ? record->image_id : "");
    if (rehearsing->bundle && rehearsing->image && rehearsing->image_id)
        return 0;
    return fy_error_set(err, FY_E_NOMEM, "no memory for a rehearsal");
}

int fy_checkpoint_rehearse_start(const struct fy_checkpoint_op_options *options,
                                 const struct fy_checkpoint_rehearse *what, struct fy_checkpoint_op **op,
                                 struct fy_error *err)
{
    FY_AUTO_FREE char *probe = NULL;
    FY_AUTO_FREE struct fy_overlay *overlay = malloc(sizeof *overlay);
    struct fy_migration_spec spec = what->spec;
    if (!overlay)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a rehearsal");
    if (fy_overlay_from_record(what->record, overlay, err) < 0 ||
        take_probe(&spec, options->host, what->probe, &probe, err) < 0 ||
        checkpoint_op_new(&rehearse_kind, options, &spec.workload, op, err) < 0)
        return -1;
    struct rehearsing *rehearsing = of(*op);
    rehearsing->spec = spec;
    rehearsing->overlay = *overlay;
    rehearsing->probe = fy_take(probe);
    (void)snprintf(rehearsing->id, sizeof rehearsing->id, "%s", what->id);
    (void)copy_words(rehearsing, what->record, &rehearsing->err); /* it ends as soon as it begins */
    return 0;
}
