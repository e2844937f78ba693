/* Rehearsing a checkpoint: it is expanded and verified in memory, and restored in scratch namespaces by a program of
 * its own (rehearse.c), which vetoes before a task runs. */
#include "checkpoint_op.h"
#include "hook.h"
#include "overlay.h"
#include "root_tar.h"

#include <ferry/agent/child.h>
#include <ferry/agent/evidence.h>
#include <ferry/agent/hold.h>
#include <ferry/agent/rehearsal.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>

#define MAX_ARGUMENTS 40
#define VERDICT_LIMIT_BYTES 64

struct rehearsing {
    struct fy_checkpoint_op op;
    char id[FY_CHECKPOINT_ID_SIZE];
    struct fy_migration_spec spec; /* its only hook is the probe */
    char *bundle;
    struct fy_overlay overlay; /* "": its root is as it is now */
    char *scratch_dir, *probe, *config, *root_tar;
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

/* Restored, and refused by the probe. Without a verdict it was not restored: NULL. */
static char *read_verdict(const struct rehearsing *rehearsing)
{
    FY_AUTO_FREE char *path = NULL;
    char *verdict = NULL;
    if (asprintf(&path, "%s/" FY_REHEARSAL_VERDICT, rehearsing->op.options.log_dir) < 0) {
        path = NULL;
        return NULL;
    }
    if (fy_fs_read_file(path, VERDICT_LIMIT_BYTES, &verdict, NULL, NULL) < 0)
        return NULL;
    verdict[strcspn(verdict, "\n")] = '\0';
    return verdict;
}

static void explain(struct rehearsing *rehearsing, const struct fy_child_result *result)
{
    FY_AUTO_FREE char *log = NULL;
    FY_AUTO_FREE char *verdict = read_verdict(rehearsing);
    struct fy_error said = FY_ERROR_INIT;
    const char *log_dir = rehearsing->op.options.log_dir;
    if (result->timed_out) {
        fy_error_set(&rehearsing->err, FY_E_TIMEOUT, "%s was not restored within timeouts.restore", rehearsing->id);
        return;
    }
    if (verdict) {
        fy_error_set(&rehearsing->err, FY_E_HOOK, "%s was restored, but the probe %s ended with %s", rehearsing->id,
                     rehearsing->probe, verdict);
        fy_error_next(&rehearsing->err, "see what it says in %s/" FY_REHEARSAL_PROBE_LOG, log_dir);
        return;
    }
    (void)fy_child_check("the rehearsal", result, &said);
    if (asprintf(&log, "%s/restore.log", log_dir) < 0) {
        log = NULL;
        fy_error_propagate(&rehearsing->err, &said);
        return;
    }
    fy_evidence_from_log("rehearsal", log, said.message, FY_E_RESTORE, &rehearsing->err);
    fy_error_wrap(&rehearsing->err, "%s cannot be restored", rehearsing->id);
}

static void child_ended(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct rehearsing *rehearsing = data;
    (void)child;
    rehearsing->child = NULL;
    if (result->exit_status != 0 || result->signal || result->timed_out)
        explain(rehearsing, result);
    end(rehearsing);
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
    (void)fy_checkpoint_expand(op->options.store, of(op)->id, op->images_dir, op->extra_dir, &op->progress,
                               &op->work_err);
}

/* ---- start ---- */

static void begin(struct fy_checkpoint_op *op)
{
    struct rehearsing *rehearsing = of(op);
    if (checkpoint_op_make_directories(op, &rehearsing->err) < 0) {
        end(rehearsing);
        return;
    }
    checkpoint_op_phase(op, "expand", NULL);
    checkpoint_op_work(op, expand, expanded);
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
    free(rehearsing->scratch_dir);
    free(rehearsing->probe);
    free(rehearsing->config);
    free(rehearsing->root_tar);
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

int fy_checkpoint_rehearse_start(const struct fy_checkpoint_op_options *options,
                                 const struct fy_checkpoint_rehearse *what, struct fy_checkpoint_op **op,
                                 struct fy_error *err)
{
    FY_AUTO_FREE char *bundle = strdup(what->record->bundle ? what->record->bundle : "");
    FY_AUTO_FREE char *probe = NULL;
    FY_AUTO_FREE struct fy_overlay *overlay = malloc(sizeof *overlay);
    struct fy_migration_spec spec = what->spec;
    if (!bundle || !overlay)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a rehearsal");
    if (fy_overlay_from_record(what->record, overlay, err) < 0 ||
        take_probe(&spec, options->host, what->probe, &probe, err) < 0 ||
        checkpoint_op_new(&rehearse_kind, options, &spec.workload, op, err) < 0)
        return -1;
    struct rehearsing *rehearsing = of(*op);
    rehearsing->spec = spec;
    rehearsing->overlay = *overlay;
    rehearsing->bundle = fy_take(bundle);
    rehearsing->probe = fy_take(probe);
    (void)snprintf(rehearsing->id, sizeof rehearsing->id, "%s", what->id);
    return 0;
}
