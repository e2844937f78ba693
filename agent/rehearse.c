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
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PATH_SIZE 4096
#define MAX_ARGUMENTS 32
#define PODMAN_ROOT SCRATCH_INSIDE "/root"
#define LOG_LIMIT_BYTES ((size_t)16 << 20)

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

/* Its images are those of the host, all else of it is of this rehearsal alone. */
static void add_podman(struct arguments *arguments, const struct fy_rehearsal *rehearsal, const char *image_store)
{
    add(arguments, rehearsal->podman, "--root");
    add(arguments, PODMAN_ROOT, "--runroot");
    add(arguments, SCRATCH_INSIDE "/run", "--tmpdir");
    add(arguments, SCRATCH_INSIDE "/tmp", "--storage-driver");
    add(arguments, rehearsal->store_driver, "--storage-opt");
    add(arguments, image_store, "--cgroup-manager");
    add(arguments, "cgroupfs", "--events-backend");
    add(arguments, "none", "--volumepath");
    add(arguments, rehearsal->volumes, "container");
    add(arguments, "restore", "--import");
    add(arguments, rehearsal->archive, "--name");
    add(arguments, "ferry-rehearsal", rehearsal->file_locks ? "--file-locks" : NULL);
}

static void add_runc(struct arguments *arguments, const struct fy_rehearsal *rehearsal)
{
    add(arguments, rehearsal->runc, "--root");
    add(arguments, SCRATCH_INSIDE, "restore");
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

/* One named by its path is made the first `criu` in PATH: runtimes look for it there. */
static int choose_criu(const struct fy_rehearsal *rehearsal, struct fy_error *err)
{
    static const char link[] = SCRATCH_INSIDE "/bin/criu";
    FY_AUTO_FREE char *path = NULL;
    const char *old = getenv("PATH");
    if (!strchr(rehearsal->criu, '/'))
        return 0;
    if (asprintf(&path, SCRATCH_INSIDE "/bin:%s", old ? old : "/usr/sbin:/usr/bin:/sbin:/bin") < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a rehearsal");
    if (fy_fs_make_directories(SCRATCH_INSIDE "/bin", 0700, err) < 0)
        return -1;
    if (symlink(rehearsal->criu, link) < 0)
        return fy_error_errno(err, errno, "making %s", link);
    (void)setenv("PATH", path, 1);
    return 0;
}

/* CRIU under a runtime reads this file in its HOME. */
static int configure_criu(const struct fy_rehearsal *rehearsal, const char *script, struct fy_error *err)
{
    FY_AUTO_FREE char *text = NULL;
    int size = asprintf(&text, "action-script %s\nnetwork-lock nftables\ntcp-close\n%s%s%s", script,
                        rehearsal->link_remap ? "link-remap\n" : "",
                        rehearsal->podman && rehearsal->shell_job ? "shell-job\n" : "",
                        rehearsal->podman && rehearsal->ext_unix_sockets ? "ext-unix-sk\n" : "");
    if (size < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a rehearsal");
    (void)setenv("HOME", SCRATCH_INSIDE "/home", 1);
    if (fy_fs_make_directories(SCRATCH_INSIDE "/home/.criu", 0700, err) < 0 ||
        fy_fs_write_file(SCRATCH_INSIDE "/home/.criu/default.conf", text, (size_t)size, 0600, err) < 0)
        return -1;
    return choose_criu(rehearsal, err);
}

static pid_t start_engine(const struct arguments *arguments, const char *log_dir)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/" FY_REHEARSAL_OUTPUT, log_dir);
    int null = open("/dev/null", O_RDONLY), out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)setsid();
    if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    (void)close_range(3, ~0U, 0);
    (void)execvp(arguments->list[0], (char *const *)(uintptr_t)arguments->list);
    _exit(127);
}

/* ---- the first process ---- */

static int prepare(const struct fy_rehearsal *rehearsal, const char *script, struct fy_error *err)
{
    char cgroup[PATH_SIZE];
    if (!rehearsal->runc && !rehearsal->podman)
        return 0;
    (void)snprintf(cgroup, sizeof cgroup, "/" FY_REHEARSAL_CGROUP "%s", strrchr(rehearsal->log_dir, '/') + 1);
    if (configure_criu(rehearsal, script, err) < 0)
        return -1;
    if (rehearsal->podman)
        return 0;
    if (fy_fs_make_directories(rehearsal->bundle, 0755, err) < 0)
        return -1;
    return rehearse_bundle(rehearsal->config, rehearsal->bundle, cgroup, err);
}

/* CRIU's log lies in podman's store, and goes with it. */
static void keep_podman_log(const char *log_dir)
{
    char path[PATH_SIZE];
    FY_AUTO_FREE char *text = NULL;
    size_t size = 0;
    glob_t found = {0};
    (void)snprintf(path, sizeof path, "%s/restore.log", log_dir);
    if (glob(PODMAN_ROOT "/*-containers/*/userdata/restore.log", 0, NULL, &found) == 0 &&
        fy_fs_read_file(found.gl_pathv[0], LOG_LIMIT_BYTES, &text, &size, NULL) == 0)
        (void)fy_fs_write_file(path, text, size, 0600, NULL);
    globfree(&found);
}

static int restore(const struct fy_rehearsal *rehearsal, struct fy_error *err)
{
    char script[PATH_SIZE], image_store[PATH_SIZE + 64];
    struct arguments arguments = {.count = 0};
    (void)snprintf(image_store, sizeof image_store, "%s.imagestore=%s", rehearsal->store_driver, rehearsal->store_root);
    if (write_script(rehearsal, script, err) < 0 || prepare(rehearsal, script, err) < 0)
        return -1;
    if (rehearsal->podman)
        add_podman(&arguments, rehearsal, image_store);
    else if (rehearsal->runc)
        add_runc(&arguments, rehearsal);
    else
        add_criu(&arguments, rehearsal, script);
    pid_t engine = start_engine(&arguments, rehearsal->log_dir), ended;
    if (engine < 0)
        return fy_error_errno(err, errno, "starting %s", arguments.list[0]);
    do
        ended = wait(NULL);
    while (ended != engine && (ended > 0 || errno == EINTR));
    if (rehearsal->podman)
        keep_podman_log(rehearsal->log_dir);
    return 0;
}

/* Never returns. Errors go to standard error: the process that waits hands them on. */
static void first_process(const struct fy_rehearsal *rehearsal)
{
    struct fy_error err = FY_ERROR_INIT;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (scratch_mounts(rehearsal, &err) == 0 && (!rehearsal->podman || scratch_empty(rehearsal->volumes, &err) == 0) &&
        scratch_network(&err) == 0)
        (void)restore(rehearsal, &err);
    if (fy_error_is_set(&err))
        (void)fprintf(stderr, "%s\n", err.message);
    _exit(fy_error_is_set(&err) ? 1 : 0);
}

/* Only the child is in the new namespaces: a process that has unshared that for processes can start none any more, once
 * the first one in it has ended. */
static pid_t fork_into_namespaces(void)
{
    return (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
                          NULL, NULL, NULL, NULL);
}

int fy_rehearsal_run(const struct fy_rehearsal *rehearsal, struct fy_error *err)
{
    int status;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    pid_t first = fork_into_namespaces();
    if (first == 0)
        first_process(rehearsal);
    if (first < 0)
        return fy_error_errno(err, errno, "starting a process in scratch namespaces");
    while (waitpid(first, &status, 0) < 0) {
        if (errno != EINTR)
            return fy_error_errno(err, errno, "waiting for the rehearsal");
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fy_error_set(err, FY_E_CHILD, "the scratch namespaces could not be made");
    return fy_rehearsal_judge(rehearsal->log_dir, rehearsal->probe, err);
}
