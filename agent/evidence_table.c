/* Declarative tables; patterns are the constant parts of CRIU 4.2's messages. The first entry that matches counts. */
#include "evidence_table.h"

#include <ferry/base/cleanup.h>

#include <string.h>

static const char *const harmless[] = {
    "Can't setup RLIMIT_NOFILE for self",              /* no CAP_SYS_RESOURCE: CRIU goes on with the limit it has */
    "Iptables configuration failed",                   /* after a TCP restore without rules to remove */
    "Could not process rule: No such file",            /* removing a lock that was never made */
    "Unable to detach from",                           /* unwinding before anything was frozen */
    "Can't unfreeze tasks",                            /* unwinding */
    "Failed to open cgroup.freeze",                    /* the other cgroup version is tried next */
    "Couldn't find iptables version",                  /* the lock is made by nftables */
    "Dumping FAILED",                                  /* consequence */
    "Restoring FAILED",                                /* consequence */
    "Killing processes because of failure on restore", /* consequence */
    "One of more action scripts failed",               /* consequence of the line before */
    "exited, status=",                                 /* a child of CRIU; the line before or after says which */
};

static const struct fy_known_cause causes[] = {
    /* ---- dump: what the workload has ---- */
    {"Connected TCP socket, consider using",
     "the workload has established TCP connections, and they were to be refused",
     "migrate with --tcp established to keep them, or --tcp close to give them up"},
    {"In-flight connection", "a client was in the middle of connecting (its connection is not yet accepted)",
     "try again; or put `skip-in-flight` into /etc/criu/default.conf to let such clients connect anew"},
    {"GODEBUG=multipathtcp=0", "the workload uses a multipath TCP socket, which CRIU cannot dump",
     "start a Go program with GODEBUG=multipathtcp=0, others with plain TCP sockets"},
    {"Unsupported proto *for socket", "the workload has a socket of a protocol that CRIU cannot dump",
     "let the workload close it (a Go program: start it with GODEBUG=multipathtcp=0)"},
    {"is not a session leader. Consider using", "the process was started from a shell whose session it still shares",
     "migrate with --shell-job, or start the workload in a session of its own (setsid)"},
    {"Found dangling tty", "the workload uses a terminal that belongs to a process outside of it",
     "migrate with --shell-job, or start the workload with its streams away from the terminal"},
    {"Task attached to shell terminal", "the workload uses a terminal that belongs to a process outside of it",
     "migrate with --shell-job, or start the workload with its streams away from the terminal"},
    {"Found slave peer index",
     "the workload uses a terminal whose other end another program holds (tmux, screen, sshd)",
     "move that program with it (process/PID of the tmux or screen server), or start the workload with its streams "
     "away "
     "from the terminal"},
    {"External socket is used", "the workload has a UNIX socket whose other end is outside of it",
     "migrate with --ext-unix-sockets if it can live without that peer, or move both"},
    {"External socket found in image", "the image set holds a UNIX socket whose other end was outside of the workload",
     "migrate with --ext-unix-sockets if it can live without that peer"},
    {"Some file locks are hold", "the workload holds file locks",
     "migrate with --file-locks; the locked files must be the same at the destination"},
    {"Can't create link remap for", "the workload has a file open whose name was deleted while other links remain",
     "migrate with --link-remap, on a file system that both hosts share"},
    {"Can't dump ghost file *increase limit",
     "the workload has a deleted file open that is larger than CRIU carries along",
     "put a line like `ghost-limit 64M` into /etc/criu/default.conf on both hosts, or let the workload close the file"},
    {"Can't lookup mount=* for fd=",
     "the workload has a file open on a mount that it cannot see (often a descriptor inherited from whoever started "
     "it)",
     "start the workload with every descriptor above 2 closed and its streams on files it can see"},
    {"Open files on overmounted mounts", "the workload has a file open that a later mount hides",
     "unmount what hides it, or restart the workload after the mount"},
    {"Can't dump file * of that type *io_uring", "the workload uses io_uring, which CRIU cannot dump",
     "start the workload with io_uring turned off (for example UV_USE_IO_URING=0 with libuv)"},
    {"Can't dump file * of that type", "the workload has a kind of file open that CRIU cannot dump (named in the line)",
     "let the workload close it; devices cannot move between hosts"},
    {"Can't handle non-regular mapping", "the workload has memory of a device mapped",
     "a workload that uses a device directly cannot be moved"},
    {"fsnotify: *Can't find suitable path for handle",
     "the workload watches files by inotify on a file system that hides their names (overlayfs)",
     "let the workload stop watching, or put `force-irmap` into /etc/criu/default.conf"},
    {"fsnotify: *Can't dump that handle",
     "the workload watches files by inotify on a file system that hides their names (overlayfs)",
     "let the workload stop watching, or put `force-irmap` into /etc/criu/default.conf"},
    {"SysVIPC shmem map *doesn't live in IPC ns", "the process uses System V shared memory of the whole host",
     "run it in a container with an IPC namespace of its own"},
    {"session leader of *is outside of its pid namespace",
     "a task was put into the container from outside (exec) and still runs",
     "end what was started by exec in the container, then migrate"},
    {"Can't dump a pid namespace without the process init",
     "the process is inside of a container and is not its first process", "migrate the container itself (runc/ID)"},
    {"Can't dump nested", "the workload has namespaces within its namespaces, which CRIU cannot dump",
     "move the inner container by itself, or stop it first"},
    {"doesn't have a proper root mount",
     "the container's root is not the root of a mount, or mounts come from outside of it",
     "give the bundle a proper root file system without bind mounts from other places"},
    {"unreachable sharing", "a mount of the container shares its propagation with one outside of it",
     "make the container's mounts private or slave of none (rootfsPropagation: private)"},
    {"uprobes vma", "somebody traces the workload with uprobes", "end the tracing, then migrate"},
    {"Can't dump task * running in 32-bit mode",
     "the workload has a 32-bit task, and this CRIU was built without support", "use a CRIU with 32-bit support"},
    {"Net namespace is required to dump tun link", "the workload has a TUN or TAP device open",
     "let the workload close it; such a device only moves in a container with a network namespace of its own"},
    /* ---- dump: the host ---- */
    {"Unable to interrupt task: * (Operation not permitted)",
     "another program traces a task of the workload (a debugger, strace)", "end the tracing, then migrate"},
    {"SEIZE *can't", "another program traces a task of the workload (a debugger, strace)",
     "end the tracing, then migrate"},
    {"Unseizable non-zombie",
     "another program traces a task of the workload (a debugger, strace), or CRIU lacks rights",
     "end the tracing; ferryd must run as root"},
    {"Timeout reached. Try to interrupt",
     "not all tasks stopped in time; one may wait for a disk or network file system",
     "find the task in state D (ps -eo pid,state,wchan,comm), or raise timeouts.freeze in ferryd's configuration"},
    {"Unable to freeze cgroup",
     "not all tasks of the container stopped in time; one may wait for a disk or network file system",
     "find the task in state D (ps -eo pid,state,wchan,comm), or raise timeouts.freeze in ferryd's configuration"},
    {"Can't get rlimit *Operation not permitted",
     "a task of the workload belongs to another user than root, and CRIU may not read its limits: it lacks "
     "CAP_SYS_RESOURCE",
     "let ferryd have CAP_SYS_RESOURCE, also where it runs in a container or a confined unit"},
    {"Unexpected rt vDSO area bounds", "this CRIU is older than the kernel",
     "install CRIU 4.2 or newer (deploy/get-criu does)"},
    {"Can't get 1:16 opt", "this CRIU is older than the kernel (it asks for an option that sockets no longer have)",
     "install CRIU 4.2 or newer (deploy/get-criu does)"},
    {"page-pipe: *tee: *not permitted", "CRIU was denied pipes as large as it needs",
     "set fs.pipe-user-pages-soft=0 (sysctl) on this host, or give CRIU CAP_SYS_RESOURCE"},
    {"Tracking memory is not available", "this kernel has no soft-dirty tracking", "use mode stop"},
    {"Locking network failed: iptables-restore", "CRIU could not lock the network of the workload with iptables",
     "install iptables, or put `network-lock nftables` into /etc/criu/default.conf"},
    {"No space left on device", "the file system for the image set is full",
     "free memory-backed storage under run_dir (df), or give it more"},
    {"Cannot allocate memory", "the host ran out of memory", "free memory on this host"},
    {"Permission denied", "CRIU was denied access to something (named in the line)",
     "run ferryd as root without a confining security profile"},
    /* ---- restore ---- */
    {"Can't bind *Cannot assign requested address", "an address of the workload's sockets is not on this host",
     "move it with the workload (--address IP/LEN@DEVICE), or add it to this host before"},
    {"Can't bind *Address already in use", "another program on this host listens on a port of the workload",
     "stop that program, then migrate again"},
    {"Can't fork for *File exists", "a process id of the workload is in use on this host",
     "migrate again, or run the workload in a container with process ids of its own"},
    {"Pid * do not match expected", "a process id of the workload was taken by another program during the restore",
     "migrate again, or run the workload in a container with process ids of its own"},
    {"has bad size", "a file that the workload has open is not the same on this host (its size differs)",
     "make the file the same on both hosts (same package version, or a shared file system)"},
    {"has bad mode", "a file that the workload has open is not the same on this host (its mode differs)",
     "make the file the same on both hosts, or put `skip-file-rwx-check` into /etc/criu/default.conf"},
    {"has bad build-ID", "a program or library of the workload is of another build on this host",
     "install the same package version on both hosts"},
    {"Can't open file *on restore*No such file", "a file that the workload has open does not exist on this host",
     "put the same file to the same path on this host (a shared file system, or the same packages)"},
    {"Can't open file *No such file", "a file that the workload has open does not exist on this host",
     "put the same file to the same path on this host (a shared file system, or the same packages)"},
    {"Dumped with --allow-uprobes", "the workload was traced with uprobes when it was dumped",
     "end the tracing and migrate anew"},
    {"Need to set the --tcp-close", "the image set was made with --tcp close", "restore it with --tcp close too"},
    {"CPU xsave *size mismatch", "this host's processor keeps a state of another size than the source's",
     "migrate between hosts with the same processor features, or mask them in both (virtual machines: the same CPU "
     "model)"},
    {"CPU xfeatures has unsupported bits", "the workload uses processor features that this host does not have",
     "migrate to a host with at least the same processor features"},
    {"feature required by image is not supported", "the workload uses processor features that this host does not have",
     "migrate to a host with at least the same processor features"},
    {"instruction capabilities do not match", "the workload uses processor features that this host does not have",
     "migrate to a host with at least the same processor features"},
    {"Core march mismatch", "the image set is from another processor architecture",
     "migrate to a host of the same architecture"},
    {"can't write lsm profile", "the AppArmor or SELinux profile of the workload is not loaded on this host",
     "load the same profile on this host (apparmor_parser), then migrate again"},
    {"LSM specified but", "the workload has a security profile that this host's kernel does not support",
     "turn the same security module on, on both hosts"},
    {"Read * bytes while * expected on", "an image file ends too early",
     "make a new checkpoint; this one cannot be used"},
    {"Magic doesn't match", "an image file is damaged or is not CRIU's",
     "make a new checkpoint; this one cannot be used"},
    {"cgroupd: Can't move", "a task could not be put into its cgroup on this host",
     "look at the cgroup's limits and whether it can hold processes (cgroup.subtree_control)"},
    {"Can't make cgroup dir", "a cgroup of the workload could not be made on this host",
     "look at the cgroup named in the line, and whether ferryd may write there"},
    {"restore into existing cgroup", "a cgroup of the workload exists on this host",
     "remove the empty cgroup named in the line"},
    {"parent is unset, but images are", "levels before this checkpoint are missing", "copy the parent directories too"},
    /* ---- what runtimes say ---- */
    {"mkdir * file exists", "a container of that id exists on this host",
     "choose another id, or remove the other container"},
    {"with given ID already exists", "a container of that id exists on this host",
     "remove it (runc delete ID) if it is not needed"},
    {"container does not exist", "there is no container of that id", "`runc list` shows those that there are"},
    {"Unsupported configuration file format", "CRIU cannot read its configuration file",
     "correct /etc/criu/default.conf or ~/.criu/default.conf"},
    {"criu failed: type NOTIFY", "CRIU stopped at a stage that was refused, or failed before it",
     "look at CRIU's own log beside this one"},
};

bool fy_evidence_matches(const char *pattern, const char *line)
{
    char piece[128];
    while (*pattern) {
        size_t size = strcspn(pattern, "*");
        memcpy(piece, pattern, size);
        piece[size] = '\0';
        const char *found = strstr(line, piece);
        if (!found)
            return false;
        line = found + size;
        pattern += size + (pattern[size] == '*');
    }
    return true;
}

const struct fy_known_cause *fy_evidence_find_cause(const char *line)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(causes); i++)
        if (fy_evidence_matches(causes[i].pattern, line))
            return &causes[i];
    return NULL;
}

bool fy_evidence_is_harmless(const char *line)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(harmless); i++)
        if (strstr(line, harmless[i]))
            return true;
    return false;
}
