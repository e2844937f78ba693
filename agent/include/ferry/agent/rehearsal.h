/* Restoring a checkpoint where nothing of it can be seen or harmed: the inside of `ferry rehearse`, which ferryd starts
 * as a program of its own.
 *
 * It makes namespaces of its own for processes, mounts, network, IPC and host name. Every file system is covered by an
 * overlay whose changes lie in memory; there is no network but a loopback device. CRIU (or runc, or podman) restores
 * there, and is vetoed before the tasks may run; a probe may look at them first. Whatever happens, the end of the first
 * process in these namespaces ends all that is in them. */
#ifndef FERRY_AGENT_REHEARSAL_H
#define FERRY_AGENT_REHEARSAL_H

#include <ferry/base/error.h>
#include <stdbool.h>

struct fy_rehearsal {
    const char *images_dir;  /* an image set, whole and verified */
    const char *log_dir;     /* CRIU's log, the probe's output, the verdict; on a file system that may execute */
    const char *scratch_dir; /* empty, in memory */
    const char *criu;
    const char *runc, *bundle, *config, *id; /* a container: its bundle, its configuration as it was; NULL: processes */
    /* Its root, if that is an overlay: where it is mounted, the layers below, options beside, and a tar of what the
     * container changed. NULL: what is there now. */
    const char *overlay, *lower, *overlay_options, *root_tar;
    const char *podman;                    /* a container of podman's; NULL: none */
    const char *archive;                   /* what podman restores from */
    const char *store_root, *store_driver; /* where podman keeps its images, and how */
    const char *volumes;                   /* where podman keeps its volumes */
    bool file_locks, shell_job, ext_unix_sockets, link_remap;
    const char *probe; /* executable; NULL: none */
};

/* Blocks until all is over. 0: restored, and the probe (if any) was content. FY_E_RESTORE: it was not restored; what
 * CRIU says is in log_dir/restore.log. FY_E_HOOK: the probe was not content. Anything else: this host could not
 * rehearse, which says nothing about the checkpoint. */
int fy_rehearsal_run(const struct fy_rehearsal *rehearsal, struct fy_error *err);

/* Containers are put into a control group of this name and the job's id (the last part of log_dir). */
#define FY_REHEARSAL_CGROUP "ferry-rehearsal-"

/* In log_dir: what came of it, for whoever reads the logs and for ferryd. */
#define FY_REHEARSAL_VERDICT "rehearsal.verdict" /* "0": restored, and the probe was content; else its exit status */
#define FY_REHEARSAL_PROBE_LOG "probe.log"
#define FY_REHEARSAL_OUTPUT "rehearse.out" /* what CRIU or runc print */

/* What the verdict in `log_dir` says: 0, FY_E_RESTORE when there is none, FY_E_HOOK with how `probe` ended. */
int fy_rehearsal_judge(const char *log_dir, const char *probe, struct fy_error *err);

#endif
