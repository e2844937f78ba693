/* runc starts CRIU with its own environment. So HOME and PATH of this one call are ours: CRIU finds a configuration
 * that names our script, and is the one of our settings. When runc dies, its CRIU lives on: it gets a veto, and the
 * call has ended only when it has too.
 *
 * podman hands HOME on as well when it restores: to conmon, which leaves podman's tree and runs runc. */
#include "runc_call.h"

#include "dump.h"

#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_ARGUMENTS 32
#define LOG_LIMIT_BYTES ((size_t)256 * 1024)
#define HELPERS_WAIT_MS 10000

struct fy_runc_call {
    const struct fy_host *host;
    struct fy_hold *hold;
    struct fy_child *child; /* NULL once it has ended */
    char home[4096];
    char log_path[4096];
    bool is_podman;
    bool restores;
    pid_t conmon; /* 0: none is known */
    const struct fy_runc_call_events *events;
    void *data;
    bool success;
    uv_work_t work;
    struct fy_process_tree helpers; /* runc, CRIU, the script */
};

/* ---- the end ---- */

/* The last `msg="…"` of an error in runc's log, or what podman says. */
static void last_words(const struct fy_runc_call *call, char *words, size_t words_size)
{
    const char *mark = call->is_podman ? "Error: " : "level=error msg=";
    FY_AUTO_FREE char *text = NULL;
    words[0] = '\0';
    if (fy_fs_read_file(call->log_path, LOG_LIMIT_BYTES, &text, NULL, NULL) < 0)
        return;
    const char *found = NULL;
    for (const char *next = strstr(text, mark); next; next = strstr(next, mark))
        found = next += strlen(mark);
    if (found)
        (void)snprintf(words, words_size, "%.*s", (int)strcspn(found, "\n"), found);
}

static void call_ended(struct fy_runc_call *call)
{
    char words[512];
    last_words(call, words, sizeof(words));
    (void)fy_fs_remove_tree(call->home, NULL);
    call->events->ended(call->success, words, call->data);
    fy_process_tree_done(&call->helpers);
    free(call);
}

static void wait_for_helpers(const struct fy_runc_call *call)
{
    const struct timespec pause = {.tv_nsec = 1000 * 1000};
    for (int i = 0; i < HELPERS_WAIT_MS && fy_process_tree_runs(&call->helpers); i++)
        (void)nanosleep(&pause, NULL);
}

/* In the thread pool. What is ended by force is waited for too: it still stands in the container's control groups. */
static void await_helpers(uv_work_t *work)
{
    struct fy_runc_call *call = fy_container_of(work, struct fy_runc_call, work);
    wait_for_helpers(call);
    fy_process_tree_kill(&call->helpers);
    wait_for_helpers(call);
}

static void helpers_ended(uv_work_t *work, int status)
{
    (void)status;
    call_ended(fy_container_of(work, struct fy_runc_call, work));
}

static void program_ended(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct fy_runc_call *call = data;
    (void)child;
    call->child = NULL;
    call->success = result->exit_status == 0 && result->signal == 0;
    fy_hold_close(call->hold);
    call->hold = NULL;
    if (!fy_process_tree_runs(&call->helpers) ||
        uv_queue_work(call->host->loop, &call->work, await_helpers, helpers_ended) != 0)
        call_ended(call);
}

/* ---- while it runs ---- */

/* When the tasks are about to run, all that works is known. */
static bool is_late(const char *stage)
{
    return strcmp(stage, "network-unlock") == 0 || strcmp(stage, "pre-resume") == 0 ||
           strcmp(stage, "post-resume") == 0;
}

/* Only the processes that do the work: at a restore the workload too is below runc. */
static void note_helpers(struct fy_runc_call *call, pid_t init_pid)
{
    struct fy_process_tree tree = {0};
    if (fy_process_tree_collect(fy_runc_call_pid(call), FY_DUMP_PROCESS_LIMIT, &tree, NULL) < 0)
        return;
    struct fy_process_tree workload = {0};
    if (init_pid > 0)
        (void)fy_process_tree_collect(init_pid, FY_DUMP_PROCESS_LIMIT, &workload, NULL);
    size_t kept = 0;
    for (size_t i = 0; i < tree.count; i++) {
        /* conmon stays with the container that it has started. */
        bool is_workload = call->conmon > 0 && tree.processes[i].pid == call->conmon;
        for (size_t j = 0; j < workload.count && !is_workload; j++)
            is_workload = workload.processes[j].pid == tree.processes[i].pid;
        if (!is_workload)
            tree.processes[kept++] = tree.processes[i];
    }
    tree.count = kept;
    fy_process_tree_done(&workload);
    fy_process_tree_done(&call->helpers);
    call->helpers = tree;
}

static pid_t find_conmon(const struct fy_runc_call *call)
{
    char home[sizeof(call->home) + 8];
    (void)snprintf(home, sizeof(home), "HOME=%s", call->home);
    return fy_process_find("conmon", home);
}

static void stage_reached(struct fy_hold *hold, const char *stage, pid_t init_pid, void *data)
{
    struct fy_runc_call *call = data;
    (void)hold;
    if (!call->child)
        return; /* the hold is about to be closed, which vetoes */
    if (call->is_podman && call->conmon == 0)
        call->conmon = find_conmon(call);
    if (!is_late(stage))
        note_helpers(call, call->restores ? init_pid : 0);
    call->events->stage(stage, init_pid, call->data);
}

void fy_runc_call_answer(struct fy_runc_call *call, bool go_on)
{
    if (call->hold)
        fy_hold_answer(call->hold, go_on ? 0 : 1);
}

