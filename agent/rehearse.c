/* The processes of a rehearsal:
 *
 *     ferry rehearse      makes the namespaces, waits
 *       first process     mounts, network; reaps; its end ends all
 *         criu or runc    restores, asks the script, is vetoed
 */
#include <ferry/agent/rehearsal.h>

#include "rehearse_bundle.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PATH_SIZE 4096
#define MAX_ARGUMENTS 32

/* ---- the veto ---- */

/* The probe finds the restored root's pid in its environment. The verdict tells a veto of ours from a failure of
 * CRIU's. */
static int write_script(const struct fy_rehearsal *rehearsal, char path[PATH_SIZE], struct fy_error *err)
{
    FY_AUTO_FREE char *text = NULL;
    (void)snprintf(path, PATH_SIZE, "%s/rehearse.sh", rehearsal->log_dir);
    int size = asprintf(
        &text,
        "#!/bin/sh\n"
        "[ \"$CRTOOLS_SCRIPT_ACTION\" = post-restore ] || exit 0\n"
        "status=0\n"
        "%s%s%s%s%s"
        "echo $status >%s/" FY_REHEARSAL_VERDICT "\n"
        "exit 1\n",
        rehearsal->probe ? "FERRY_PID=$CRTOOLS_INIT_PID " : "", rehearsal->probe ? rehearsal->probe : "",
        rehearsal->probe ? " >" : "", rehearsal->probe ? rehearsal->log_dir : "",
        rehearsal->probe ? "/" FY_REHEARSAL_PROBE_LOG " 2>&1 </dev/null || status=$?\n" : "", rehearsal->log_dir);
    if (size < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the rehearsal's script");
    return fy_fs_write_file(path, text, (size_t)size, 0700, err);
}

/* ---- what restores ---- */

struct arguments {
    const char *list[MAX_ARGUMENTS];
    size_t count;
};

static void add(struct arguments *arguments, const char *one, const char *two)
{
    arguments->list[arguments->count++] = one;
    if (two)
        arguments->list[arguments->count++] = two;
}

static void add_criu(struct arguments *arguments, const struct fy_rehearsal *rehearsal, const char *script)
{
    add(arguments, rehearsal->criu, "restore");
    add(arguments, "--images-dir", rehearsal->images_dir);
    add(arguments, "--work-dir", rehearsal->log_dir);
    add(arguments, "--log-file", "restore.log");
    add(arguments, "-v4", NULL);
    add(arguments, "--action-script", script);
    add(arguments, "--manage-cgroups=ignore", "--tcp-close");
    add(arguments, "--network-lock", "nftables");
    if (rehearsal->file_locks)
        add(arguments, "--file-locks", NULL);
    if (rehearsal->shell_job)
        add(arguments, "--shell-job", NULL);
    if (rehearsal->ext_unix_sockets)
        add(arguments, "--ext-unix-sk", NULL);
    if (rehearsal->link_remap)
        add(arguments, "--link-remap", NULL);
}

static void add_runc(struct arguments *arguments, const struct fy_rehearsal *rehearsal)
{
    add(arguments, rehearsal->runc, "--root");
    add(arguments, rehearsal->scratch_dir, "restore");
    add(arguments, "--bundle", rehearsal->bundle);
    add(arguments, "--image-path", rehearsal->images_dir);
    add(arguments, "--work-path", rehearsal->log_dir);
    if (rehearsal->file_locks)
        add(arguments, "--file-locks", NULL);
    if (rehearsal->shell_job)
        add(arguments, "--shell-job", NULL);
    if (rehearsal->ext_unix_sockets)
        add(arguments, "--ext-unix-sk", NULL);
    add(arguments, "--detach", rehearsal->id);
}

/* CRIU under runc reads this file in its HOME. */
static int prepare_runc(const struct fy_rehearsal *rehearsal, const char *script, struct fy_error *err)
{
    FY_AUTO_FREE char *directory = NULL;
    FY_AUTO_FREE char *path = NULL;
    FY_AUTO_FREE char *text = NULL;
    FY_AUTO_FREE char *cgroup = NULL;
    int size = asprintf(&text, "action-script %s\nnetwork-lock nftables\ntcp-close\n%s", script,
                        rehearsal->link_remap ? "link-remap\n" : "");
    if (size < 0 || asprintf(&directory, "%s/home/.criu", rehearsal->scratch_dir) < 0 ||
        asprintf(&path, "%s/default.conf", directory) < 0 ||
        asprintf(&cgroup, "/ferry-rehearsal-%s", strrchr(rehearsal->log_dir, '/') + 1) < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a rehearsal");
    *strrchr(directory, '/') = '\0';
    (void)setenv("HOME", directory, 1);
    directory[strlen(directory)] = '/';
    if (fy_fs_make_directories(directory, 0700, err) < 0 || fy_fs_write_file(path, text, (size_t)size, 0600, err) < 0 ||
        fy_fs_make_directories(rehearsal->bundle, 0755, err) < 0)
        return -1;
    return rehearse_bundle(rehearsal->config, rehearsal->bundle, cgroup, err);
}

static pid_t start_engine(const struct arguments *arguments, const char *log_dir)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/rehearse.out", log_dir);
    int null = open("/dev/null", O_RDONLY), out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)setsid();
    if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    (void)close_range(3, ~0U, 0);
    (void)execvp(arguments->list[0], (char *const *)(uintptr_t)arguments->list);
    _exit(127);
}

