/* See stand_in.h for why. podman's archive is first written beside the image set, and becomes a file of it when it is
 * whole: without the images that podman found in its own directory, left there by an earlier checkpoint of somebody's.
 */
#include "podman_export.h"

#include <ferry/agent/child.h>
#include <ferry/agent/stand_in.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/archive.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define LOG_LIMIT_BYTES ((size_t)64 * 1024)

struct fy_podman_export {
    const struct fy_host *host;
    struct fy_hold *hold;   /* NULL once it was answered for good */
    struct fy_child *child; /* NULL once it has ended */
    char id[72];
    char directory[PATH_SIZE];
    char archive[PATH_SIZE]; /* as podman writes it */
    char images_dir[PATH_SIZE];
    char log_path[PATH_SIZE];
    bool waited;
    bool vetoed;
    const struct fy_podman_export_events *events;
    void *data;
    uv_work_t work;
    struct fy_error err;
};

/* ---- the end ---- */

static void finish(struct fy_podman_export *run)
{
    (void)unlink(run->archive);
    (void)fy_fs_remove_tree(run->directory, NULL);
    run->events->ended(fy_error_is_set(&run->err) ? &run->err : NULL, run->data);
    free(run);
}

/* In the thread pool. */
static void take_archive(uv_work_t *work)
{
    struct fy_podman_export *run = fy_container_of(work, struct fy_podman_export, work);
    struct fy_podman_config config;
    FY_AUTO_CLOSE int images_fd = open(run->images_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FY_AUTO_CLOSE int archive_fd = open(run->archive, O_RDONLY | O_CLOEXEC);
    if (images_fd < 0 || archive_fd < 0) {
        fy_error_errno(&run->err, errno, "cannot read what podman has written to %s", run->archive);
        return;
    }
    if (fy_archive_keep_rest(archive_fd, images_fd, &run->err) < 0 ||
        fy_podman_config_read(images_fd, &config, &run->err) < 0)
        return;
    if (strcmp(config.id, run->id) != 0)
        fy_error_set(&run->err, FY_E_DUMP, "podman has written the archive of another container, %s", config.id);
}

static void archive_taken(uv_work_t *work, int status)
{
    (void)status;
    finish(fy_container_of(work, struct fy_podman_export, work));
}

/* podman's own words are in its last line. */
static void explain(struct fy_podman_export *run)
{
    FY_AUTO_FREE char *text = NULL;
    (void)fy_fs_read_file(run->log_path, LOG_LIMIT_BYTES, &text, NULL, NULL);
    const char *words = text ? strstr(text, "Error: ") : NULL;
    int size = words ? (int)strcspn(words, "\n") : 0;
    if (run->vetoed)
        fy_error_set(&run->err, FY_E_CANCELLED, "podman's archive of container %s was given up", run->id);
    else if (!run->waited && size == 0)
        fy_error_set(&run->err, FY_E_DUMP, "podman has not asked for a dump of container %s", run->id);
    else
        fy_error_set(&run->err, FY_E_DUMP, "podman could not write its archive of container %s: %.*s", run->id, size,
                     words ? words : "");
    fy_error_next(&run->err, "%s has podman's words", run->log_path);
}

static void podman_ended(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct fy_podman_export *run = data;
    (void)child;
    run->child = NULL;
    fy_hold_close(fy_take(run->hold));
    if (result->exit_status != 0 || result->signal != 0 || !run->waited || run->vetoed)
        explain(run);
    else if (uv_queue_work(run->host->loop, &run->work, take_archive, archive_taken) == 0)
        return;
    else
        fy_error_set(&run->err, FY_E_NOMEM, "the thread pool takes no work");
    finish(run);
}

/* ---- while it runs ---- */

static void stage_reached(struct fy_hold *hold, const char *stage, pid_t init_pid, void *data)
{
    struct fy_podman_export *run = data;
    (void)init_pid;
    if (strcmp(stage, FY_STAND_IN_STAGE) != 0 || run->waited) {
        fy_hold_answer(hold, 1);
        return;
    }
    run->waited = true;
    run->events->waits(run->data);
}

void fy_podman_export_answer(struct fy_podman_export *run, bool go_on)
{
    if (!run->hold)
        return;
    run->vetoed = !go_on;
    if (go_on)
        fy_hold_answer(run->hold, 0);
    else
        fy_hold_close(fy_take(run->hold));
    if (!go_on && !run->waited && run->child)
        fy_child_terminate(run->child);
}

/* ---- start ---- */

static int find_criu(const char *criu, char *path, size_t path_size, struct fy_error *err)
{
    const char *search = getenv("PATH");
    if (strchr(criu, '/')) {
        (void)snprintf(path, path_size, "%s", criu);
        return 0;
    }
    for (const char *at = search ? search : ""; *at; at += strcspn(at, ":"), at += *at == ':') {
        int size = snprintf(path, path_size, "%.*s/%s", (int)strcspn(at, ":"), at, criu);
        if (size > 0 && (size_t)size < path_size && access(path, X_OK) == 0)
            return 0;
    }
    return fy_error_set(err, FY_E_NOT_FOUND, "the program %s was not found", criu);
}

/* The first `criu` in podman's PATH. All of these paths are of plain characters, or fy_hold_open() had refused them. */
static int write_stand_in(const struct fy_podman_export *run, struct fy_error *err)
{
    char criu[PATH_SIZE];
    char path[PATH_SIZE + 16];
    FY_AUTO_FREE char *text = NULL;
    if (find_criu(run->host->settings->criu, criu, sizeof(criu), err) < 0)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/bin", run->directory);
    if (fy_fs_make_directories(path, 0700, err) < 0)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/bin/criu", run->directory);
    int size = asprintf(&text, "#!/bin/sh\nexec %s stand-in -- %s/hold '%s' \"$@\"\n",
                        fy_hold_server_client(run->host->holds), run->directory, criu);
    if (size < 0)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for a script");
    return fy_fs_write_file(path, text, (size_t)size, 0700, err);
}

static int start_podman(struct fy_podman_export *run, struct fy_error *err)
{
    FY_AUTO_FREE char *path = NULL;
    const char *old = getenv("PATH");
    const char *const argv[] = {run->host->settings->podman,
                                "container",
                                "checkpoint",
                                "--leave-running",
                                "--export",
                                run->archive,
                                "--compress",
                                "none",
                                run->id,
                                NULL};
    if (asprintf(&path, "PATH=%s/bin:%s", run->directory, old ? old : "/usr/sbin:/usr/bin:/sbin:/bin") < 0)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for running podman");
    const char *const environment[] = {path, NULL};
    struct fy_child_options options = {
        .argv = argv, .environment = environment, .output_file = run->log_path, .inherit_fd = -1};
    return fy_child_start(run->host->loop, &options, podman_ended, run, &run->child, err);
}

static int name_paths(struct fy_podman_export *run, const struct fy_podman_export_options *options,
                      struct fy_error *err)
{
    (void)snprintf(run->id, sizeof(run->id), "%s", options->id);
    int sizes[] = {
        snprintf(run->directory, PATH_SIZE, "%s/podman-export", options->work_dir),
        snprintf(run->log_path, PATH_SIZE, "%s/podman-checkpoint.log", options->work_dir),
        snprintf(run->images_dir, PATH_SIZE, "%s", options->images_dir),
        snprintf(run->archive, PATH_SIZE, "%s.podman", options->images_dir),
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(sizes); i++)
        if (sizes[i] < 0 || sizes[i] >= PATH_SIZE)
            return fy_error_set(err, FY_E_LIMIT, "the path %.200s… is too long", options->images_dir);
    return 0;
}

int fy_podman_export_start(const struct fy_podman_export_options *options, const struct fy_podman_export_events *events,
                           void *data, struct fy_podman_export **run_out, struct fy_error *err)
{
    struct fy_podman_export *run = calloc(1, sizeof(*run));
    if (!run)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for a call of podman");
    run->host = options->host;
    run->events = events;
    run->data = data;
    int status = name_paths(run, options, err);
    if (status == 0)
        status =
            fy_hold_open(run->host->holds, options->job_id, run->directory, "", stage_reached, run, &run->hold, err);
    if (status == 0)
        status = write_stand_in(run, err);
    if (status == 0)
        status = start_podman(run, err);
    if (status < 0) {
        fy_hold_close(run->hold);
        free(run);
        return -1;
    }
    *run_out = run;
    return 0;
}