void fy_runc_call_terminate(struct fy_runc_call *call)
{
    if (call->child)
        fy_child_terminate(call->child);
}

pid_t fy_runc_call_pid(const struct fy_runc_call *call)
{
    if (!call->child)
        return 0;
    return call->conmon > 0 ? call->conmon : fy_child_pid(call->child);
}

/* ---- start ---- */

/* What runc has no flag for, and what podman does not hand on. */
static int open_hold(struct fy_runc_call *call, const struct fy_runc_call_options *options, struct fy_error *err)
{
    char lines[256];
    const struct fy_migration_spec *spec = options->spec;
    (void)snprintf(lines, sizeof(lines), "timeout %llu\nnetwork-lock nftables\n%s%s%s%s",
                   (unsigned long long)(options->host->settings->timeouts.freeze_ms + 999) / 1000,
                   spec->tcp == FY_TCP_CLOSE ? "tcp-close\n" : "", spec->link_remap ? "link-remap\n" : "",
                   call->is_podman && spec->shell_job ? "shell-job\n" : "",
                   call->is_podman && spec->ext_unix_sockets ? "ext-unix-sk\n" : "");
    return fy_hold_open(options->host->holds, options->job_id, call->home, lines, stage_reached, call, &call->hold,
                        err);
}

/* A CRIU named by its path is made the first `criu` in PATH. */
static int choose_criu(struct fy_runc_call *call, char *path, size_t path_size, struct fy_error *err)
{
    char link[4096 + 32];
    const char *criu = call->host->settings->criu;
    const char *old = getenv("PATH");
    (void)snprintf(path, path_size, "PATH=%s",
                   old ? old : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    if (!strchr(criu, '/'))
        return 0;
    (void)snprintf(link, sizeof(link), "%s/bin", call->home);
    if (fy_fs_make_directories(link, 0700, err) < 0)
        return -1;
    (void)snprintf(link, sizeof(link), "%s/bin/criu", call->home);
    (void)unlink(link);
    if (symlink(criu, link) < 0)
        return fy_error_errno(err, errno, "cannot make %s", link);
    (void)snprintf(path, path_size, "PATH=%s/bin:%s", call->home,
                   old ? old : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    return 0;
}

static size_t add_spec_flags(const struct fy_migration_spec *spec, const char **argv, size_t count)
{
    if (spec->tcp == FY_TCP_ESTABLISHED)
        argv[count++] = "--tcp-established";
    if (spec->file_locks)
        argv[count++] = "--file-locks";
    if (spec->shell_job)
        argv[count++] = "--shell-job";
    if (spec->ext_unix_sockets)
        argv[count++] = "--ext-unix-sk";
    return count;
}

static int list_runc_arguments(const struct fy_runc_call *call, const struct fy_runc_call_options *options,
                               const char *argv[MAX_ARGUMENTS], struct fy_error *err)
{
    const struct fy_settings *settings = options->host->settings;
    size_t count = 0;
    argv[count++] = settings->runc;
    argv[count++] = "--root";
    argv[count++] = settings->runc_root;
    argv[count++] = "--log";
    argv[count++] = call->log_path;
    argv[count++] = options->verb;
    count = add_spec_flags(options->spec, argv, count);
    for (size_t i = 0; options->arguments[i]; i++) {
        if (count == MAX_ARGUMENTS - 2)
            return fy_error_set(err, FY_E_INTERNAL, "too many arguments for runc");
        argv[count++] = options->arguments[i];
    }
    argv[count++] = options->id;
    argv[count] = NULL;
    return 0;
}

static int start_program(struct fy_runc_call *call, const struct fy_runc_call_options *options, struct fy_error *err)
{
    char home[sizeof(call->home) + 8];
    char path[16384];
    const char *argv[MAX_ARGUMENTS];
    if (!call->is_podman && list_runc_arguments(call, options, argv, err) < 0)
        return -1;
    if (choose_criu(call, path, sizeof(path), err) < 0)
        return -1;
    (void)snprintf(home, sizeof(home), "HOME=%s", call->home);
    const char *const environment[] = {home, path, NULL};
    /* Not a pipe: a restored container may get runc's own streams, and keeps them. What runc says is in its log. */
    struct fy_child_options child = {
        .argv = call->is_podman ? options->podman : argv,
        .environment = environment,
        .output_file = call->is_podman ? call->log_path : "/dev/null",
        .inherit_fd = -1,
    };
    return fy_child_start(options->host->loop, &child, program_ended, call, &call->child, err);
}

int fy_runc_call_start(const struct fy_runc_call_options *options, const struct fy_runc_call_events *events, void *data,
                       struct fy_runc_call **call_out, struct fy_error *err)
{
    struct fy_runc_call *call = calloc(1, sizeof(*call));
    if (!call)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for a call of runc");
    call->host = options->host;
    call->events = events;
    call->data = data;
    call->is_podman = options->podman != NULL;
    call->restores = strcmp(options->verb, "restore") == 0;
    int size = snprintf(call->home, sizeof(call->home), "%s/home-%s", options->work_dir, options->verb);
    int log_size = snprintf(call->log_path, sizeof(call->log_path), "%s/%s-%s.log", options->work_dir,
                            call->is_podman ? "podman" : "runc", options->verb);
    int status = 0;
    if (size >= (int)sizeof(call->home) || log_size >= (int)sizeof(call->log_path))
        status = fy_error_set(err, FY_E_LIMIT, "the path %.200s… is too long", options->work_dir);
    if (status == 0)
        status = open_hold(call, options, err);
    if (status == 0)
        status = start_program(call, options, err);
    if (status < 0) {
        fy_hold_close(call->hold);
        free(call);
        return -1;
    }
    *call_out = call;
    return 0;
}