/* ---- the first process ---- */

static int restore(const struct fy_rehearsal *rehearsal, struct fy_error *err)
{
    char script[PATH_SIZE];
    struct arguments arguments = {.count = 0};
    if (write_script(rehearsal, script, err) < 0 || (rehearsal->runc && prepare_runc(rehearsal, script, err) < 0))
        return -1;
    if (rehearsal->runc)
        add_runc(&arguments, rehearsal);
    else
        add_criu(&arguments, rehearsal, script);
    pid_t engine = start_engine(&arguments, rehearsal->log_dir), ended;
    if (engine < 0)
        return fy_error_errno(err, errno, "starting %s", arguments.list[0]);
    do
        ended = wait(NULL);
    while (ended != engine && (ended > 0 || errno == EINTR));
    return 0;
}

/* Only 0 is well: restored, and whoever looked was content. */
static int read_verdict(const struct fy_rehearsal *rehearsal, struct fy_error *err)
{
    FY_AUTO_FREE char *verdict = NULL;
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/" FY_REHEARSAL_VERDICT, rehearsal->log_dir);
    if (fy_fs_read_file(path, 64, &verdict, NULL, NULL) < 0)
        return fy_error_set(err, FY_E_RESTORE, "it was not restored");
    return strcmp(verdict, "0\n") == 0 ? 0 : fy_error_set(err, FY_E_HOOK, "the probe ended with %.8s", verdict);
}

/* Never returns. Errors go to standard error: the process that waits hands them on. */
static void first_process(const struct fy_rehearsal *rehearsal)
{
    struct fy_error err = FY_ERROR_INIT;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (scratch_mounts(rehearsal, &err) == 0 && scratch_network(&err) == 0)
        (void)restore(rehearsal, &err);
    if (fy_error_is_set(&err))
        (void)fprintf(stderr, "%s\n", err.message);
    _exit(fy_error_is_set(&err) ? 1 : 0);
}

int fy_rehearsal_run(const struct fy_rehearsal *rehearsal, struct fy_error *err)
{
    int status;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
        return fy_error_errno(err, errno, "making scratch namespaces");
    pid_t first = fork();
    if (first == 0)
        first_process(rehearsal);
    if (first < 0)
        return fy_error_errno(err, errno, "starting a process in scratch namespaces");
    while (waitpid(first, &status, 0) < 0) {
        if (errno != EINTR)
            return fy_error_errno(err, errno, "waiting for the rehearsal");
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fy_error_set(err, FY_E_RESTORE, "the scratch namespaces could not be made");
    return read_verdict(rehearsal, err);
}
