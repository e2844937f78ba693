/* Restore of `runc/ID`: `runc restore --detach`, held by CRIU's action script. The restored init is a child of runc
 * until that ends, and of the host's init from then on. A restore that does not end in a running container leaves none:
 * its tasks are killed, its state is deleted. */
#include "restore.h"
#include "runc_call.h"
#include "runc_cgroup.h"
#include "runc_state.h"

#include <ferry/agent/evidence.h>
#include <ferry/base/cleanup.h>

#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

struct runc_restore {
    struct fy_restore base;
    struct fy_runc_call *call; /* NULL once it has ended */
    bool success;
    char words[512];
};

static void answer(struct fy_restore *base, bool go_on)
{
    struct runc_restore *restore = fy_container_of(base, struct runc_restore, base);
    if (restore->call)
        fy_runc_call_answer(restore->call, go_on);
}

static pid_t program(const struct fy_restore *base)
{
    const struct runc_restore *restore = (const struct runc_restore *)base;
    return restore->call ? fy_runc_call_pid(restore->call) : 0;
}

/* ---- the end ---- */

/* A runc that was killed before it wrote its state leaves an empty directory, which `runc state` and `runc delete` do
 * not see and every later restore stumbles over. */
static void remove_empty_state(const struct fy_restore *base)
{
    char path[4096 + FY_WORKLOAD_ID_SIZE], root[sizeof(path) + 16];
    (void)snprintf(path, sizeof(path), "%s/%s", base->host->settings->runc_root, base->spec->workload.id);
    (void)snprintf(root, sizeof(root), "%s/criu-root", path);
    if (base->begun && umount2(root, MNT_DETACH) == 0) /* where runc had bound the root file system for CRIU */
        (void)rmdir(root);
    (void)rmdir(path);
}

static void report_gone(void *data)
{
    struct fy_restore *base = data;
    struct runc_restore *restore = fy_container_of(base, struct runc_restore, base);
    char log_path[4096];
    struct fy_error why = FY_ERROR_INIT;
    if (base->begun) {
        remove_empty_state(base);
        fy_runc_cgroup_remove(base->spec->workload.id);
    }
    (void)snprintf(log_path, sizeof(log_path), "%s/restore.log", base->work_dir);
    if (base->resumed && restore->success)
        fy_error_set(&why, FY_E_RESTORE, "container %s was restored, and ended at once", base->spec->workload.id);
    else
        fy_evidence_from_log("restore", log_path, restore->words, FY_E_RESTORE, &why);
    fy_restore_ended(base, FY_WORKLOAD_GONE, 0, &why);
}

/* Only what this restore has made is deleted: before CRIU began, a container of that id would be somebody else's. */
static void tasks_cleaned(struct fy_restore *base)
{
    if (!base->begun && base->decided)
        remove_empty_state(base);
    if (!base->begun ||
        fy_runc_run(base->host, "delete", "--force", base->spec->workload.id, report_gone, base, NULL) < 0)
        report_gone(base);
}

static void state_known(const struct fy_runc_state *state, const struct fy_error *err, void *data)
{
    struct fy_restore *base = data;
    struct runc_restore *restore = fy_container_of(base, struct runc_restore, base);
    (void)err;
    bool told_so = base->resumed || restore->success;
    bool runs =
        state ? state->status == FY_RUNC_RUNNING : base->tasks.count > 0 && fy_process_runs(&base->tasks.processes[0]);
    if (fy_restore_run_given(base) && told_so && runs)
        fy_restore_ended(base, FY_WORKLOAD_RUNNING, state && state->pid > 0 ? state->pid : base->root_pid, NULL);
    else
        fy_restore_clean(base, tasks_cleaned);
}

static void settle(struct fy_restore *base)
{
    if (!fy_restore_run_given(base))
        fy_restore_clean(base, tasks_cleaned);
    else if (fy_runc_state(base->host, base->spec->workload.id, state_known, base, NULL) < 0)
        state_known(NULL, NULL, base);
}

static void call_stage(const char *stage, pid_t init_pid, void *data)
{
    fy_restore_stage(data, stage, init_pid);
}

static void call_ended(bool success, const char *words, void *data)
{
    struct fy_restore *base = data;
    struct runc_restore *restore = fy_container_of(base, struct runc_restore, base);
    restore->call = NULL;
    restore->success = success;
    (void)snprintf(restore->words, sizeof(restore->words), "%s", words);
    fy_restore_criu_ended(base);
}

static int start(struct fy_restore *base, struct fy_error *err)
{
    static const struct fy_runc_call_events events = {.stage = call_stage, .ended = call_ended};
    struct runc_restore *restore = fy_container_of(base, struct runc_restore, base);
    const char *const arguments[] = {"--detach",       "--bundle",    base->bundle,   "--image-path",
                                     base->images_dir, "--work-path", base->work_dir, NULL};
    const struct fy_runc_call_options options = {
        .host = base->host,
        .spec = base->spec,
        .id = base->spec->workload.id,
        .job_id = base->job_id,
        .work_dir = base->work_dir,
        .verb = "restore",
        .arguments = arguments,
    };
    return fy_runc_call_start(&options, &events, base, &restore->call, err);
}

const struct fy_restore_driver fy_runc_restore_driver = {
    .size = sizeof(struct runc_restore),
    .start = start,
    .answer = answer,
    .program = program,
    .tidies_up = true,
    .settle = settle,
};
