/* Restore of `podman/NAME`: `podman container restore --import`, which makes the container, has conmon run `runc
 * restore`, and so is held by CRIU's action script as runc is.
 *
 *     archive of what podman needs, with a link to the images
 *     -> is the name free, the image there? -> podman ... stages, held, decided -> podman has ended
 *     it runs: podman inspect -> report          it does not: its tasks are killed, podman rm -> report
 */
#include "podman_call.h"
#include "restore.h"
#include "runc_call.h"

#include <ferry/agent/evidence.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/archive.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LIMIT_BYTES ((size_t)16 * 1024 * 1024)

struct podman_restore {
    struct fy_restore base;
    struct fy_podman_config config;
    char archive[4096];
    uv_work_t work;
    struct fy_error work_err;
    unsigned questions;        /* to podman, not answered yet */
    struct fy_runc_call *call; /* NULL before it starts and once it has ended */
    bool called;               /* the name was free, so a container of it is ours */
    bool success;
    char words[512];
    char log_path[4096]; /* of podman's own directory for the container; "" */
};

static struct podman_restore *restore_of(struct fy_restore *base)
{
    return fy_container_of(base, struct podman_restore, base);
}

static void answer(struct fy_restore *base, bool go_on)
{
    struct podman_restore *restore = restore_of(base);
    if (restore->call)
        fy_runc_call_answer(restore->call, go_on);
}

static pid_t program(const struct fy_restore *base)
{
    const struct podman_restore *restore = (const struct podman_restore *)base;
    return restore->call ? fy_runc_call_pid(restore->call) : 0;
}

/* ---- the end ---- */

static void report_gone(void *data)
{
    struct podman_restore *restore = data;
    struct fy_restore *base = &restore->base;
    char log_path[4096];
    struct fy_error why = FY_ERROR_INIT;
    (void)snprintf(log_path, sizeof(log_path), "%s/restore.log", base->work_dir);
    if (base->resumed && restore->success)
        fy_error_set(&why, FY_E_RESTORE, "container %s was restored, and ended at once", base->spec->workload.id);
    else if (!base->begun && restore->words[0])
        fy_error_set(&why, FY_E_RESTORE, "podman could not restore container %s: %s", base->spec->workload.id,
                     restore->words);
    else
        fy_evidence_from_log("restore", log_path, restore->words, FY_E_RESTORE, &why);
    fy_restore_ended(base, FY_WORKLOAD_GONE, 0, &why);
}

/* In the thread pool: CRIU's log goes away with the container. */
static void keep_log(uv_work_t *work)
{
    struct podman_restore *restore = fy_container_of(work, struct podman_restore, work);
    char path[4096];
    FY_AUTO_FREE char *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof(path), "%s/restore.log", restore->base.work_dir);
    if (fy_fs_read_file(restore->log_path, LOG_LIMIT_BYTES, &text, &size, NULL) == 0)
        (void)fy_fs_write_file(path, text, size, 0600, NULL);
}

static void log_kept(uv_work_t *work, int status)
{
    struct podman_restore *restore = fy_container_of(work, struct podman_restore, work);
    (void)status;
    if (fy_podman_remove(restore->base.host, restore->base.spec->workload.id, report_gone, restore, NULL) < 0)
        report_gone(restore);
}

/* Only what this restore has made is removed. */
static void left_over(const struct fy_podman_container *container, const struct fy_error *err, void *data)
{
    struct podman_restore *restore = data;
    (void)err;
    bool is_ours =
        container && container->exists && (restore->base.begun || strcmp(container->id, restore->config.id) == 0);
    if (!is_ours) {
        report_gone(restore);
        return;
    }
    (void)snprintf(restore->log_path, sizeof(restore->log_path), "%.4000s/restore.log", container->static_dir);
    if (uv_queue_work(restore->base.host->loop, &restore->work, keep_log, log_kept) != 0)
        log_kept(&restore->work, 0);
}

static void tasks_cleaned(struct fy_restore *base)
{
    struct podman_restore *restore = restore_of(base);
    if (!restore->called || fy_podman_inspect(base->host, base->spec->workload.id, left_over, restore, NULL) < 0)
        report_gone(restore);
}

static void state_known(const struct fy_podman_container *container, const struct fy_error *err, void *data)
{
    struct podman_restore *restore = data;
    struct fy_restore *base = &restore->base;
    (void)err;
    bool told_so = base->resumed || restore->success;
    bool runs = container ? container->exists && strcmp(container->status, "running") == 0
                          : base->tasks.count > 0 && fy_process_runs(&base->tasks.processes[0]);
    if (told_so && runs)
        fy_restore_ended(base, FY_WORKLOAD_RUNNING, container && container->pid > 0 ? container->pid : base->root_pid,
                         NULL);
    else
        fy_restore_clean(base, tasks_cleaned);
}

static void settle(struct fy_restore *base)
{
    struct podman_restore *restore = restore_of(base);
    (void)unlink(restore->archive);
    if (!fy_restore_run_given(base))
        fy_restore_clean(base, tasks_cleaned);
    else if (fy_podman_inspect(base->host, base->spec->workload.id, state_known, restore, NULL) < 0)
        state_known(NULL, NULL, restore);
}

static void call_stage(const char *stage, pid_t init_pid, void *data)
{
    fy_restore_stage(data, stage, init_pid);
}

static void call_ended(bool success, const char *words, void *data)
{
    struct fy_restore *base = data;
    struct podman_restore *restore = restore_of(base);
    restore->call = NULL;
    restore->success = success;
    (void)snprintf(restore->words, sizeof(restore->words), "%s", words);
    fy_restore_criu_ended(base);
}

