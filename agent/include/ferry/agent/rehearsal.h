/* Restoring a checkpoint where nothing of it can be seen or harmed: the inside of `ferry rehearse`, which ferryd starts
 * as a program of its own.
 *
 * It makes namespaces of its own for processes, mounts, network, IPC and host name. Every file system is covered by an
 * overlay whose changes lie in memory; there is no network but a loopback device. CRIU (or runc) restores there, and is
 * vetoed before the tasks may run; a probe may look at them first. Whatever happens, the end of the first process in
 * these namespaces ends all that is in them. */
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
    bool file_locks, shell_job, ext_unix_sockets, link_remap;
    const char *probe; /* executable; NULL: none */
};

/* Blocks until all is over. 0: restored, and the probe (if any) was content. FY_E_RESTORE otherwise; what CRIU says is
 * in log_dir/restore.log. */
int fy_rehearsal_run(const struct fy_rehearsal *rehearsal, struct fy_error *err);

/* In log_dir: what came of it, for whoever reads the logs and for ferryd. */
#define FY_REHEARSAL_VERDICT "rehearsal.verdict" /* "0": restored, and the probe was content; else its exit status */
#define FY_REHEARSAL_PROBE_LOG "probe.log"

#endif