/* CRIU's log is podman's, which says by itself whether the container runs. */
static void take_up(struct fy_restore *base)
{
    struct podman_restore *restore = restore_of(base);
    restore->called = base->begun;
    base->resumed = fy_restore_run_given(base);
    (void)snprintf(restore->archive, sizeof(restore->archive), "%.4000s/podman-restore.tar", base->work_dir);
}

/* ---- start ---- */

static int start_podman(struct podman_restore *restore, struct fy_error *err)
{
    static const struct fy_runc_call_events events = {.stage = call_stage, .ended = call_ended};
    struct fy_restore *base = &restore->base;
    const struct fy_migration_spec *spec = base->spec;
    const char *argv[12] = {base->host->settings->podman, "container", "restore", "--import", restore->archive};
    size_t count = 5;
    if (spec->tcp == FY_TCP_ESTABLISHED)
        argv[count++] = "--tcp-established";
    if (spec->file_locks)
        argv[count++] = "--file-locks";
    if (strcmp(restore->config.name, spec->workload.id) != 0) {
        argv[count++] = "--name";
        argv[count++] = spec->workload.id;
    }
    const struct fy_runc_call_options options = {
        .host = base->host,
        .spec = spec,
        .id = spec->workload.id,
        .job_id = base->job_id,
        .work_dir = base->work_dir,
        .verb = "restore",
        .podman = argv,
    };
    return fy_runc_call_start(&options, &events, base, &restore->call, err);
}

static void answered(struct podman_restore *restore)
{
    struct fy_restore *base = &restore->base;
    if (--restore->questions > 0)
        return;
    if (base->decided)
        fy_error_set(&base->err, FY_E_CANCELLED, "given up before the restore began");
    if (!fy_error_is_set(&base->err) && (restore->called = start_podman(restore, &base->err) == 0))
        return;
    fy_restore_criu_ended(base);
}

/* podman itself would say so too late: what it then leaves has the name of somebody's container. */
static void name_looked_up(const struct fy_podman_container *container, const struct fy_error *err, void *data)
{
    struct podman_restore *restore = data;
    struct fy_restore *base = &restore->base;
    if (!container) {
        fy_error_propagate(&base->err, err);
    } else if (container->exists) {
        fy_error_set(&base->err, FY_E_RESTORE, "podman has a container %s on this host already",
                     base->spec->workload.id);
        fy_error_next(&base->err, "remove it (podman rm), or restore under another name");
    }
    answered(restore);
}

/* podman itself would pull it, from wherever an image of that name is. */
static void image_looked_up(bool exists, const struct fy_error *err, void *data)
{
    struct podman_restore *restore = data;
    struct fy_restore *base = &restore->base;
    fy_error_propagate(&base->err, err);
    if (!exists && !err) {
        fy_error_set(&base->err, FY_E_RESTORE, "the image of container %s, %.200s (%.12s), is not on this host",
                     base->spec->workload.id, restore->config.image[0] ? restore->config.image : "without a name",
                     restore->config.image_id);
        fy_error_next(&base->err, "bring the same one here (podman save, podman load)");
    }
    answered(restore);
}

/* Both at once: each takes podman as long as a short freeze. */
static void ask(struct podman_restore *restore)
{
    struct fy_restore *base = &restore->base;
    restore->questions = 1;
    if (fy_podman_inspect(base->host, base->spec->workload.id, name_looked_up, restore, &base->err) == 0)
        restore->questions++;
    if (restore->config.image_id[0] &&
        fy_podman_image_exists(base->host, restore->config.image_id, image_looked_up, restore, &base->err) == 0)
        restore->questions++;
    answered(restore);
}

/* In the thread pool. */
static void make_archive(uv_work_t *work)
{
    struct podman_restore *restore = fy_container_of(work, struct podman_restore, work);
    const char *images_dir = restore->base.images_dir;
    FY_AUTO_CLOSE int images_fd = open(images_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (images_fd < 0) {
        fy_error_errno(&restore->work_err, errno, "cannot open %s", images_dir);
        return;
    }
    if (fy_podman_config_read(images_fd, &restore->config, &restore->work_err) < 0)
        return;
    FY_AUTO_CLOSE int out_fd = open(restore->archive, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out_fd < 0)
        fy_error_errno(&restore->work_err, errno, "cannot make %s", restore->archive);
    else
        (void)fy_archive_write_podman(images_fd, images_dir, FY_ARCHIVE_NONE, out_fd, &restore->work_err);
}

static void archive_made(uv_work_t *work, int status)
{
    struct podman_restore *restore = fy_container_of(work, struct podman_restore, work);
    struct fy_restore *base = &restore->base;
    (void)status;
    fy_error_propagate(&base->err, &restore->work_err);
    if (fy_error_is_set(&base->err))
        fy_restore_criu_ended(base);
    else
        ask(restore);
}

static int start(struct fy_restore *base, struct fy_error *err)
{
    struct podman_restore *restore = restore_of(base);
    int size = snprintf(restore->archive, sizeof(restore->archive), "%s/podman-restore.tar", base->work_dir);
    if (size < 0 || (size_t)size >= sizeof(restore->archive))
        return fy_error_set(err, FY_E_LIMIT, "the path %.200s… is too long", base->work_dir);
    int status = uv_queue_work(base->host->loop, &restore->work, make_archive, archive_made);
    return status == 0 ? 0 : fy_error_set(err, FY_E_NOMEM, "the thread pool takes no work");
}

const struct fy_restore_driver fy_podman_restore_driver = {
    .size = sizeof(struct podman_restore),
    .start = start,
    .answer = answer,
    .program = program,
    .take_up = take_up,
    .tidies_up = true,
    .settle = settle,
};
